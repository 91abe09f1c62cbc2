#!/usr/bin/env python3
"""Weights after a few steps of PyTorch's optimizers, in float64: the numbers in test/engine/suite/optimizers.ts.

    pip install -r scripts/requirements-reference.txt
    python scripts/reference-optimizers.py
"""

import torch

GRADIENTS = [[0.5, -1, 0.001], [-0.25, 2, -0.002], [1, 0.5, 0.003], [0.1, -0.3, 0.004]]


def steps(make):
    weights = torch.nn.Parameter(torch.tensor([1, -2, 0.5], dtype=torch.float64))
    optimizer = make([weights])
    for gradient in GRADIENTS:
        weights.grad = torch.tensor(gradient, dtype=torch.float64)
        optimizer.step()
    return weights.tolist()


print("nesterov", steps(lambda w: torch.optim.SGD(w, lr=0.1, momentum=0.9, weight_decay=0.01, nesterov=True)))
print("adamw", steps(lambda w: torch.optim.AdamW(w, lr=0.1, betas=(0.9, 0.99), eps=1e-3, weight_decay=0.05)))
