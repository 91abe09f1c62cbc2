#!/usr/bin/env python3
"""The foreign rows of docs/compatibility.md about training, from T1 on.

    pip install -r scripts/compatibility/requirements-images-training.txt
    python scripts/compatibility/training.py
"""

import warnings

from claims import claim, end

import keras
import numpy as np
import torch
from timm.optim import create_optimizer_v2
from timm.scheduler import create_scheduler_v2

warnings.simplefilter("ignore")


def torch_steps(make, rates, gradients=None):
    weight = torch.nn.Parameter(torch.tensor([1.0, 1.0]))
    optimizer = make([weight])
    for i, rate in enumerate(rates):
        optimizer.param_groups[0]["lr"] = rate
        weight.grad = torch.tensor([1.0, 1.0] if gradients is None else gradients[i])
        optimizer.step()
    return weight.detach().tolist()


def keras_steps(optimizer, rates):
    weight = keras.Variable([1.0, 1.0])
    optimizer.build([weight])
    for rate in rates:
        optimizer.learning_rate = rate
        optimizer.apply([np.ones(2, "float32")])
    return [float(v) for v in weight.numpy()]


# T1: momentum and a rate that falls from 0.1 to 0.01, gradient 1: 1 - 0.1, then less (0.9 + 1) x 0.01 or 0.9 x 0.1 + 0.01
claim("T1", "torch SGD", torch_steps(lambda p: torch.optim.SGD(p, 0.1, momentum=0.9), [0.1, 0.01]), [0.881] * 2, 1e-6)
claim("T1", "Keras SGD", keras_steps(keras.optimizers.SGD(0.1, momentum=0.9), [0.1, 0.01]), [0.8] * 2, 1e-6)

# T2: Nesterov unless something is said
model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.BatchNorm2d(4))
claim("T2", "timm 'sgd'", create_optimizer_v2(model, opt="sgd", lr=0.1).defaults["nesterov"], True)
claim("T2", "timm 'momentum'", create_optimizer_v2(model, opt="momentum", lr=0.1).defaults["nesterov"], False)
claim("T2", "torch SGD", torch.optim.SGD(model.parameters(), 0.1, momentum=0.9).defaults["nesterov"], False)
claim("T2", "Keras SGD", keras.optimizers.SGD(0.1, momentum=0.9).nesterov, False)

# T3: what decays: biases and normalizations too?
groups = create_optimizer_v2(model, opt="momentum", lr=0.1, weight_decay=0.1).param_groups
decays = {group["weight_decay"]: sum(p.numel() for p in group["params"]) for group in groups}
claim("T3", "timm, parameters by decay (12 of the kernel, 12 others)", decays, {0.0: 12, 0.1: 12})
decayed = torch_steps(lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, weight_decay=0.5), [0.1, 0.1], [[0.0, 0.0]] * 2)
claim("T3", "torch SGD: in the gradient, through the momentum", decayed, [0.8575] * 2, 1e-6)
weight = keras.Variable([1.0, 1.0])
optimizer = keras.optimizers.SGD(0.1, momentum=0.9, weight_decay=0.5)
optimizer.build([weight])
for _ in range(2):
    optimizer.apply([np.zeros(2, "float32")])
claim("T3", "Keras SGD: beside it (decoupled), times the rate", [float(v) for v in weight.numpy()], [0.9025] * 2, 1e-6)

# T4: the evaluation after which a plateau of patience 3 lowers the rate, the first one being the best
def torch_plateau():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 1.0)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=3)
    for evaluation in range(1, 20):
        plateau.step(1.0)
        if optimizer.param_groups[0]["lr"] < 1:
            return evaluation


def keras_plateau():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(1.0), "mse")
    callback = keras.callbacks.ReduceLROnPlateau(patience=3)
    callback.set_model(model)
    callback.on_train_begin()
    for evaluation in range(1, 20):
        callback.on_epoch_end(evaluation, {"val_loss": 1.0})
        if float(model.optimizer.learning_rate) < 1:
            return evaluation


claim("T4", "torch ReduceLROnPlateau", torch_plateau(), 5)
claim("T4", "Keras ReduceLROnPlateau", keras_plateau(), 4)
plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(torch.optim.SGD(model.parameters(), 1.0))
claim("T4", "torch: better by", (plateau.threshold, plateau.threshold_mode), (1e-4, "rel"))
claim("T4", "Keras: better by (absolute)", keras.callbacks.ReduceLROnPlateau().min_delta, 1e-4)


# T5, T6: timm's schedules
def timm_rates(epochs, **settings):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 1.0)
    scheduler, _ = create_scheduler_v2(optimizer, num_epochs=epochs, **settings)
    rates = []
    for epoch in range(epochs):
        rates.append(round(optimizer.param_groups[0]["lr"], 4))
        scheduler.step(epoch + 1)
    return rates


def torch_rates(make, epochs):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 1.0)
    scheduler = make(optimizer)
    rates = []
    for _ in range(epochs):
        rates.append(round(optimizer.param_groups[0]["lr"], 4))
        optimizer.step()
        scheduler.step()
    return rates


multistep = timm_rates(6, sched="multistep", decay_milestones=[3], decay_rate=0.1)
claim("T5", "timm multistep at 3", multistep, [1.0, 1.0, 0.1, 0.1, 0.1, 0.1])
multistep = torch_rates(lambda o: torch.optim.lr_scheduler.MultiStepLR(o, [3], 0.1), 6)
claim("T5", "torch MultiStepLR at 3", multistep, [1.0, 1.0, 1.0, 0.1, 0.1, 0.1])
cosine = timm_rates(4, sched="cosine", warmup_epochs=2, warmup_lr=0.1)
claim("T6", "timm cosine, warm-up 2 of 4", cosine, [0.1, 0.55, 0.5, 0.1464])
cosine = timm_rates(4, sched="cosine", warmup_epochs=2, warmup_lr=0.1, warmup_prefix=True)
claim("T6", "timm cosine, warmup_prefix", cosine, [0.1, 0.55, 1.0, 0.8536])
cosine = torch_rates(lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 4), 4)
claim("T6", "torch CosineAnnealingLR(4)", cosine, [1.0, 0.8536, 0.5, 0.1464])

# T7: running variance after one batch of 0, 1, 2, 3 (biased 1.25, unbiased 1.6667)
batch = np.arange(4, dtype="float32").reshape(4, 1)
norm = torch.nn.BatchNorm1d(1, momentum=1.0)
norm(torch.from_numpy(batch))
claim("T7", "torch BatchNorm", [float(norm.running_var)], [5 / 3], 1e-5)
layer = keras.layers.BatchNormalization(momentum=0.0)
layer(batch, training=True)
claim("T7", "Keras BatchNormalization", [float(layer.moving_variance.numpy()[0])], [1.25], 1e-5)
norm, layer = torch.nn.BatchNorm1d(1), keras.layers.BatchNormalization()
claim("T8", "torch: momentum (of the new), epsilon", (norm.momentum, norm.eps), (0.1, 1e-5))
claim("T8", "Keras: momentum (of the old), epsilon", (layer.momentum, layer.epsilon), (0.99, 1e-3))

# T9: deviation of the first weights of a 3x3 convolution of 64 maps, times sqrt(fan in) (He: 1.414)
torch.manual_seed(1)
conv = torch.nn.Conv2d(64, 256, 3)
claim("T9", "torch Conv2d (uniform)", [float(conv.weight.detach().std()) * 576**0.5], [1 / 3**0.5], 0.02)
keras.utils.set_random_seed(1)
conv = keras.layers.Conv2D(256, 3)
conv.build((None, 8, 8, 64))
claim("T9", "Keras Conv2D (Glorot)", [float(np.std(conv.kernel.numpy())) * 576**0.5], [(2 / (1 + 4)) ** 0.5], 0.02)

# T10: clipping gradients of which one is infinite
weight = torch.nn.Parameter(torch.zeros(3))
weight.grad = torch.tensor([1.0, float("inf"), 2.0])
torch.nn.utils.clip_grad_norm_([weight], 1.0)
claim("T10", "torch clip_grad_norm_", str(weight.grad.tolist()), "[0.0, nan, 0.0]")

# T11: label smoothing 0.1 of four classes, logits 0 0 0 3, class 3
logits, label = torch.tensor([[0.0, 0.0, 0.0, 3.0]]), torch.tensor([3])
ours = -(np.array([0.025, 0.025, 0.025, 0.925]) * torch.log_softmax(logits, 1).numpy()[0]).sum()
claim("T11", "torch CrossEntropyLoss", [float(torch.nn.CrossEntropyLoss(label_smoothing=0.1)(logits, label))], [ours], 1e-6)
smoothed = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
claim("T11", "Keras", [float(smoothed(np.eye(4, dtype="float32")[[3]], logits.numpy()))], [ours], 1e-6)

# T12: AdamW's epsilon
claim("T12", "torch AdamW", torch.optim.AdamW([weight]).defaults["eps"], 1e-8)
claim("T12", "Keras AdamW", keras.optimizers.AdamW().epsilon, 1e-7)

end()
