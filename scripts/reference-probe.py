#!/usr/bin/env python3
"""How far each loss's signal carries, computed a second time, in PyTorch and float64, as docs/probe.md defines it.

Nothing is shared with relaybp but the plan and the drawn numbers: the gradients are one torch.autograd.grad per loss
and batch, all are kept, the estimates are taken from their inner products, pair by pair, and the jackknife computes
them anew without one batch after another. Student's quantile is SciPy's.

    pip install -r scripts/requirements-reference.txt scipy==1.17.1

    node bin/relaybp.js plan test/fixtures/three-loss.yaml --json > /tmp/three-loss.json
    python scripts/reference-probe.py /tmp/three-loss.json test/fixtures/signals.safetensors
"""

import argparse
import importlib.util
import itertools
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file
from scipy.stats import t

BATCHES, IMAGES, SEED = 8, 4, 1

spec = importlib.util.spec_from_file_location("gradients", Path(__file__).with_name("reference-gradients.py"))
gradients = importlib.util.module_from_spec(spec)
spec.loader.exec_module(gradients)


def weights_of(plan):
    return {name: gradients.initial(SEED, name, one) for name, one in gradients.parameters_of(plan).items()}


def filters(layer):
    """Names of the filters and matrices that are trained in a layer, those of layers inside it too."""
    return [
        parameter["name"]
        for part in gradients.nested(layer)
        if not part["frozen"]
        for parameter in part["parameters"]
        if not parameter.get("state") and len(parameter["shape"]) > 1
    ]


def all_gradients(plan, weights, images, labels):
    """By layer and loss: [batches, values of its filters]; and the layers below each loss's tap."""
    values = {name: torch.tensor(value, dtype=torch.float64, requires_grad=True) for name, value in weights.items()}
    by_name = {layer["name"]: layer for layer in plan["layers"]}
    trunk = [layer for layer in plan["layers"] if "segment" in layer]
    found = {}
    for batch, target in zip(images, labels):
        x = torch.tensor(batch, dtype=torch.float64).permute(0, 3, 1, 2)
        outputs = {}
        for layer in trunk:
            x = outputs[layer["name"]] = gradients.chain([layer], x, values)
        for loss in plan["losses"]:
            head = [by_name[layer] for layer in loss["head"]]
            logits = gradients.chain(head, outputs[loss["after"]], values)
            mean = F.cross_entropy(logits, torch.tensor(target))
            names = [layer["name"] for layer in trunk]
            for layer in trunk[: names.index(loss["after"]) + 1]:
                inputs = [values[name] for name in filters(layer)]
                if inputs:
                    parts = torch.autograd.grad(mean, inputs, retain_graph=True)
                    vector = torch.cat([part.reshape(-1) for part in parts]).numpy()
                    found.setdefault(layer["name"], {}).setdefault(loss["name"], []).append(vector)
    return {layer: {loss: np.stack(rows) for loss, rows in own.items()} for layer, own in found.items()}


def signal(a, b):
    """The mean of <g, g'> over all ordered pairs of different batches."""
    return np.mean([a[i] @ b[j] for i, j in itertools.permutations(range(len(a)), 2)])


def noise(a):
    return np.sum((a - a.mean(0)) ** 2) / (len(a) - 1)


def jackknife(statistic, *rows):
    value = statistic(*rows)
    n = len(rows[0])
    left = np.array([statistic(*(np.delete(row, i, 0) for row in rows)) for i in range(n)])
    half = t.ppf(0.975, n - 1) * np.sqrt((n - 1) / n * np.sum((left - left.mean()) ** 2))
    return np.array([value, value - half, value + half])


def ratio(a):
    return signal(a, a) / noise(a)


def root(x):
    return np.sqrt(np.maximum(0, x))


def cosine(a, b):
    squares = signal(a, a), signal(b, b)
    return signal(a, b) / np.sqrt(squares[0] * squares[1]) if min(squares) > 0 else np.nan


def batch_cosine(a, b):
    return np.mean(np.sum(a * b, 1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1))


def estimates(plan, found, weights):
    """[value, low, high] each, by the names that the test reads; not a number where nothing is known."""
    weight_of = {loss["name"]: loss["weight"] for loss in plan["losses"]}
    by_name = {layer["name"]: layer for layer in plan["layers"]}
    for layer, own in found.items():
        values = np.concatenate([weights[name].reshape(-1) for name in filters(by_name[layer])])
        yield f"weight/{layer}", np.array([np.abs(values).mean()])
        for loss, rows in own.items():
            yield f"signalToNoise/{layer}/{loss}", root(jackknife(ratio, rows))
            yield f"mean/{layer}/{loss}", np.array([root(signal(rows, rows))])
            yield f"spread/{layer}/{loss}", np.array([root(noise(rows))])
            size = jackknife(lambda some: weight_of[loss] * np.abs(some).mean(), rows)
            yield f"magnitude/{layer}/{loss}", np.maximum(0, size)
        for (a, first), (b, second) in itertools.combinations(own.items(), 2):
            yield f"cosine/{layer}/{a}/{b}", np.clip(jackknife(cosine, first, second), -1, 1)
            yield f"batchCosine/{layer}/{a}/{b}", np.clip(jackknife(batch_cosine, first, second), -1, 1)
            apart = jackknife(lambda x, y: root(ratio(x)) - root(ratio(y)), first, second)
            yield f"difference/{layer}/{a}/{b}", apart


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plan")
    parser.add_argument("out")
    args = parser.parse_args()
    plan = gradients.read_plan(args.plan)
    weights = weights_of(plan)
    # A common part in all images, so that the mean gradient stands out.
    shape = [BATCHES, IMAGES, *plan["input"]]
    images = (gradients.draw(SEED, "images", shape, 1) + gradients.draw(SEED, "common", plan["input"], 1)).astype(np.float32)
    labels = np.random.default_rng(SEED).integers(0, plan["classes"], size=(BATCHES, IMAGES))
    found = all_gradients(plan, weights, images, labels)
    tensors = {"images": images, "labels": labels}
    tensors |= {f"parameter/{name}": value for name, value in weights.items()}
    tensors |= dict(estimates(plan, found, weights))
    save_file({name: np.array(value, dtype=np.float32, order="C") for name, value in tensors.items()}, args.out)
    print(f"{args.out}: {len(tensors)} tensors")


if __name__ == "__main__":
    main()
