#!/usr/bin/env python3
"""A training whose losses change over time, carried out a second time in PyTorch and float64.

The network, the losses of each phase with their ranges, and how weights change come from `relaybp plan --json` alone
(docs/plan.md; times in steps); gradients are computed as in reference-gradients.py, and the updates are those of
torch.optim, with a parameter group for each parameter. What no loss trains in a step has no gradient: the optimizer
leaves it, and its state, as they are. Weights, batches and class weights are drawn here.

    pip install -r scripts/requirements-reference.txt

Write the reference values that test/train/over-time.test.ts reads:

    for optimizer in '{lr: 0.05, weightDecay: 0.01}' '{type: adamw, lr: 0.01, epsilon: 0.001, weightDecay: 0.05}'; do
      node bin/relaybp.js plan test/fixtures/over-time.yaml --set "optimizer=$optimizer" --json > /tmp/plan.json
      python scripts/reference-training.py /tmp/plan.json test/fixtures
    done
"""

import argparse
import importlib.util
import math
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

HERE = Path(__file__).parent
spec = importlib.util.spec_from_file_location("gradients", HERE / "reference-gradients.py")
gradients = importlib.util.module_from_spec(spec)
spec.loader.exec_module(gradients)

BATCHES, SEED = 3, 0


def steps_of(duration):
    """Of a time in a plan: a number of epochs, which must be 0 here, or `7 steps`."""
    if duration == 0:
        return 0
    number, unit = str(duration).split()
    assert unit in ("step", "steps"), f"{duration}: this script knows no epochs"
    return int(number)


def weight_at(loss, step):
    change = loss.get("weightChange")
    if change is None:
        return loss["weight"]
    start = change["start"]
    if change["type"] == "multistep":
        return start * change["factor"] ** sum(step >= steps_of(time) for time in change["milestones"])
    if change["type"] == "step":
        return start * change["factor"] ** (step // steps_of(change["every"]))
    begin, end = steps_of(change["from"]), steps_of(change["until"])
    done = min(1, max(0, (step - begin) / (end - begin)))
    if change["type"] == "cosine":
        done = (1 - math.cos(math.pi * done)) / 2
    return start + (change["end"] - start) * done


def losses_at(plan, step):
    """The losses that are on, with their weights in this step."""
    phases = [phase for phase in plan["phases"] if steps_of(phase["from"]) <= step]
    return [{**loss, "weight": weight_at(loss, step)} for loss in phases[-1]["losses"]]


def optimizer_of(plan, parameters):
    """Each parameter learns at its own rate."""
    o = plan["optimizer"]
    factors = {
        parameter["name"]: layer.get("lrFactor", 1)
        for whole in plan["layers"]
        for layer in gradients.nested(whole)
        for parameter in layer["parameters"]
    }
    groups = [{"params": [value], "lr": o["lr"] * factors[name]} for name, value in parameters.items()]
    if o["type"] == "sgd":
        return torch.optim.SGD(groups, momentum=o["momentum"], weight_decay=o["weightDecay"], nesterov=o["nesterov"])
    return torch.optim.AdamW(groups, betas=o["betas"], eps=o["epsilon"], weight_decay=o["weightDecay"])


def initial(name, parameter):
    """Means and variances of a normalization begin as in training."""
    if parameter.get("state"):
        return np.float32(1 if parameter["initializer"]["type"] == "ones" else 0)
    return gradients.initial(SEED, name, parameter)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plan", help="output of relaybp plan --json")
    parser.add_argument("folder", help="where <name>-<optimizer>.safetensors is written")
    parser.add_argument("--steps", type=int, default=12, help="(%(default)s)")
    args = parser.parse_args()
    plan = gradients.read_plan(args.plan)
    shapes = gradients.parameters_of(plan)
    weights = {name: np.broadcast_to(initial(name, p), p["shape"]).copy() for name, p in shapes.items()}
    images = gradients.draw(SEED, "images", [BATCHES, plan["batchSize"], *plan["input"]], 1)
    labels = np.arange(BATCHES * plan["batchSize"]).reshape(BATCHES, -1) % plan["classes"]
    class_weights = {"primary": np.geomspace(0.5, 2, plan["classes"], dtype=np.float32)}

    trained = {n: torch.nn.Parameter(torch.tensor(weights[n], dtype=torch.float64)) for n in shapes}
    optimizer = optimizer_of(plan, {n: v for n, v in trained.items() if not shapes[n].get("state")})
    names = [loss["name"] for loss in plan["phases"][-1]["losses"] + plan["losses"]]
    history = {name: [] for name in names}
    for step in range(args.steps):
        now = {**plan, "losses": losses_at(plan, step)}
        values = {name: value.detach().numpy() for name, value in trained.items()}
        batch = step % BATCHES
        found = gradients.reference(now, values, images[batch], labels[batch], class_weights)
        for name, value in trained.items():
            gradient = found.get(f"gradient/{name}")
            value.grad = None if gradient is None else torch.tensor(gradient)
        optimizer.step()
        for name in history:
            history[name].append(found.get(f"loss/{name}", np.float64(-1)))  # -1: it is off

    tensors = {"images": images, "labels": labels.astype(np.float32)}
    tensors |= {f"classWeights/{name}": value for name, value in class_weights.items()}
    tensors |= {f"weight/{name}": value for name, value in weights.items()}
    tensors |= {f"losses/{name}": np.array(values) for name, values in history.items()}
    tensors |= {f"after/{n}": v.detach().numpy() for n, v in trained.items() if not shapes[n].get("state")}
    arrays = {name: np.array(value, dtype=np.float32, order="C") for name, value in tensors.items()}
    out = Path(args.folder) / f'{plan["name"]}-{plan["optimizer"]["type"]}.safetensors'
    save_file(arrays, out)
    print(f"{out}: {len(arrays)} tensors")


if __name__ == "__main__":
    main()
