#!/usr/bin/env python3
"""Relay gradients computed a second time, in PyTorch and float64, to check those of relaybp against.

The network is rebuilt from the output of `relaybp plan --json` alone (docs/plan.md). The gradients are computed as
the method is defined, not as relaybp computes them: for each loss by itself, torch.autograd.grad with respect to
the parameters within its range, times its weight; then the sum over the losses. Dropout is off.

    pip install -r scripts/requirements-reference.txt

Check the gradients of a config (docs/grad.md); exit code 1 if a tensor is further off than the tolerance:

    relaybp plan config.yaml --json > plan.json
    relaybp grad config.yaml --by-loss --out grads.safetensors
    python scripts/reference-gradients.py check plan.json grads.safetensors

Write the reference values that the tests in test/relay read (weights and images are drawn here):

    for name in standard multi-loss relay disjoint three-loss layers; do
      node bin/relaybp.js plan test/fixtures/$name.yaml --json > /tmp/$name.json
      python scripts/reference-gradients.py write /tmp/$name.json test/fixtures/$name.safetensors
    done
    python scripts/reference-gradients.py write --soft /tmp/three-loss.json test/fixtures/three-loss-soft.safetensors
    for soft in "" --soft; do
      python scripts/reference-gradients.py write --class-weights $soft /tmp/three-loss.json \
        test/fixtures/three-loss-class-weights${soft#-}.safetensors
    done
"""

import argparse
import json
import sys
import zlib
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import load_file, save_file


# --- The network, from the plan ------------------------------------------------------------------------------


def nested(layer):
    """A layer and every layer inside it."""
    paths = [*layer.get("paths", []), layer.get("body", []), layer.get("shortcut", [])]
    return [layer] + [inner for path in paths for part in path for inner in nested(part)]


def pad(x, padding, value=0.0):
    top, bottom, left, right = padding
    return F.pad(x, (left, right, top, bottom), value=value)


def pool(x, window):
    """Padding never wins a maximum; an average divides by the real pixels and the counted padding."""
    kernel, stride = tuple(window["kernel"]), tuple(window["stride"])
    if window["kind"] == "max":
        return F.max_pool2d(pad(x, window["padding"], float("-inf")), kernel, stride)
    sums = F.avg_pool2d(pad(x, window["padding"]), kernel, stride, divisor_override=1)
    ones = pad(torch.ones_like(x[:1, :1]), window["counted"], value=1.0)
    rest = [whole - part for whole, part in zip(window["padding"], window["counted"])]
    return sums / F.avg_pool2d(pad(ones, rest), kernel, stride, divisor_override=1)


def flat(x):
    """[batch, channels, height, width] row-major as height, width, channels."""
    return x if x.dim() == 2 else x.permute(0, 2, 3, 1).flatten(1)


def forward(layer, x, weights):
    """Runs one layer of the plan. Maps are [batch, channels, height, width]."""
    kind = layer["type"]
    if kind == "conv":
        filters, *bias = [weights[parameter["name"]] for parameter in layer["parameters"]]
        window = layer["window"]
        y = F.conv2d(pad(x, window["padding"]), filters.permute(3, 2, 0, 1), stride=tuple(window["stride"]))
        y = y + bias[0].view(1, -1, 1, 1) if bias else y
        return F.relu(y) if layer["relu"] else y
    if kind == "fc":
        matrix, *bias = [weights[parameter["name"]] for parameter in layer["parameters"]]
        y = flat(x) @ matrix
        y = y + bias[0] if bias else y
        return F.relu(y) if layer["relu"] else y
    if kind in ("maxpool", "avgpool"):
        return pool(x, layer["window"])
    if kind == "spp":
        return torch.cat([flat(pool(x, level["window"])) for level in layer["levels"]], dim=1)
    if kind == "batchnorm":
        y = batch_norm(layer, x, *[weights[parameter["name"]] for parameter in layer["parameters"]])
        return F.relu(y) if layer["relu"] else y
    if kind == "lrn":
        return F.local_response_norm(x, layer["size"], layer["alpha"], layer["beta"], layer["k"])
    if kind == "residual":
        y = chain(layer["body"], x, weights) + chain(layer["shortcut"], x, weights)
        return F.relu(y) if layer["relu"] else y
    if kind == "branches":
        return torch.cat([chain(path, x, weights) for path in layer["paths"]], dim=1)
    if kind == "relu":
        return F.relu(x)
    if kind == "dropout":
        return x
    sys.exit(f'unknown layer type "{kind}" in the plan')


def batch_norm(layer, x, weight, bias, mean, variance):
    """With the statistics of each micro-batch, as in training; where it is frozen with the running ones."""
    momentum, epsilon = layer["momentum"], layer["epsilon"]
    if layer["frozen"]:
        return F.batch_norm(x, mean.detach(), variance.detach(), weight, bias, False, momentum, epsilon)
    parts = x.split(layer["microBatch"])
    return torch.cat([F.batch_norm(part, None, None, weight, bias, True, momentum, epsilon) for part in parts])


def chain(layers, x, weights):
    for layer in layers:
        x = forward(layer, x, weights)
        expect_shape(layer, x)
    return x


def expect_shape(layer, x):
    shape = list(x.shape[1:]) if x.dim() == 2 else [x.shape[2], x.shape[3], x.shape[1]]
    if shape != layer["output"]:
        sys.exit(f'{layer["name"]}: the output is {shape} here and {layer["output"]} in the plan')


# --- Losses and gradients, as the method defines them --------------------------------------------------------


def trained(layers):
    """Names of the parameters that a loss trains in these layers."""
    inner = [part for layer in layers for part in nested(layer) if not part["frozen"]]
    return [parameter["name"] for part in inner for parameter in part["parameters"] if not parameter.get("state")]


def reference(plan, weights, images, targets, class_weights={}):
    """Targets are labels or, two-dimensional, shares of the classes; a label of -1 or a row of zeros does not count.

    Losses whose name is in `class_weights` weigh each class by it. Logits, losses, gradients and each loss's own share of them, by the names that a grad file has."""
    values = {name: torch.tensor(value, dtype=torch.float64, requires_grad=True) for name, value in weights.items()}
    by_name = {layer["name"]: layer for layer in plan["layers"]}
    x = torch.tensor(images, dtype=torch.float64).permute(0, 3, 1, 2)
    targets = torch.tensor(targets)
    targets = targets.long() if targets.dim() == 1 else targets.double()
    outputs = {}
    for layer in plan["layers"]:
        if "segment" in layer:
            x = outputs[layer["name"]] = chain([layer], x, values)
    found = {}
    for loss in plan["losses"]:
        name = loss["name"]
        head = [by_name[layer] for layer in loss["head"]]
        logits = chain(head, outputs[loss["after"]], values)
        hard = {"ignore_index": -1} if targets.dim() == 1 else {}
        by_class = torch.tensor(class_weights[name], dtype=torch.float64) if name in class_weights else None
        mean = F.cross_entropy(logits, targets, weight=by_class, reduction="sum", **hard) / len(targets)
        found[f"logits/{name}"] = logits.detach()
        found[f"loss/{name}"] = mean.detach()
        parameters = trained([by_name[layer] for layer in loss["range"]["layers"]] + head)
        inputs = [values[parameter] for parameter in parameters]
        gradients = torch.autograd.grad(mean, inputs, retain_graph=True) if inputs else []
        for parameter, gradient in zip(parameters, gradients):
            share = loss["weight"] * gradient
            found[f"gradient-of/{name}/{parameter}"] = share
            total = f"gradient/{parameter}"
            found[total] = found[total] + share if total in found else share
    return {name: value.numpy() for name, value in found.items()}


def parameters_of(plan):
    return {p["name"]: p for layer in plan["layers"] for part in nested(layer) for p in part["parameters"]}


def read_plan(path):
    plan = json.loads(Path(path).read_text())
    if plan.get("formatVersion") != 1:
        sys.exit(f'{path}: formatVersion is {plan.get("formatVersion")}; this script reads 1')
    for part in (part for layer in plan["layers"] for part in nested(layer)):
        part["microBatch"] = plan["microBatch"]
    return plan


# --- Commands ------------------------------------------------------------------------------------------------


def check(args):
    plan = read_plan(args.plan)
    if args.phase > 1:
        plan["losses"] = plan["phases"][args.phase - 1]["losses"]
    file = load_file(args.grads)
    if "batch.images" not in file or "batch.labels" not in file:
        sys.exit(f"{args.grads} holds no batch: it is not an output of relaybp grad")
    weights = {name.removeprefix("weight/"): value for name, value in file.items() if name.startswith("weight/")}
    shapes = {name: tuple(parameter["shape"]) for name, parameter in parameters_of(plan).items()}
    if {name: value.shape for name, value in weights.items()} != shapes:
        sys.exit(f"{args.grads} holds other weights than {args.plan} describes: are both of the same config?")
    targets = file.get("batch.targets", file["batch.labels"])
    expected = reference(plan, weights, file["batch.images"], targets, class_weights_of(file))
    computed = {name for name in file if not name.startswith(("batch.", "weight/"))}
    optional = {name for name in expected if name.startswith("gradient-of/")}
    if not any(name.startswith("gradient-of/") for name in computed):
        expected = {name: value for name, value in expected.items() if name not in optional}
    problems = [f"{name}: missing in the file" for name in sorted(expected.keys() - computed)]
    problems += [f"{name}: no loss's range has this" for name in sorted(computed - expected.keys())]
    gradients = [np.linalg.norm(value) for name, value in expected.items() if name.startswith("gradient/")]
    smallest = 1e-6 * max(gradients, default=0)
    worst = 0.0
    print(f"{'relative error':>14}  {'norm':>10}  tensor")
    groups = ["loss", "logits", "gradient", "gradient-of"]
    for name in sorted(expected, key=lambda name: groups.index(name.split("/")[0])):
        if name not in computed:
            continue
        norm = np.linalg.norm(expected[name])
        distance = np.linalg.norm(file[name].astype(np.float64) - expected[name])
        # A bias right before a batch normalization has no gradient but for rounding.
        scale = max(norm, smallest) if name.startswith("gradient") else norm
        error = distance / scale if scale > 0 else distance
        print(f"{error:14.2e}  {norm:10.3e}  {name}{'' if error <= args.tolerance else '  <-- too far off'}")
        if not error <= args.tolerance:
            problems.append(f"{name}: relative error {error:.2e}")
        worst = max(worst, error)
    print(f"worst relative error {worst:.2e}, tolerance {args.tolerance:.0e}, {len(expected)} tensors")
    for problem in problems:
        print(problem, file=sys.stderr)
    sys.exit(1 if problems else 0)


def draw(seed, name, shape, scale):
    generator = np.random.default_rng([seed, zlib.crc32(name.encode())])
    return (scale * generator.standard_normal(shape)).astype(np.float32)


def initial(seed, name, parameter):
    """Biases start at zero in training; here they differ from it, so that they are seen to be used. So do the ones and
    zeros of a batch normalization."""
    rule = parameter["initializer"]
    if rule["type"] == "he":
        return draw(seed, name, parameter["shape"], (2 / rule["fanIn"]) ** 0.5)
    around = np.float32(1 if rule["type"] == "ones" else 0)
    return around + draw(seed, name, parameter["shape"], 0.1)


def write(args):
    plan = read_plan(args.plan)
    weights = {name: initial(args.seed, name, parameter) for name, parameter in parameters_of(plan).items()}
    images = draw(args.seed, "batch.images", [args.images, *plan["input"]], 1)
    labels = np.arange(args.images) % plan["classes"]
    tensors = {"batch.images": images, "batch.labels": labels}
    if args.soft:
        tensors["batch.targets"] = soft_targets(labels, plan["classes"])
    if args.class_weights:
        # All but the second loss; others for each.
        for i, loss in enumerate(loss for i, loss in enumerate(plan["losses"]) if i != 1):
            values = np.roll(np.geomspace(0.25, 4, plan["classes"], dtype=np.float32), i)
            tensors[f'{CLASS_WEIGHTS}{loss["name"]}'] = values
    found = reference(plan, weights, images, tensors.get("batch.targets", labels), class_weights_of(tensors))
    tensors |= {f"weight/{name}": value for name, value in weights.items()}
    tensors |= {name: value for name, value in found.items() if not name.startswith("gradient-of/")}
    # Row-major copies: the file's writer takes the bytes as they lie.
    arrays = {name: np.array(value, dtype=np.float32, order="C") for name, value in tensors.items()}
    save_file(arrays, args.out)
    print(f"{args.out}: {len(arrays)} tensors")


CLASS_WEIGHTS = "batch.classWeights/"


def class_weights_of(tensors):
    return {n.removeprefix(CLASS_WEIGHTS): value for n, value in tensors.items() if n.startswith(CLASS_WEIGHTS)}


def soft_targets(labels, classes):
    """Neighbours mixed 0.7 to 0.3, then smoothed by 0.1; the last image does not count."""
    one_hot = np.eye(classes, dtype=np.float32)[labels]
    partner = one_hot[np.arange(len(labels)) ^ 1]
    targets = 0.9 * (0.7 * one_hot + 0.3 * partner) + 0.1 / classes
    targets[-1] = 0
    return targets.astype(np.float32)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("check", help="compare a grad file with PyTorch")
    one.add_argument("plan", help="output of relaybp plan --json")
    one.add_argument("grads", help="output of relaybp grad")
    one.add_argument("--tolerance", type=float, default=1e-4, help="largest |difference| / |reference| (%(default)g)")
    one.add_argument("--phase", type=int, default=1, help="that relaybp grad was given (%(default)s)")
    one.set_defaults(run=check)
    two = commands.add_parser("write", help="draw weights and a batch, and store them with their gradients")
    two.add_argument("plan", help="output of relaybp plan --json")
    two.add_argument("out", help="safetensors file to write")
    two.add_argument("--images", type=int, default=6, help="images in the batch (%(default)s)")
    two.add_argument("--seed", type=int, default=0)
    two.add_argument("--soft", action="store_true", help="targets that are mixed and smoothed in place of labels")
    two.add_argument("--class-weights", action="store_true", help="losses that weigh classes differently")
    two.set_defaults(run=write)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
