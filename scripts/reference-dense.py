#!/usr/bin/env python3
"""Scores of fully convolutional testing computed a second time, in PyTorch and float64, to check those of relaybp against.

The network is built from a config (in JSON, which is YAML as well), not from relaybp's plan of it, with PyTorch's own
padding and rounding; a fully connected layer after a map runs as a convolution of the map that it had in training.
Layers: conv, maxpool, avgpool, relu, branches, spp, fc; dropout passes.

    pip install -r scripts/requirements-reference.txt

Write the reference values that test/eval/dense-network.test.ts reads (weights and images are drawn here):

    for name in dense-fc dense-spp dense-global; do
      python scripts/reference-dense.py test/fixtures/$name.json test/fixtures/$name.safetensors
    done
"""

import argparse
import json
import zlib
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file

SIZES = [(20, 20), (20, 27), (31, 24), (45, 33)]


class Network:
    """Runs layer lists; draws each parameter when it is first met. Maps are [batch, channels, height, width]."""

    def __init__(self, seed, classes):
        self.seed, self.classes = seed, classes
        self.weights, self.maps = {}, {}

    def parameter(self, name, shape, scale):
        if name not in self.weights:
            generator = np.random.default_rng([self.seed, zlib.crc32(name.encode())])
            self.weights[name] = (scale * generator.standard_normal(shape)).astype(np.float32)
        return torch.tensor(self.weights[name], dtype=torch.float64)

    def affine(self, name, spec, shape, x, stride=1):
        """Convolution and bias with filters [height, width, in, out]."""
        filters = self.parameter(f"{name}.weight", shape["stored"], (2 / np.prod(shape["filter"][:3])) ** 0.5)
        y = F.conv2d(x, filters.reshape(shape["filter"]).permute(3, 2, 0, 1), stride=stride)
        if spec.get("bias", True):
            y = y + self.parameter(f"{name}.bias", shape["filter"][3:], 0.1).view(1, -1, 1, 1)
        return y

    def conv(self, name, spec, x):
        kernel, stride = pair(spec["kernel"]), pair(spec.get("stride", 1))
        padding = spec.get("padding", "same")
        y, x_ = [(k - 1) // 2 for k in kernel] if padding == "same" else pair(padding)
        filters = [*kernel, x.shape[1], spec["filters"]]
        out = self.affine(name, spec, {"stored": filters, "filter": filters}, F.pad(x, (x_, x_, y, y)), stride)
        return F.relu(out) if spec.get("relu", True) else out

    def fc(self, name, spec, x):
        # The map of the first run, at the training size, is the one that the weights belong to.
        height, width = self.maps.setdefault(name, tuple(x.shape[2:]))
        units = self.classes if spec["units"] == "classes" else spec["units"]
        stored = [height * width * x.shape[1], units]
        out = self.affine(name, spec, {"stored": stored, "filter": [height, width, x.shape[1], units]}, x)
        return F.relu(out) if spec.get("relu", False) else out

    def layers(self, specs, x, prefix):
        """@param prefix type → what comes before the number in a layer's name"""
        counts = {}
        for layer in specs:
            ((kind, spec),) = layer.items()
            counts[kind] = counts.get(kind, 0) + 1
            name = f"{prefix(kind)}{counts[kind]}"
            x = self.layer(kind, spec, name, x)
        return x

    def layer(self, kind, spec, name, x):
        if kind == "conv":
            return self.conv(name, spec, x)
        if kind == "fc":
            return self.fc(name, spec, x)
        if kind == "relu":
            return F.relu(x)
        if kind == "spp":
            return torch.cat([spp_level(x, n) for n in spec], dim=1)[:, :, None, None]
        if kind == "branches":
            paths = enumerate(spec["paths"], 1)
            return torch.cat([self.layers(path, x, lambda kind: f"{name}.p{i}.{kind}") for i, path in paths], dim=1)
        if spec["size"] == "global":
            return x.mean(dim=(2, 3), keepdim=True)
        ceil = spec.get("rounding") == "ceil"
        window = {"stride": spec.get("stride", spec["size"]), "padding": spec.get("padding", 0), "ceil_mode": ceil}
        return {"maxpool": F.max_pool2d, "avgpool": F.avg_pool2d}[kind](x, spec["size"], **window)


def pair(value):
    return [value, value] if isinstance(value, int) else value


def bins(size, n):
    """Bins of ceil(size / n) side by side, the last one smaller, if these are n; else equal ones that overlap."""
    step = -(-size // n)
    if -(-size // step) == n:
        return [(i * step, min(size, (i + 1) * step)) for i in range(n)]
    step = size // n
    return [(i * step, i * step + size - step * (n - 1)) for i in range(n)]


def spp_level(x, n):
    """The maximum of each of n x n bins, flattened as rows, columns, channels."""
    rows, columns = bins(x.shape[2], n), bins(x.shape[3], n)
    return torch.cat([x[:, :, a:b, c:d].amax(dim=(2, 3)) for a, b in rows for c, d in columns], dim=1)


def scores(network, config, images):
    x = torch.tensor(images, dtype=torch.float64).permute(0, 3, 1, 2)
    for i, segment in enumerate(config["model"]["segments"], 1):
        x = network.layers(segment["layers"], x, lambda kind: f"{'branch' if kind == 'branches' else kind}{i}_")
    (loss,) = config["losses"]
    x = network.layers(loss["head"], x, lambda kind: f"{loss['name']}.{kind}")
    return x.mean(dim=(2, 3)).numpy()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="JSON config with one loss")
    parser.add_argument("out", help="safetensors file to write: images/<size>, scores/<size>, weight/<parameter>")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    config = json.loads(Path(args.config).read_text())
    network = Network(args.seed, config["data"]["classes"])
    tensors = {}
    for height, width in SIZES:
        generator = np.random.default_rng([args.seed, height, width])
        images = generator.standard_normal([2, height, width, 3]).astype(np.float32)
        tensors[f"images/{height}x{width}"] = images
        tensors[f"scores/{height}x{width}"] = scores(network, config, images)
    tensors |= {f"weight/{name}": value for name, value in network.weights.items()}
    # Row-major copies: the file's writer takes the bytes as they lie.
    arrays = {name: np.array(value, dtype=np.float32, order="C") for name, value in tensors.items()}
    save_file(arrays, args.out)
    print(f"{args.out}: {len(arrays)} tensors")


if __name__ == "__main__":
    main()
