#!/usr/bin/env python3
"""Trains the network of a config in PyTorch, for its speed.

The network is rebuilt from the output of `relaybp plan --json` alone (docs/plan.md), as a user of PyTorch would write
it: modules, channels-last memory, oneDNN's kernels, in-place ReLUs, bfloat16 by autocast, torch.optim.

    relaybp plan config.yaml --json > plan.json
    python scripts/bench-pytorch.py run plan.json --mode relay --formulation grad --precision bf16
    python scripts/bench-pytorch.py check plan.json grads.safetensors     # the same step as relaybp's?
    python scripts/bench-pytorch.py serve plan.json ...                   # for scripts/bench-vs-pytorch.js

How the losses go backward (--mode, --formulation):
    bp                  the primary loss alone, down to the input
    multiloss           the weighted sum of all losses, down to the input
    relay, inputs       one backward(inputs=...) per loss, with respect to the parameters within its range
    relay, grad         torch.autograd.grad between the places where ranges begin and end: where they overlap, once
                        with the summed signal for the parameters, once with each signal that goes on for the input
"""

import argparse
import contextlib
import json
import statistics
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

# --- The network, from the plan ------------------------------------------------------------------------------


class Padded(nn.Module):
    """Padding that the operation itself cannot do, then the operation."""

    def __init__(self, padding, value, inner):
        super().__init__()
        top, bottom, left, right = padding
        self.padding, self.value, self.inner = (left, right, top, bottom), value, inner

    def forward(self, x):
        return self.inner(F.pad(x, self.padding, value=self.value))


class CountedAverage(nn.Module):
    """An average pooling where only a part of the padding counts in the divisor."""

    def __init__(self, window, size):
        super().__init__()
        top, bottom, left, right = window["counted"]
        rest = [whole - part for whole, part in zip(window["padding"], window["counted"])]
        self.kernel, self.stride = tuple(window["kernel"]), tuple(window["stride"])
        ones = F.pad(torch.ones(1, 1, *size), (left, right, top, bottom), value=1.0)
        area = self.kernel[0] * self.kernel[1]
        ones = F.pad(ones, (rest[2], rest[3], rest[0], rest[1]))
        self.register_buffer("share", 1 / (area * F.avg_pool2d(ones, self.kernel, self.stride)), persistent=False)
        self.area = area
        padding = window["padding"]
        self.padding = (padding[2], padding[3], padding[0], padding[1])

    def forward(self, x):
        return F.avg_pool2d(F.pad(x, self.padding), self.kernel, self.stride) * (self.share * self.area).to(x.dtype)


class Flat(nn.Module):
    """[batch, channels, height, width] as rows of height, width, channels: a view of channels-last memory."""

    def forward(self, x):
        return x if x.dim() == 2 else x.permute(0, 2, 3, 1).flatten(1)


class Pyramid(nn.Module):
    def __init__(self, levels):
        super().__init__()
        self.levels, self.flat = nn.ModuleList(levels), Flat()

    def forward(self, x):
        return torch.cat([self.flat(level(x)) for level in self.levels], dim=1)


class Branches(nn.Module):
    def __init__(self, paths):
        super().__init__()
        self.paths = nn.ModuleList(paths)

    def forward(self, x):
        return torch.cat([path(x) for path in self.paths], dim=1)


class Residual(nn.Module):
    def __init__(self, body, shortcut, relu):
        super().__init__()
        self.body, self.shortcut, self.relu = body, shortcut, relu

    def forward(self, x):
        y = self.body(x) + self.shortcut(x)
        return F.relu_(y) if self.relu else y


class Frozen(nn.Module):
    """Batch normalization that always uses its running statistics."""

    def __init__(self, norm):
        super().__init__()
        self.norm = norm

    def train(self, mode=True):
        return super().train(False)

    def forward(self, x):
        return self.norm(x)


def pooling(window, size, output):
    """The plainest operation that gives the same windows: its own padding and ceil rounding where they will do."""
    kernel, stride = tuple(window["kernel"]), tuple(window["stride"])
    top, bottom, left, right = padding = window["padding"]
    counted = window["counted"]
    biggest = window["kind"] == "max"
    fits = 2 * top <= kernel[0] and 2 * left <= kernel[1]
    for ceil in (False, True) if fits else ():
        if not ceil and (top, left) != (bottom, right):
            continue
        probe = torch.zeros(1, 1, *size)
        if biggest:
            op = nn.MaxPool2d(kernel, stride, (top, left), ceil_mode=ceil)
        elif counted == [0, 0, 0, 0] or counted == [top, top, left, left]:
            op = nn.AvgPool2d(kernel, stride, (top, left), ceil, count_include_pad=any(counted))
        else:
            break
        if list(op(probe).shape[2:]) == output[:2]:
            return op
    if biggest:
        return Padded(padding, float("-inf"), nn.MaxPool2d(kernel, stride))
    return CountedAverage(window, size)


def convolution(layer):
    window = layer["window"]
    _, _, channels, filters = layer["parameters"][0]["shape"]
    top, bottom, left, right = window["padding"]
    own = (top, left) == (bottom, right)
    op = nn.Conv2d(
        channels,
        filters,
        tuple(window["kernel"]),
        tuple(window["stride"]),
        (top, left) if own else 0,
        bias=len(layer["parameters"]) > 1,
    )
    return op, op if own else Padded(window["padding"], 0.0, op)


class Builder:
    """Modules of layers, and the tensors behind the plan's parameters by name."""

    def __init__(self, dropout):
        self.dropout = dropout
        self.tensors = {}
        self.frozen = set()

    def chain(self, layers):
        return nn.Sequential(*[self.layer(layer) for layer in layers])

    def layer(self, layer):
        parts = self.parts(layer)
        if layer.get("relu") is True and layer["type"] != "residual":
            parts.append(nn.ReLU(inplace=True))
        return nn.Sequential(*parts) if len(parts) > 1 else parts[0]

    def parts(self, layer):
        kind = layer["type"]
        if kind == "conv":
            op, padded = convolution(layer)
            return [self.own(layer, op, padded)]
        if kind == "fc":
            units = layer["parameters"][0]["shape"]
            op = nn.Linear(*units, bias=len(layer["parameters"]) > 1)
            own = self.own(layer, op, op)
            return [Flat(), own] if len(layer["input"]) == 3 else [own]
        if kind in ("maxpool", "avgpool"):
            return [pooling(layer["window"], layer["input"][:2], layer["output"])]
        if kind == "spp":
            size = layer["input"][:2]
            return [Pyramid([pooling(level["window"], size, [level["bins"]] * 2) for level in layer["levels"]])]
        if kind == "batchnorm":
            make = nn.BatchNorm2d if len(layer["input"]) == 3 else nn.BatchNorm1d
            op = make(layer["input"][-1], eps=layer["epsilon"], momentum=layer["momentum"])
            return [self.own(layer, op, Frozen(op) if layer["frozen"] else op)]
        if kind == "lrn":
            return [nn.LocalResponseNorm(layer["size"], layer["alpha"], layer["beta"], layer["k"])]
        if kind == "residual":
            return [Residual(self.chain(layer["body"]), self.chain(layer["shortcut"]), layer["relu"])]
        if kind == "branches":
            return [Branches([self.chain(path) for path in layer["paths"]])]
        if kind == "relu":
            return [nn.ReLU()]
        if kind == "dropout":
            return [nn.Dropout(layer["rate"]) if self.dropout else nn.Identity()]
        sys.exit(f'unknown layer type "{kind}" in the plan')

    def own(self, layer, op, module):
        names = ["weight", "bias", "running_mean", "running_var"]
        for parameter, name in zip(layer["parameters"], names):
            tensor = getattr(op, name)
            self.tensors[parameter["name"]] = tensor
            if layer["frozen"]:
                tensor.requires_grad_(False)
        return module


class Network(nn.Module):
    """Trunk layers in a list, and the heads of the losses that are trained."""

    def __init__(self, plan, mode, dropout=True):
        super().__init__()
        self.losses = losses_of(plan, mode)
        by_name = {layer["name"]: layer for layer in plan["layers"]}
        trunk = [layer for layer in plan["layers"] if "segment" in layer]
        self.names = [layer["name"] for layer in trunk]
        self.top = max(self.names.index(loss["after"]) for loss in self.losses)
        build = Builder(dropout)
        self.trunk = nn.ModuleList([build.layer(layer) for layer in trunk[: self.top + 1]])
        self.heads = nn.ModuleList([build.chain([by_name[name] for name in loss["head"]]) for loss in self.losses])
        self.tensors = build.tensors
        self.taps = [self.names.index(loss["after"]) for loss in self.losses]
        self.reaches = [self.reach(loss) for loss in self.losses]

    def reach(self, loss):
        """The lowest trunk layer that a loss trains; above its tap if there is none."""
        tap = self.names.index(loss["after"])
        inside = loss["range"]["layers"]
        for at, name in enumerate(self.names[: tap + 1]):
            if name in inside and any(p.requires_grad for p in self.trunk[at].parameters()):
                return at
        return tap + 1

    def parameters_of(self, low, high):
        """Trainable parameters of trunk layers low..high."""
        return [p for at in range(low, high + 1) for p in self.trunk[at].parameters() if p.requires_grad]

    def head_parameters(self, i):
        return [p for p in self.heads[i].parameters() if p.requires_grad]


def losses_of(plan, mode):
    trunk = [layer["name"] for layer in plan["layers"] if "segment" in layer]
    losses = plan["losses"]
    if mode == "bp":
        losses = [loss for loss in losses if loss["primary"]]
    if mode in ("bp", "multiloss"):
        whole = lambda loss: trunk[: trunk.index(loss["after"]) + 1]
        losses = [{**loss, "range": {"layers": whole(loss)}} for loss in losses]
    return losses


# --- One micro-batch: forward, backward ----------------------------------------------------------------------


class Step:
    """Leaves the gradients in the parameters' .grad, added to what is there."""

    def __init__(self, network, formulation, precision, compiled=False):
        self.network = network
        self.formulation = formulation
        self.bf16 = precision == "bf16"
        cuts = self.cuts()
        # Trunk layers between two places where something happens, as one module: what a user would compile.
        bounds = list(zip([0, *cuts], [*cuts, network.top + 1]))
        self.parts = [(low, high - 1, nn.Sequential(*network.trunk[low:high])) for low, high in bounds]
        self.heads = list(network.heads)
        if compiled:
            import torch._functorch.config as functorch

            functorch.donated_buffer = False  # a graph may be gone through twice
            self.parts = [(low, high, torch.compile(part)) for low, high, part in self.parts]
            self.heads = [torch.compile(head) for head in self.heads]

    def signals(self, at):
        """Bottoms of the losses whose signal passes trunk layer `at`."""
        network = self.network
        return sorted({r for tap, r in zip(network.taps, network.reaches) if r <= at <= tap})

    def cuts(self):
        """Trunk layers below which a tap lies, or other signals pass than above."""
        taps = self.network.taps
        changes = [at for at in range(1, self.network.top + 1) if self.signals(at) != self.signals(at - 1)]
        return sorted({*changes, *[tap + 1 for tap in taps if tap < self.network.top]})

    def __call__(self, images, labels, scale):
        """`scale`: share of the whole batch. Returns the losses, unweighted."""
        network = self.network
        cast = torch.autocast("cpu", torch.bfloat16) if self.bf16 else contextlib.nullcontext()
        outputs, x = {-1: images}, images
        with cast:
            logits = [None] * len(network.losses)
            for _, high, part in self.parts:
                x = outputs[high] = part(x)
                for i, tap in enumerate(network.taps):
                    if tap == high:
                        logits[i] = self.heads[i](x)
            losses = [F.cross_entropy(values, labels) for values in logits]
        weighted = [loss["weight"] * scale * value for loss, value in zip(network.losses, losses)]
        if self.formulation == "sum":
            torch.stack(weighted).sum().backward() if len(weighted) > 1 else weighted[0].backward()
        elif self.formulation == "inputs":
            self.by_inputs(weighted)
        else:
            self.by_grad(weighted, outputs)
        return [value.detach() for value in losses]

    def by_inputs(self, weighted):
        network = self.network
        # The primary loss last: the auxiliary ones end at a tap below it.
        for i, value in enumerate(weighted):
            inputs = network.parameters_of(network.reaches[i], network.taps[i]) + network.head_parameters(i)
            value.backward(inputs=inputs, retain_graph=i + 1 < len(weighted))

    def by_grad(self, weighted, outputs):
        network = self.network
        entering = {}
        for i, value in enumerate(weighted):
            parameters = network.head_parameters(i)
            goes_on = network.reaches[i] <= network.taps[i]
            tap = [outputs[network.taps[i]]] if goes_on else []
            found = torch.autograd.grad(value, tap + parameters)
            if goes_on:
                entering.setdefault(network.taps[i], []).append((network.reaches[i], found[0]))
            add_gradients(parameters, found[len(tap) :])
        signals = {}
        for low, high, _ in reversed(self.parts):
            for reach, signal in entering.get(high, []):
                signals[reach] = signals[reach] + signal if reach in signals else signal
            if signals:
                signals = self.part_backward(low, high, outputs, signals)

    def part_backward(self, low, high, outputs, signals):
        """Through one part of the trunk, where all signals are the same from top to bottom."""
        parameters = self.network.parameters_of(low, high)
        going_on = {reach: signal for reach, signal in signals.items() if reach < low}
        y = outputs[high]
        if len(signals) == 1:
            ((_, signal),) = signals.items()
            x = [outputs[low - 1]] if going_on else []
            found = torch.autograd.grad(y, x + parameters, signal)
            add_gradients(parameters, found[len(x) :])
            return dict(zip(going_on, found))
        if parameters:
            total = sum(list(signals.values())[1:], start=next(iter(signals.values())))
            found = torch.autograd.grad(y, parameters, total, retain_graph=bool(going_on))
            add_gradients(parameters, found)
        below = {}
        for n, (reach, signal) in enumerate(going_on.items()):
            retain = n + 1 < len(going_on)
            (below[reach],) = torch.autograd.grad(y, [outputs[low - 1]], signal, retain_graph=retain)
        return below


def add_gradients(parameters, gradients):
    for parameter, gradient in zip(parameters, gradients):
        if parameter.grad is None:
            parameter.grad = gradient
        else:
            parameter.grad += gradient


# --- The update ----------------------------------------------------------------------------------------------


def parameter_groups(network, options):
    trained = {p for p in network.parameters() if p.requires_grad}
    named = [(name, p) for name, p in network.tensors.items() if p in trained]
    decayed = [p for name, p in named if options["decayBiases"] or not name.endswith(".bias")]
    others = [p for name, p in named if not options["decayBiases"] and name.endswith(".bias")]
    groups = [{"params": decayed, "weight_decay": options["weightDecay"]}]
    return groups + ([{"params": others, "weight_decay": 0.0}] if others else [])


LEARNING_RATE = 1e-6  # as relaybp bench: no network diverges on noise


def make_optimizer(network, options, implementation):
    groups = parameter_groups(network, options)
    how = {"foreach": implementation == "foreach", "fused": implementation == "fused"}
    if options["type"] == "adamw":
        return torch.optim.AdamW(groups, LEARNING_RATE, tuple(options["betas"]), options["epsilon"], **how)
    momentum, nesterov = options["momentum"], options["nesterov"]
    return torch.optim.SGD(groups, LEARNING_RATE, momentum, nesterov=nesterov, **how)


def fastest_optimizer(network, options):
    """One of PyTorch's three implementations of the update: the one that is fastest here on these parameters."""
    times = {}
    for implementation in ("foreach", "fused", "loop"):
        optimizer = make_optimizer(network, options, implementation)
        for repeat in range(4):
            start = time.perf_counter()
            optimizer.step()
            if repeat > 0:  # the first one makes the momentum
                times.setdefault(implementation, []).append(time.perf_counter() - start)
        del optimizer
    best = min(times, key=lambda name: min(times[name]))
    return best, {name: 1000 * min(all_) for name, all_ in times.items()}


# --- Training steps ------------------------------------------------------------------------------------------


class Trainer:
    def __init__(self, plan, args):
        torch.manual_seed(1)
        self.size = plan["microBatch"]
        self.parts = plan["batchSize"] // self.size
        self.options = plan["optimizer"]
        self.network = Network(plan, args.mode).to(memory_format=torch.channels_last)
        self.network.train()
        self.step_of = Step(self.network, formulation_of(args), args.precision, args.compile)
        height, width, channels = plan["input"]
        self.images = torch.randn(self.size, channels, height, width).to(memory_format=torch.channels_last)
        self.labels = torch.randint(plan["classes"], (self.size,))
        self.implementation = args.optimizer
        self.optimizer = make_optimizer(self.network, self.options, self.implementation)
        self.averages = [p.detach().clone() for p in self.network.parameters()] if self.options.get("ema") else []

    def step(self):
        """Milliseconds of one step: all micro-batches, the update, and reading the losses."""
        start = time.perf_counter()
        self.optimizer.zero_grad(set_to_none=True)
        for _ in range(self.parts):
            losses = self.step_of(self.images, self.labels, 1 / self.parts)
            values = [loss.item() for loss in losses]
        if not all(value == value and abs(value) < float("inf") for value in values):
            sys.exit(f"the losses are {values}")
        if self.options.get("clipNorm"):
            nn.utils.clip_grad_norm_(self.network.parameters(), self.options["clipNorm"])
        self.optimizer.step()
        if self.averages:
            parameters = [p.detach() for p in self.network.parameters()]
            torch._foreach_lerp_(self.averages, parameters, 1 - self.options["ema"])
        return 1000 * (time.perf_counter() - start)


def formulation_of(args):
    return "sum" if args.mode in ("bp", "multiloss") else args.formulation


def memory():
    """Resident memory and its peak in MiB, as Linux counts them."""
    status = Path("/proc/self/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return {name: int(fields[key].split()[0]) / 1024 for name, key in (("resident", "VmRSS"), ("peak", "VmHWM"))}


def choose_optimizer(plan, args):
    """In a process of its own: the trials' memory must not count."""
    if args.optimizer != "fastest":
        return None
    import subprocess

    command = [sys.executable, __file__, "optimizer", args.plan, "--mode", args.mode, "--threads", str(args.threads)]
    result = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    args.optimizer = result["fastest"]
    return result["ms"]


def prepare(args):
    plan = read_plan(args.plan)
    torch.set_num_threads(args.threads)
    update_ms = choose_optimizer(plan, args)
    trainer = Trainer(plan, args)
    return plan, trainer, update_ms


def facts(plan, trainer, args, update_ms):
    trained = {p for p in trainer.network.parameters()}
    return {
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "mode": args.mode,
        "formulation": formulation_of(args),
        "precision": args.precision,
        "compiled": args.compile,
        "optimizer": trainer.implementation,
        "optimizerMs": update_ms,
        "parameters": sum(p.numel() for p in trained),
        "batchSize": plan["batchSize"],
        "microBatch": plan["microBatch"],
        "memory": memory(),
    }


def read_plan(path):
    plan = json.loads(Path(path).read_text())
    if plan.get("formatVersion") != 1:
        sys.exit(f'{path}: formatVersion is {plan.get("formatVersion")}; this script reads 1')
    return plan


# --- Commands ------------------------------------------------------------------------------------------------


def run(args):
    """A benchmark by itself: median of the steps."""
    plan, trainer, update_ms = prepare(args)
    built = memory()
    for _ in range(args.warmup):
        trainer.step()
    times = [trainer.step() for _ in range(args.steps)]
    median = statistics.median(times)
    result = facts(plan, trainer, args, update_ms)
    result |= {"built": built, "msPerStep": median, "imagesPerSecond": 1000 * plan["batchSize"] / median}
    print(json.dumps(result))


def serve(args):
    """Steps on demand: a line with a number on stdin runs as many steps, their times come back as a line of JSON."""
    plan, trainer, update_ms = prepare(args)
    print(json.dumps({"ready": facts(plan, trainer, args, update_ms)}), flush=True)
    for line in sys.stdin:
        times = [trainer.step() for _ in range(int(line))]
        print(json.dumps({"ms": times, "memory": memory()}), flush=True)


def optimizer(args):
    torch.set_num_threads(args.threads)
    plan = read_plan(args.plan)
    network = Network(plan, args.mode).to(memory_format=torch.channels_last)
    for p in network.parameters():
        p.grad = torch.full_like(p, 1e-3)
    best, ms = fastest_optimizer(network, plan["optimizer"])
    print(json.dumps({"fastest": best, "ms": ms}))


def check(args):
    """Whether the network has relaybp's parameters, and a step its losses and gradients; every formulation."""
    import numpy as np
    from safetensors.numpy import load_file

    plan = read_plan(args.plan)
    torch.set_num_threads(args.threads)
    file = load_file(args.grads)
    problems = []
    network = Network(plan, "relay", dropout=False)
    network.train()
    counted = sum(p.numel() for p in network.parameters())
    expected = plan["totals"]["parameters"] + plan["totals"]["auxiliaryParameters"]
    print(f"{counted} parameters; the plan has {expected}")
    if counted != expected:
        problems.append(f"{counted} parameters here, {expected} in the plan")
    layouts = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}
    with torch.no_grad():
        for name, tensor in network.tensors.items():
            value = torch.from_numpy(file[f"weight/{name}"])
            tensor.copy_(value.permute(layouts[value.dim()]))
    network = network.to(memory_format=torch.channels_last)
    images = torch.from_numpy(file["batch.images"]).permute(0, 3, 1, 2)
    labels = torch.from_numpy(file["batch.labels"]).long()
    # Where every loss reaches the bottom, their sum has the same gradients.
    whole = all(reach == min(network.reaches) for reach in network.reaches)
    for formulation in ["inputs", "grad", *(["sum"] if whole else [])]:
        step = Step(network, formulation, args.precision)
        for p in network.parameters():
            p.grad = None
        share = plan["microBatch"] / len(labels)
        losses = [0.0] * len(network.losses)
        for at in range(0, len(labels), plan["microBatch"]):
            part = slice(at, at + plan["microBatch"])
            for i, value in enumerate(step(images[part], labels[part], share)):
                losses[i] += value.item() * share
        worst, where = 0.0, "nothing"
        for loss, value in zip(network.losses, losses):
            known = float(file[f"loss/{loss['name']}"])
            if not abs(value - known) <= args.tolerance * abs(known):
                problems.append(f"{formulation}: loss {loss['name']} is {value} here, {known} in the file")
        found = {name: p.grad for name, p in network.tensors.items() if p.grad is not None}
        expected = {name.removeprefix("gradient/") for name in file if name.startswith("gradient/")}
        if found.keys() != expected:
            problems.append(f"{formulation}: gradients of other parameters: {sorted(found.keys() ^ expected)}")
        smallest = 1e-6 * max(np.linalg.norm(file[f"gradient/{name}"]) for name in expected)
        for name in sorted(found.keys() & expected):
            known = file[f"gradient/{name}"]
            here = found[name].permute({4: (2, 3, 1, 0), 2: (1, 0), 1: (0,)}[known.ndim]).numpy()
            error = np.linalg.norm(here - known) / max(np.linalg.norm(known), smallest)
            if not error <= args.tolerance:
                problems.append(f"{formulation}: gradient of {name}: relative error {error:.2e}")
            if not error <= worst:
                worst, where = error, name
        print(f"{formulation}: {len(found)} gradients, worst relative error {worst:.2e} ({where}), losses {losses}")
    for problem in problems:
        print(problem, file=sys.stderr)
    sys.exit(1 if problems else 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)

    def command(name, function, help_):
        one = commands.add_parser(name, help=help_)
        one.add_argument("plan", help="output of relaybp plan --json")
        one.add_argument("--threads", type=int, default=torch.get_num_threads())
        one.set_defaults(run=function)
        return one

    for name, function, help_ in (
        ("run", run, "measure steps, print one JSON object"),
        ("serve", serve, "run steps on demand from stdin"),
        ("optimizer", optimizer, "which implementation of the update is fastest here"),
    ):
        one = command(name, function, help_)
        one.add_argument("--mode", choices=["bp", "multiloss", "relay", "config"], default="config")
        if name == "optimizer":
            continue
        one.add_argument("--formulation", choices=["inputs", "grad"], default="inputs")
        one.add_argument("--precision", choices=["float32", "bf16"], default="float32")
        one.add_argument("--optimizer", choices=["fastest", "foreach", "fused", "loop"], default="fastest")
        one.add_argument("--compile", action="store_true", help="with torch.compile")
        if name == "run":
            one.add_argument("--steps", type=int, default=10)
            one.add_argument("--warmup", type=int, default=3)
    one = command("check", check, "compare a step with the output of relaybp grad")
    one.add_argument("grads", help="output of relaybp grad")
    one.add_argument("--precision", choices=["float32", "bf16"], default="float32")
    one.add_argument("--tolerance", type=float, default=1e-4, help="largest |difference| / |reference| (%(default)g)")
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
