#!/usr/bin/env python3
"""What PyTorch, TensorFlow and Caffe themselves make of padding and rounding, to test relaybp's against.

Each line of an output but the first is a case: a layer as a config of relaybp states it, the size of a map, and what
the framework computes from its own arguments for the same: the output, and the gradient with respect to the map.
Nothing in here pads, rounds or counts. Caffe's networks are run by OpenCV's dnn module, which has no gradients.

The frameworks are imported one at a time, so that each can have an environment of its own:

    pip install -r scripts/requirements-padding.txt
    python scripts/reference-padding.py pytorch test/fixtures/padding/pytorch.jsonl
    python scripts/reference-padding.py tensorflow test/fixtures/padding/tensorflow.jsonl
    python scripts/reference-padding.py caffe test/fixtures/padding/caffe.jsonl
"""

import argparse
import itertools
import json
import sys
from pathlib import Path

import numpy as np

# --- Values, the same in test/configs/padding.test.ts ----------------------------------------------------------
# Small integers: sums of them are exact in every order. A map has no two equal values in a channel; one channel has
# values of both signs, one only negative ones, one only positive ones.


def map_values(height, width):
    """[height, width, 3]"""
    pixels = (37 * np.arange(height * width) % 101).reshape(height, width, 1)
    return (pixels + np.array([-50, -101, 1])).astype(np.float32)


def filter_values(height, width):
    """[height, width, 3, 2]"""
    return (29 * np.arange(height * width * 6) % 17 - 8).reshape(height, width, 3, 2).astype(np.float32)


def signal_values(shape):
    return (13 * np.arange(np.prod(shape)) % 7 - 3).reshape(shape).astype(np.float32)


def pair(value):
    return (value, value) if isinstance(value, int) else tuple(value)


def spell(kind, **options):
    """A layer in YAML's flow style."""
    text = ", ".join(f"{key}: {list(value) if isinstance(value, tuple) else value}" for key, value in options.items())
    return f"{kind}: {{{text}}}"


def case(layer, call, x, y, gradient=None):
    """`x`, `y`, `gradient` [height, width, channels]"""
    rounded = lambda values: [float(f"{value:.7g}") for value in np.asarray(values, np.float64).ravel()]
    plain = lambda values: [int(value) if value.is_integer() else value for value in rounded(values)]
    found = {"layer": layer, "call": call, "input": list(x.shape), "output": list(y.shape), "values": plain(y)}
    return found if gradient is None else {**found, "gradient": plain(gradient)}


# --- PyTorch ---------------------------------------------------------------------------------------------------


def pytorch():
    import torch
    import torch.nn.functional as F

    def run(layer, call, function, height, width):
        x = torch.from_numpy(map_values(height, width)).permute(2, 0, 1)[None].requires_grad_()
        y = function(x)
        shown = y[0].permute(1, 2, 0)
        (gradient,) = torch.autograd.grad((shown * torch.from_numpy(signal_values(tuple(shown.shape)))).sum(), x)
        return case(layer, call, x[0].detach().permute(1, 2, 0), shown.detach().numpy(), gradient[0].permute(1, 2, 0))

    def pools():
        windows = [
            # height, width, kernel, stride, padding
            (5, 6, 2, 2, 0),
            (5, 6, 3, 2, 0),
            (6, 7, 3, 2, 1),
            (5, 5, 2, 2, 1),  # with ceil_mode a last window would begin in the padding, and is dropped
            (8, 7, 3, 3, 1),
            (7, 6, (3, 2), (2, 3), (1, 0)),
            (9, 8, 5, 3, 2),
        ]
        for (height, width, kernel, stride, padding), ceil in itertools.product(windows, (False, True)):
            options = {"size": kernel, "stride": stride, "padding": padding, "rounding": "ceil" if ceil else "floor"}
            arguments = f"{kernel}, {stride}, {padding}, ceil_mode={ceil}"
            yield run(
                spell("maxpool", **options),
                f"max_pool2d(x, {arguments})",
                lambda x: F.max_pool2d(x, kernel, stride, padding, ceil_mode=ceil),
                height,
                width,
            )
            for count in (True, False) if padding else (True,):
                yield run(
                    spell("avgpool", **options, countPadding=str(count).lower()),
                    f"avg_pool2d(x, {arguments}, count_include_pad={count})",
                    lambda x: F.avg_pool2d(x, kernel, stride, padding, ceil_mode=ceil, count_include_pad=count),
                    height,
                    width,
                )

    def convolutions():
        windows = [
            (5, 6, 3, 1, "same"),
            (5, 6, (5, 1), 1, "same"),
            (6, 7, 3, 2, 1),
            (8, 7, 3, 3, 1),
            (7, 6, 2, 2, 1),
            (7, 8, 4, 3, 2),
            (6, 8, (1, 7), 1, (0, 3)),
            (7, 6, (3, 2), (2, 1), (1, 0)),
            (8, 9, 5, 2, 0),
        ]
        for height, width, kernel, stride, padding in windows:
            filters = torch.from_numpy(filter_values(*pair(kernel))).permute(3, 2, 0, 1)
            yield run(
                spell("conv", filters=2, kernel=kernel, stride=stride, padding=padding, bias="false", relu="false"),
                f"conv2d(x, w, stride={stride}, padding={padding!r})",
                lambda x: F.conv2d(x, filters, stride=stride, padding=padding),
                height,
                width,
            )

    return f"PyTorch {torch.__version__.split('+')[0]}", [*pools(), *convolutions()]


# --- TensorFlow ------------------------------------------------------------------------------------------------


def tensorflow():
    import tensorflow as tf

    def run(layer, call, function, height, width):
        x = tf.constant(map_values(height, width)[None])
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
        gradient = tape.gradient(y, x, output_gradients=tf.constant(signal_values(tuple(y.shape))))
        return case(layer, call, x[0].numpy(), y[0].numpy(), gradient[0].numpy())

    def cases():
        names = {"SAME": "tf-same", "VALID": "valid"}
        maps = [(5, 6), (7, 8)]
        for (height, width), kernel, stride in itertools.product(maps, [1, 2, 3, 4, 5, (1, 7), (5, 2)], [1, 2, 3]):
            modes = ["SAME"] if kernel in (1, 5, (1, 7)) else ["SAME", "VALID"]
            for mode in modes if stride == 2 else ["SAME"]:
                filters = tf.constant(filter_values(*pair(kernel)))
                options = {"stride": stride, "padding": names[mode]}
                yield run(
                    spell("conv", filters=2, kernel=kernel, **options, bias="false", relu="false"),
                    f"conv2d(x, w, {stride}, '{mode}')",
                    lambda x: tf.nn.conv2d(x, filters, stride, mode),
                    height,
                    width,
                )
                if kernel in (1, (1, 7)):
                    continue
                for name, pool in (("max", tf.nn.max_pool2d), ("avg", tf.nn.avg_pool2d)):
                    yield run(
                        spell(f"{name}pool", size=kernel, **options),
                        f"{name}_pool2d(x, {kernel}, {stride}, '{mode}')",
                        lambda x: pool(x, kernel, stride, mode),
                        height,
                        width,
                    )

    return f"TensorFlow {tf.__version__}", list(cases())


# --- Caffe -----------------------------------------------------------------------------------------------------


def caffe():
    import cv2

    def run(height, width, kind, kernel, stride, pad):
        pooling = f"pool: {kind} kernel_size: {kernel} stride: {stride} pad: {pad}"
        dims = " ".join(f"input_dim: {size}" for size in (1, 3, height, width))
        network = f"""
            name: "pooling" input: "data" {dims}
            layer {{ name: "pool" type: "Pooling" bottom: "data" top: "pool" pooling_param {{ {pooling} }} }}
        """
        net = cv2.dnn.readNetFromCaffe(np.frombuffer(network.encode(), np.uint8))
        x = map_values(height, width)
        net.setInput(np.ascontiguousarray(x.transpose(2, 0, 1)[None]))
        y = net.forward()[0].transpose(1, 2, 0)
        layer = "maxpool" if kind == "MAX" else "avgpool"
        return case(spell(layer, size=kernel, stride=stride, padding=pad, rounding="ceil"), pooling, x, y)

    windows = [
        # height, width, kernel, stride, pad
        (6, 7, 2, 2, 0),
        (6, 7, 3, 2, 0),
        (6, 7, 3, 2, 1),
        (5, 6, 2, 2, 1),
        (7, 8, 3, 3, 0),
        (7, 8, 3, 3, 1),
        (8, 9, 5, 3, 0),
        (8, 9, 5, 3, 2),
        (9, 8, 4, 2, 1),
    ]
    # Not here: windows that would begin beyond the map (6 pixels, kernel 2, stride 3, no padding), which Caffe keeps
    # where there is no padding, and fills with nothing (an average of 0 / 0). relaybp drops them, as PyTorch does.
    cases = [run(h, w, kind, *rest) for h, w, *rest in windows for kind in ("MAX", "AVE")]
    return f"Caffe's pooling by OpenCV {cv2.__version__}", cases


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    frameworks = {"pytorch": pytorch, "tensorflow": tensorflow, "caffe": caffe}
    parser.add_argument("framework", choices=frameworks)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    made_by, cases = frameworks[args.framework]()
    for one in cases:
        if not np.isfinite(one["values"]).all():
            sys.exit(f"{one['call']}: not finite")
    lines = [json.dumps(one, separators=(",", ":")) for one in ({"madeBy": made_by}, *cases)]
    args.out.write_text("\n".join(lines) + "\n")
    print(f"{args.out}: {len(cases)} cases by {made_by}")


if __name__ == "__main__":
    main()
