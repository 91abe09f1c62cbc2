#!/usr/bin/env python3
"""Reference values of the paper's network families, from definitions of their own in PyTorch and float64.

The networks are written down here once more, in the manner of torchvision and of the authors' released model, and not
rebuilt from a plan of relaybp: this file knows of a config's layers only their names. Gradients are computed as the
method is defined: for each loss by itself, torch.autograd.grad with respect to the parameters within its range, times
its weight; then the sum over the losses. Batch normalization is in training mode, dropout is off.

The networks are narrow: a convolution has its filters divided by `filters`, an fc layer its units by `units`
(FAMILIES); test/configs/narrow.ts does the same to the configs. Weights are drawn here; the images are put together
from the two tensors in images.safetensors (see `batch`).

    pip install -r scripts/requirements-reference.txt
    python scripts/reference-families.py test/fixtures/families            # all families
    python scripts/reference-families.py test/fixtures/families resnet50-relay

A ReLU whose input is zero but for rounding, or a max pooling with two maxima that are equal but for rounding, lets
float32 take another derivative than float64, and the difference is not small. So the biases that are drawn are moved
a little, each to the middle of the widest gap between the values that its ReLU gets (`settle`). Then seeds are tried
until every activation keeps a distance of a multiple (its margin) of the largest error that PyTorch's own float32
makes in its layer, and until that float32 gives every tensor nearly as float64 does (FAMILIES has the limits). What
the engines are then compared with is well conditioned.
"""

import argparse
import copy
import math
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file
from torch import nn

CLASSES = 5
sites = []
settling = False


# --- Activations that take note of how near they come to a point without derivative --------------------------


def relu(x, bias):
    """`bias` is what each channel of `x` was shifted by last."""
    if settling:
        x = settle(x, bias)
    sites.append((x.detach(), x.detach().abs().min().item()))
    return F.relu(x)


def settle(x, bias):
    """Moves each bias by at most a tenth so that zero lies in the middle of the widest gap between the values."""
    with torch.no_grad():
        channels = x.transpose(0, 1).flatten(1)
        reach = 0.1 * channels.square().mean(1).sqrt()
        before = bias.clone()
        for i, (values, limit) in enumerate(zip(channels, reach)):
            near = values[values.abs() < limit].sort().values
            edges = torch.cat([-limit[None], near, limit[None]])
            widest = edges.diff().argmax()
            if len(near) > 0:
                bias[i] -= (edges[widest] + edges[widest + 1]) / 2
        bias.copy_(bias.float())
        return x + (bias - before).view(1, -1, *(1,) * (x.dim() - 2))


def max_pool(x, kernel, stride, padding=0, ceil_mode=False):
    """Of values that are not negative, as they come out of a ReLU: where all are zero no gradient goes through."""
    y = F.max_pool2d(x, kernel, stride, padding, ceil_mode=ceil_mode)
    with torch.no_grad():
        beyond = (y.shape[2] - 1) * stride + kernel - x.shape[2] - padding
        wide = F.pad(x, (padding, max(beyond, 0)) * 2, value=-1.0)
        windows = wide.unfold(2, kernel, stride).unfold(3, kernel, stride).flatten(4)
        assert windows.shape[:4] == y.shape
        if kernel > 1:
            first, second = windows.topk(2).values.unbind(-1)
            gaps = (first - second)[first > 0]
            sites.append((x, gaps.min().item() if gaps.numel() else 0.0))  # a dead layer is not of use
    return y


# --- Parts ---------------------------------------------------------------------------------------------------


class Width:
    def __init__(self, filters, units):
        self.filters = lambda n: -(-n // filters)
        self.units = lambda n: -(-n // units)


class Conv(nn.Module):
    """Convolution, bias, ReLU."""

    def __init__(self, inputs, outputs, **options):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, **options)

    def forward(self, x):
        return relu(self.conv(x), self.conv.bias)

    def names(self, name):
        return {name: self.conv}


class ConvBN(nn.Module):
    """Convolution without bias, batch normalization, ReLU."""

    def __init__(self, inputs, outputs, eps=1e-5, activation=True, **options):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, bias=False, **options)
        self.bn = nn.BatchNorm2d(outputs, eps=eps)
        self.activation = self.bn.activated = activation

    def forward(self, x):
        x = self.bn(self.conv(x))
        return relu(x, self.bn.bias) if self.activation else x

    def names(self, name):
        return {name: self.conv, f"{name}_bn": self.bn}


class Linear(nn.Linear):
    """`maps`: the [channels, height, width] maps that are flattened and joined into its input."""

    def __init__(self, inputs, outputs, maps=None):
        super().__init__(inputs, outputs)
        self.maps = maps or [(inputs, 1, 1)]
        assert sum(math.prod(shape) for shape in self.maps) == inputs


class Classifier(nn.Module):
    """Two fc layers with ReLU (and dropout, which is off), and the logits."""

    def __init__(self, inputs, w, maps):
        super().__init__()
        self.fc6 = Linear(inputs, w.units(4096), maps)
        self.fc7 = Linear(w.units(4096), w.units(4096))
        self.fc8 = Linear(w.units(4096), CLASSES)

    def forward(self, x):
        x = relu(self.fc6(x), self.fc6.bias)
        x = relu(self.fc7(x), self.fc7.bias)
        return self.fc8(x)

    def names(self):
        return {"primary.fc1": self.fc6, "primary.fc2": self.fc7, "primary.fc3": self.fc8}


class PyramidPooling(nn.Module):
    """SPP as max poolings with ceil rounding, joined in the given order."""

    def __init__(self, levels, size):
        super().__init__()
        self.bins = [math.ceil(size / level) for level in levels]

    def forward(self, x):
        return torch.cat([max_pool(x, bin, bin, ceil_mode=True).flatten(1) for bin in self.bins], 1)


class GoogLeNetHead(nn.Module):
    """The auxiliary head: average pooling 5x5/3, 1x1 convolution, fc, logits. `size` is that of the tapped map."""

    def __init__(self, inputs, w, size, conv=Conv):
        super().__init__()
        size = (size - 5) // 3 + 1
        self.conv = conv(inputs, w.filters(128), kernel_size=1)
        shape = (w.filters(128), size, size)
        self.fc1 = Linear(math.prod(shape), w.units(1024), [shape])
        self.fc2 = Linear(w.units(1024), CLASSES)

    def forward(self, x):
        x = self.conv(F.avg_pool2d(x, kernel_size=5, stride=3))
        return self.fc2(relu(self.fc1(x.flatten(1)), self.fc1.bias))

    def names(self, loss):
        return {**self.conv.names(f"{loss}.conv1"), f"{loss}.fc1": self.fc1, f"{loss}.fc2": self.fc2}


# --- VGG and model A -----------------------------------------------------------------------------------------


class Stage(nn.Module):
    """3x3 convolutions, then max pooling where asked for."""

    def __init__(self, number, inputs, outputs, count, pool=True):
        super().__init__()
        self.number, self.pool = number, pool
        self.convs = nn.ModuleList(
            Conv(inputs if i == 0 else outputs, outputs, kernel_size=3, padding=1) for i in range(count)
        )

    def forward(self, x):
        for conv in self.convs:
            x = conv(x)
        return max_pool(x, 2, 2) if self.pool else x

    def names(self):
        return {f"conv{self.number}_{i + 1}": conv.conv for i, conv in enumerate(self.convs)}


class VGG(nn.Module):
    def __init__(self, w, counts, last_pool=True):
        super().__init__()
        widths = [3] + [w.filters(n) for n in (64, 128, 256, 512, 512)]
        self.stages = nn.ModuleList(
            Stage(i + 1, widths[i], widths[i + 1], counts[i], pool=last_pool or i < 4) for i in range(5)
        )
        self.widths = widths[1:]

    def forward(self, x):
        """The outputs of the five segments."""
        outputs = []
        for stage in self.stages:
            x = stage(x)
            outputs.append(x)
        return outputs


class VGG19(nn.Module):
    config = "imagenet-vgg19"

    def __init__(self, w, size):
        super().__init__()
        self.trunk = VGG(w, (2, 2, 4, 4, 4))
        shape = (self.trunk.widths[4], size // 32, size // 32)
        self.classifier = Classifier(math.prod(shape), w, [shape])

    def forward(self, x):
        return {"primary": self.classifier(self.trunk(x)[4].flatten(1))}

    def losses(self):
        return {"primary": (1.0, [*self.trunk.stages, self.classifier])}

    def names(self):
        return merged(*(stage.names() for stage in self.trunk.stages), self.classifier.names())


class VGG19ThreeLosses(VGG19):
    """The paper's Figure 2."""

    config = "imagenet-vgg19-three-losses"

    def __init__(self, w, size):
        super().__init__(w, size)
        self.auxiliary1 = GoogLeNetHead(self.trunk.widths[2], w, size // 8)
        self.auxiliary2 = GoogLeNetHead(self.trunk.widths[3], w, size // 16)

    def forward(self, x):
        outputs = self.trunk(x)
        return {
            "primary": self.classifier(outputs[4].flatten(1)),
            "auxiliary1": self.auxiliary1(outputs[2]),
            "auxiliary2": self.auxiliary2(outputs[3]),
        }

    def losses(self):
        s1, s2, s3, s4, s5 = self.trunk.stages
        return {
            "primary": (1.0, [s4, s5, self.classifier]),
            "auxiliary1": (0.3, [s1, s2, s3, self.auxiliary1]),
            "auxiliary2": (0.3, [s3, s4, self.auxiliary2]),
        }

    def names(self):
        return merged(super().names(), self.auxiliary1.names("auxiliary1"), self.auxiliary2.names("auxiliary2"))


class ModelA(nn.Module):
    config = "places2-modelA"

    def __init__(self, w, size):
        super().__init__()
        self.trunk = VGG(w, (2, 2, 5, 5, 5), last_pool=False)
        levels = (7, 3, 2, 1)
        self.spp = PyramidPooling(levels, size // 16)
        maps = [(self.trunk.widths[4], n, n) for n in levels]
        self.classifier = Classifier(63 * self.trunk.widths[4], w, maps)
        self.auxiliary = GoogLeNetHead(self.trunk.widths[3], w, size // 16)

    def forward(self, x):
        outputs = self.trunk(x)
        return {"primary": self.classifier(self.spp(outputs[4])), "auxiliary": self.auxiliary(outputs[3])}

    def losses(self):
        s1, s2, s3, s4, s5 = self.trunk.stages
        return {
            "primary": (1.0, [s4, s5, self.classifier]),
            "auxiliary": (0.3, [s1, s2, s3, s4, self.auxiliary]),
        }

    def names(self):
        trunk = [stage.names() for stage in self.trunk.stages]
        return merged(*trunk, self.classifier.names(), self.auxiliary.names("auxiliary"))


# --- Model B -------------------------------------------------------------------------------------------------


class ModifiedInception(nn.Module):
    """1x1 (k), 3x3 (k) and two 3x3 (2k) side by side; 4k channels."""

    def __init__(self, inputs, k):
        super().__init__()
        self.conv1x1 = Conv(inputs, k, kernel_size=1)
        self.conv3x3 = Conv(inputs, k, kernel_size=3, padding=1)
        self.double1 = Conv(inputs, 2 * k, kernel_size=3, padding=1)
        self.double2 = Conv(2 * k, 2 * k, kernel_size=3, padding=1)

    def forward(self, x):
        return torch.cat([self.conv1x1(x), self.conv3x3(x), self.double2(self.double1(x))], 1)

    def names(self, name):
        return merged(
            self.conv1x1.names(f"{name}.p1.conv1"),
            self.conv3x3.names(f"{name}.p2.conv1"),
            self.double1.names(f"{name}.p3.conv1"),
            self.double2.names(f"{name}.p3.conv2"),
        )


class ModelB(nn.Module):
    config = "places2-modelB"

    def __init__(self, w, size):
        super().__init__()
        k1, k2 = w.filters(64), w.filters(128)
        assert (2 * k1, 2 * k2) == (w.filters(128), w.filters(256))
        four = lambda inputs, k: nn.Sequential(*(ModifiedInception(4 * k if i else inputs, k) for i in range(4)))
        self.conv1 = Conv(3, w.filters(128), kernel_size=7, stride=2, padding=3)
        self.seg3 = four(w.filters(128), k1)
        self.seg4 = four(4 * k1, k2)
        self.seg5 = four(4 * k2, k2)
        levels = (1, 2, 3, 7)
        self.spp = PyramidPooling(levels, size // 16)
        self.classifier = Classifier(63 * 4 * k2, w, [(4 * k2, n, n) for n in levels])
        self.auxiliary = GoogLeNetHead(4 * k2, w, size // 16)

    def forward(self, x):
        x = max_pool(self.conv1(x), 2, 2)
        x = max_pool(self.seg3(x), 2, 2)
        x = max_pool(self.seg4(x), 2, 2)
        return {"primary": self.classifier(self.spp(self.seg5(x))), "auxiliary": self.auxiliary(x)}

    def losses(self):
        return {
            "primary": (1.0, [self.seg4, self.seg5, self.classifier]),
            "auxiliary": (0.3, [self.conv1, self.seg3, self.seg4, self.auxiliary]),
        }

    def names(self):
        modules = {3: self.seg3, 4: self.seg4, 5: self.seg5}
        inception = [m.names(f"inception{n}_{i + 1}") for n, seg in modules.items() for i, m in enumerate(seg)]
        return merged(
            self.conv1.names("conv1"), *inception, self.classifier.names(), self.auxiliary.names("auxiliary")
        )


# --- ResNet-50 -----------------------------------------------------------------------------------------------


class Bottleneck(nn.Module):
    """Original form: the stride is in the first 1x1 convolution."""

    def __init__(self, inputs, width, outputs, stride=1):
        super().__init__()
        self.conv1 = ConvBN(inputs, width, kernel_size=1, stride=stride)
        self.conv2 = ConvBN(width, width, kernel_size=3, padding=1)
        self.conv3 = ConvBN(width, outputs, kernel_size=1, activation=False)
        project = stride > 1 or inputs != outputs
        self.downsample = (
            ConvBN(inputs, outputs, kernel_size=1, stride=stride, activation=False) if project else None
        )

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        return relu(self.conv3(self.conv2(self.conv1(x))) + identity, self.conv3.bn.bias)

    def names(self, name):
        body = [conv.names(f"{name}.body.conv{i + 1}") for i, conv in enumerate((self.conv1, self.conv2, self.conv3))]
        return merged(*body, self.downsample.names(f"{name}.shortcut.conv1") if self.downsample else {})


class ResNet50Relay(nn.Module):
    config = "imagenet-resnet50-relay"

    def __init__(self, w, size):
        super().__init__()
        self.stem = ConvBN(3, w.filters(64), kernel_size=7, stride=2, padding=3)
        self.blocks = nn.ModuleList()
        inputs = w.filters(64)
        for stage, (planes, count) in enumerate([(64, 3), (128, 4), (256, 6), (512, 3)]):
            for i in range(count):
                stride = 2 if i == 0 and stage > 0 else 1
                self.blocks.append(Bottleneck(inputs, w.filters(planes), w.filters(4 * planes), stride))
                inputs = w.filters(4 * planes)
        self.fc = Linear(inputs, CLASSES)
        self.auxiliary = GoogLeNetHead(w.filters(1024), w, size // 16, conv=ConvBN)

    def forward(self, x):
        x = max_pool(self.stem(x), 3, 2, padding=1)
        for block in self.blocks[:11]:
            x = block(x)
        auxiliary = self.auxiliary(x)
        for block in self.blocks[11:]:
            x = block(x)
        return {"primary": self.fc(x.mean((2, 3))), "auxiliary": auxiliary}

    def losses(self):
        # Blocks 7 to 10 are res4a to res4d, the overlap.
        return {
            "primary": (1.0, [*self.blocks[7:], self.fc]),
            "auxiliary": (0.3, [self.stem, *self.blocks[:11], self.auxiliary]),
        }

    def names(self):
        names = ["res2_1", "res2_2", "res2_3", "res3_1", "res3_2", "res3_3", "res3_4"]
        names += ["res4_1", "res4_2", "res4_3", "res4_4", "res4_5", "res4_6", "res5_1", "res5_2", "res5_3"]
        blocks = [block.names(name) for name, block in zip(names, self.blocks, strict=True)]
        return merged(
            self.stem.names("conv1_1"), *blocks, {"primary.fc1": self.fc}, self.auxiliary.names("auxiliary")
        )


# --- Inception-v3 --------------------------------------------------------------------------------------------


def basic(inputs, outputs, **options):
    return ConvBN(inputs, outputs, eps=0.001, **options)


class Block(nn.Module):
    """`layout`: for each of its convolutions the place within the config's layer."""

    layout = {}

    def names(self, name):
        return merged(*(getattr(self, part).names(f"{name}.{place}") for part, place in self.layout.items()))


class InceptionA(Block):
    layout = {
        "branch1x1": "p1.conv1",
        "branch5x5_1": "p2.conv1",
        "branch5x5_2": "p2.conv2",
        "branch3x3dbl_1": "p3.conv1",
        "branch3x3dbl_2": "p3.conv2",
        "branch3x3dbl_3": "p3.conv3",
        "branch_pool": "p4.conv1",
    }

    def __init__(self, w, inputs, pool_features):
        super().__init__()
        self.branch1x1 = basic(inputs, w(64), kernel_size=1)
        self.branch5x5_1 = basic(inputs, w(48), kernel_size=1)
        self.branch5x5_2 = basic(w(48), w(64), kernel_size=5, padding=2)
        self.branch3x3dbl_1 = basic(inputs, w(64), kernel_size=1)
        self.branch3x3dbl_2 = basic(w(64), w(96), kernel_size=3, padding=1)
        self.branch3x3dbl_3 = basic(w(96), w(96), kernel_size=3, padding=1)
        self.branch_pool = basic(inputs, w(pool_features), kernel_size=1)
        self.outputs = w(64) + w(64) + w(96) + w(pool_features)

    def forward(self, x):
        branch1x1 = self.branch1x1(x)
        branch5x5 = self.branch5x5_2(self.branch5x5_1(x))
        branch3x3dbl = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        branch_pool = self.branch_pool(F.avg_pool2d(x, kernel_size=3, stride=1, padding=1))
        return torch.cat([branch1x1, branch5x5, branch3x3dbl, branch_pool], 1)


class InceptionB(Block):
    layout = {
        "branch3x3": "p1.conv1",
        "branch3x3dbl_1": "p2.conv1",
        "branch3x3dbl_2": "p2.conv2",
        "branch3x3dbl_3": "p2.conv3",
    }

    def __init__(self, w, inputs):
        super().__init__()
        self.branch3x3 = basic(inputs, w(384), kernel_size=3, stride=2)
        self.branch3x3dbl_1 = basic(inputs, w(64), kernel_size=1)
        self.branch3x3dbl_2 = basic(w(64), w(96), kernel_size=3, padding=1)
        self.branch3x3dbl_3 = basic(w(96), w(96), kernel_size=3, stride=2)
        self.outputs = w(384) + w(96) + inputs

    def forward(self, x):
        branch3x3 = self.branch3x3(x)
        branch3x3dbl = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([branch3x3, branch3x3dbl, max_pool(x, 3, 2)], 1)


class InceptionC(Block):
    layout = {
        "branch1x1": "p1.conv1",
        "branch7x7_1": "p2.conv1",
        "branch7x7_2": "p2.conv2",
        "branch7x7_3": "p2.conv3",
        "branch7x7dbl_1": "p3.conv1",
        "branch7x7dbl_2": "p3.conv2",
        "branch7x7dbl_3": "p3.conv3",
        "branch7x7dbl_4": "p3.conv4",
        "branch7x7dbl_5": "p3.conv5",
        "branch_pool": "p4.conv1",
    }

    def __init__(self, w, inputs, channels_7x7):
        super().__init__()
        c7 = w(channels_7x7)
        self.branch1x1 = basic(inputs, w(192), kernel_size=1)
        self.branch7x7_1 = basic(inputs, c7, kernel_size=1)
        self.branch7x7_2 = basic(c7, c7, kernel_size=(1, 7), padding=(0, 3))
        self.branch7x7_3 = basic(c7, w(192), kernel_size=(7, 1), padding=(3, 0))
        self.branch7x7dbl_1 = basic(inputs, c7, kernel_size=1)
        self.branch7x7dbl_2 = basic(c7, c7, kernel_size=(7, 1), padding=(3, 0))
        self.branch7x7dbl_3 = basic(c7, c7, kernel_size=(1, 7), padding=(0, 3))
        self.branch7x7dbl_4 = basic(c7, c7, kernel_size=(7, 1), padding=(3, 0))
        self.branch7x7dbl_5 = basic(c7, w(192), kernel_size=(1, 7), padding=(0, 3))
        self.branch_pool = basic(inputs, w(192), kernel_size=1)
        self.outputs = 4 * w(192)

    def forward(self, x):
        branch1x1 = self.branch1x1(x)
        branch7x7 = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        branch7x7dbl = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        branch7x7dbl = self.branch7x7dbl_5(self.branch7x7dbl_4(branch7x7dbl))
        branch_pool = self.branch_pool(F.avg_pool2d(x, kernel_size=3, stride=1, padding=1))
        return torch.cat([branch1x1, branch7x7, branch7x7dbl, branch_pool], 1)


class InceptionD(Block):
    layout = {
        "branch3x3_1": "p1.conv1",
        "branch3x3_2": "p1.conv2",
        "branch7x7x3_1": "p2.conv1",
        "branch7x7x3_2": "p2.conv2",
        "branch7x7x3_3": "p2.conv3",
        "branch7x7x3_4": "p2.conv4",
    }

    def __init__(self, w, inputs):
        super().__init__()
        self.branch3x3_1 = basic(inputs, w(192), kernel_size=1)
        self.branch3x3_2 = basic(w(192), w(320), kernel_size=3, stride=2)
        self.branch7x7x3_1 = basic(inputs, w(192), kernel_size=1)
        self.branch7x7x3_2 = basic(w(192), w(192), kernel_size=(1, 7), padding=(0, 3))
        self.branch7x7x3_3 = basic(w(192), w(192), kernel_size=(7, 1), padding=(3, 0))
        self.branch7x7x3_4 = basic(w(192), w(192), kernel_size=3, stride=2)
        self.outputs = w(320) + w(192) + inputs

    def forward(self, x):
        branch3x3 = self.branch3x3_2(self.branch3x3_1(x))
        branch7x7x3 = self.branch7x7x3_2(self.branch7x7x3_1(x))
        branch7x7x3 = self.branch7x7x3_4(self.branch7x7x3_3(branch7x7x3))
        return torch.cat([branch3x3, branch7x7x3, max_pool(x, 3, 2)], 1)


class InceptionE(Block):
    layout = {
        "branch1x1": "p1.conv1",
        "branch3x3_1": "p2.conv1",
        "branch3x3_2a": "p2.branch1.p1.conv1",
        "branch3x3_2b": "p2.branch1.p2.conv1",
        "branch3x3dbl_1": "p3.conv1",
        "branch3x3dbl_2": "p3.conv2",
        "branch3x3dbl_3a": "p3.branch1.p1.conv1",
        "branch3x3dbl_3b": "p3.branch1.p2.conv1",
        "branch_pool": "p4.conv1",
    }

    def __init__(self, w, inputs):
        super().__init__()
        self.branch1x1 = basic(inputs, w(320), kernel_size=1)
        self.branch3x3_1 = basic(inputs, w(384), kernel_size=1)
        self.branch3x3_2a = basic(w(384), w(384), kernel_size=(1, 3), padding=(0, 1))
        self.branch3x3_2b = basic(w(384), w(384), kernel_size=(3, 1), padding=(1, 0))
        self.branch3x3dbl_1 = basic(inputs, w(448), kernel_size=1)
        self.branch3x3dbl_2 = basic(w(448), w(384), kernel_size=3, padding=1)
        self.branch3x3dbl_3a = basic(w(384), w(384), kernel_size=(1, 3), padding=(0, 1))
        self.branch3x3dbl_3b = basic(w(384), w(384), kernel_size=(3, 1), padding=(1, 0))
        self.branch_pool = basic(inputs, w(192), kernel_size=1)
        self.outputs = w(320) + 4 * w(384) + w(192)

    def forward(self, x):
        branch1x1 = self.branch1x1(x)
        branch3x3 = self.branch3x3_1(x)
        branch3x3 = torch.cat([self.branch3x3_2a(branch3x3), self.branch3x3_2b(branch3x3)], 1)
        branch3x3dbl = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        branch3x3dbl = torch.cat([self.branch3x3dbl_3a(branch3x3dbl), self.branch3x3dbl_3b(branch3x3dbl)], 1)
        branch_pool = self.branch_pool(F.avg_pool2d(x, kernel_size=3, stride=1, padding=1))
        return torch.cat([branch1x1, branch3x3, branch3x3dbl, branch_pool], 1)


class InceptionAux(nn.Module):
    def __init__(self, w, inputs):
        super().__init__()
        self.conv0 = basic(inputs, w(128), kernel_size=1)
        self.conv1 = basic(w(128), w(768), kernel_size=5)
        self.fc = Linear(w(768), CLASSES)

    def forward(self, x):
        x = self.conv1(self.conv0(F.avg_pool2d(x, kernel_size=5, stride=3)))
        return self.fc(x.mean((2, 3)))

    def names(self):
        return merged(
            self.conv0.names("auxiliary.conv1"), self.conv1.names("auxiliary.conv2"), {"auxiliary.fc1": self.fc}
        )


class InceptionV3Relay(nn.Module):
    config = "imagenet-inception-v3-relay"

    def __init__(self, w, size):
        super().__init__()
        w = w.filters
        self.Conv2d_1a = basic(3, w(32), kernel_size=3, stride=2)
        self.Conv2d_2a = basic(w(32), w(32), kernel_size=3)
        self.Conv2d_2b = basic(w(32), w(64), kernel_size=3, padding=1)
        self.Conv2d_3b = basic(w(64), w(80), kernel_size=1)
        self.Conv2d_4a = basic(w(80), w(192), kernel_size=3)
        self.Mixed_5b = InceptionA(w, w(192), pool_features=32)
        self.Mixed_5c = InceptionA(w, self.Mixed_5b.outputs, pool_features=64)
        self.Mixed_5d = InceptionA(w, self.Mixed_5c.outputs, pool_features=64)
        self.Mixed_6a = InceptionB(w, self.Mixed_5d.outputs)
        self.Mixed_6b = InceptionC(w, self.Mixed_6a.outputs, channels_7x7=128)
        self.Mixed_6c = InceptionC(w, self.Mixed_6b.outputs, channels_7x7=160)
        self.Mixed_6d = InceptionC(w, self.Mixed_6c.outputs, channels_7x7=160)
        self.Mixed_6e = InceptionC(w, self.Mixed_6d.outputs, channels_7x7=192)
        self.AuxLogits = InceptionAux(w, self.Mixed_6e.outputs)
        self.Mixed_7a = InceptionD(w, self.Mixed_6e.outputs)
        self.Mixed_7b = InceptionE(w, self.Mixed_7a.outputs)
        self.Mixed_7c = InceptionE(w, self.Mixed_7b.outputs)
        self.fc = Linear(self.Mixed_7c.outputs, CLASSES)

    def forward(self, x):
        x = self.Conv2d_2b(self.Conv2d_2a(self.Conv2d_1a(x)))
        x = max_pool(x, 3, 2)
        x = self.Conv2d_4a(self.Conv2d_3b(x))
        x = max_pool(x, 3, 2)
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(x)))
        x = self.Mixed_6a(x)
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(x))))
        auxiliary = self.AuxLogits(x)
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))
        return {"primary": self.fc(x.mean((2, 3))), "auxiliary": auxiliary}

    def losses(self):
        overlap = [self.Mixed_6b, self.Mixed_6c, self.Mixed_6d, self.Mixed_6e]
        below = [self.Conv2d_1a, self.Conv2d_2a, self.Conv2d_2b, self.Conv2d_3b, self.Conv2d_4a]
        below += [self.Mixed_5b, self.Mixed_5c, self.Mixed_5d, self.Mixed_6a]
        return {
            "primary": (1.0, [*overlap, self.Mixed_7a, self.Mixed_7b, self.Mixed_7c, self.fc]),
            "auxiliary": (0.3, [*below, *overlap, self.AuxLogits]),
        }

    def names(self):
        trunk = [m.names(name) for name, m in self.named_children() if name.startswith(("Conv2d", "Mixed"))]
        return merged(*trunk, {"primary.fc1": self.fc}, self.AuxLogits.names())


# --- Names and layouts ---------------------------------------------------------------------------------------


def merged(*mappings):
    result = {}
    for mapping in mappings:
        assert not result.keys() & mapping.keys()
        result |= mapping
    return result


def named_tensors(model):
    """relaybp's name of every parameter and running statistic: its module, its tensor."""
    found = {}
    for layer, module in model.names().items():
        kinds = ["weight", "bias"]
        if isinstance(module, nn.BatchNorm2d):
            kinds += ["running_mean", "running_var"]
        for kind in kinds:
            tensor = getattr(module, kind)
            if tensor is not None:
                found[f"{layer}.{kind}"] = (module, tensor)
    known = {id(tensor) for _, tensor in found.values()}
    assert known >= {id(parameter) for parameter in model.parameters()}, "a parameter has no name"
    return found


def our_layout(module, tensor):
    """A weight (or its gradient) as relaybp keeps it."""
    if tensor.dim() == 4:  # [out, in, height, width]
        return tensor.permute(2, 3, 1, 0)
    if tensor.dim() == 2:  # [out, in], a map flattened as channels, height, width
        sizes = [math.prod(shape) for shape in module.maps]
        parts = tensor.split(sizes, dim=1)
        rows = [part.reshape(-1, *shape).permute(2, 3, 1, 0) for part, shape in zip(parts, module.maps)]
        return torch.cat([row.reshape(-1, tensor.shape[0]) for row in rows])
    return tensor


# --- Values --------------------------------------------------------------------------------------------------


def draw_weights(model, seed):
    """As float32 holds them."""
    generator = np.random.default_rng(seed)

    def normal(tensor, scale, around=0.0):
        values = around + scale * generator.standard_normal(tuple(tensor.shape))
        tensor.copy_(torch.from_numpy(values.astype(np.float32)))

    with torch.no_grad():
        for name, (module, tensor) in named_tensors(model).items():
            if tensor.dim() > 1:
                normal(tensor, (2 / math.prod(tensor.shape[1:])) ** 0.5)
            elif name.endswith("_bn.weight"):
                normal(tensor, 0.1, 1.0)
            elif name.endswith("_bn.bias"):
                # Before a ReLU most values are positive then. Around zero, chains of normalizations and ReLUs this
                # deep would enlarge a thousandfold what float32 rounds off.
                normal(tensor, 0.3, 1.0 if module.activated else 0.0)
            elif not name.endswith(("running_mean", "running_var")):
                normal(tensor, 0.1)


def draw_images():
    """Multiples of 1/64 up to 2, so that sums of two are exact."""
    generator = np.random.default_rng(0)
    grey = lambda *shape: (generator.integers(-128, 129, shape) / 64).astype(np.float32)
    return {"coarse": grey(6, 19, 19, 3), "fine": grey(61, 61, 3)}


def batch(images, count, size):
    """Each image: 16x16 blocks of its own in colour, over a texture that repeats every 61 pixels."""
    coarse = images["coarse"][:count].repeat(16, 1).repeat(16, 2)[:, :size, :size]
    repeats = -(-size // 61)
    fine = np.tile(images["fine"], (repeats, repeats, 1))[:size, :size]
    return np.ascontiguousarray((coarse + fine).transpose(0, 3, 1, 2))


def reference(model, images, labels):
    """Losses, logits and gradients, by relaybp's names."""
    found = {}
    named = named_tensors(model)
    by_tensor = {id(tensor): name for name, (_, tensor) in named.items()}
    losses = model.losses()
    for loss, logits in model(images).items():
        weight, modules = losses[loss]
        value = F.cross_entropy(logits, labels)
        found[f"logits/{loss}"] = logits.detach()
        found[f"loss/{loss}"] = value.detach()
        parameters = [parameter for module in modules for parameter in module.parameters()]
        gradients = torch.autograd.grad(value, parameters, retain_graph=True)
        for parameter, gradient in zip(parameters, gradients):
            name = by_tensor[id(parameter)]
            share = weight * our_layout(named[name][0], gradient)
            total = f"gradient/{name}"
            found[total] = found[total] + share if total in found else share
    return {name: value.double().numpy() for name, value in found.items()}


def settle_biases(model, images):
    global settling
    settling = True
    with torch.no_grad():
        model(images)
    settling = False


def smallest_margin(exact, images):
    """The least distance of an activation from its point without derivative, over float32's error in its layer."""
    found = []
    for model, batch in ((exact, images.double()), (copy.deepcopy(exact).float(), images)):
        sites.clear()
        with torch.no_grad():
            model(batch)
        found.append(list(sites))
    errors = [max((value - rounded).abs().max().item(), sys.float_info.min) for (value, _), (rounded, _) in zip(*found)]
    return min(distance / error for (_, distance), error in zip(found[0], errors))


def float32_error(expected, found):
    """The worst relative error of a tensor; infinite where a tensor is zero."""
    norms = {name: np.linalg.norm(value) for name, value in expected.items()}
    errors = {name: np.linalg.norm(found[name] - value) for name, value in expected.items()}
    return max(errors[name] / norm if norm > 0 else math.inf for name, norm in norms.items())


# Name: definition, divisor of filters, divisor of units, input size, images, least margin, most that float32 may be
# off. Inception-v3 has large maps before its max poolings, whose gaps nothing can widen: less is to be had.
FAMILIES = {
    "vgg19": (VGG19, 32, 256, 112, 2, 10, 1e-5),
    "vgg19-three-losses": (VGG19ThreeLosses, 32, 256, 112, 2, 10, 1e-5),
    "modelA": (ModelA, 32, 256, 112, 2, 10, 1e-5),
    "modelB": (ModelB, 32, 256, 224, 2, 10, 1e-5),
    "resnet50-relay": (ResNet50Relay, 32, 256, 128, 4, 10, 1e-5),
    "inception-v3-relay": (InceptionV3Relay, 16, 256, 299, 5, 2, 2e-5),
}


def write(name, folder, args):
    define, filters, units, size, count, least, most = FAMILIES[name]
    images = torch.from_numpy(batch(draw_images(), count, size))
    labels = torch.arange(count) % CLASSES
    for seed in range(args.first, args.first + args.tries):
        model = define(Width(filters, units), size).double()
        draw_weights(model, seed)
        settle_biases(model, images.double())
        # Copies, before a forward pass moves the running statistics.
        named = named_tensors(model).items()
        weights = {n: our_layout(module, tensor.detach()).float().numpy() for n, (module, tensor) in named}
        margin = smallest_margin(model, images)
        if margin < least:
            continue
        expected = reference(model, images.double(), labels)
        error = float32_error(expected, reference(model.float(), images, labels))
        print(f"{name}: seed {seed}, margin {margin:.1f}, PyTorch's float32 is off by {error:.1e}", flush=True)
        if error > most:
            continue
        tensors = {f"weight/{n}": value for n, value in weights.items()}
        tensors |= expected
        tensors["batch.labels"] = labels.numpy()
        arrays = {n: np.array(value, dtype=np.float32, order="C") for n, value in tensors.items()}
        facts = f"{define.config}, filters / {filters}, units / {units}, {size} pixels, seed {seed}"
        save_file(arrays, folder / f"{name}.safetensors", {"network": facts})
        return
    sys.exit(f"{name}: none of {args.tries} seeds is well conditioned")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("families", nargs="*", help="all by default: " + ", ".join(FAMILIES))
    parser.add_argument("--first", type=int, default=0, help="first seed to try (%(default)s)")
    parser.add_argument("--tries", type=int, default=400, help="seeds to try (%(default)s)")
    args = parser.parse_args()
    save_file(draw_images(), args.folder / "images.safetensors")
    for name in args.families or FAMILIES:
        write(name, args.folder, args)


if __name__ == "__main__":
    main()
