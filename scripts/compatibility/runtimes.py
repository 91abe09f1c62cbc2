#!/usr/bin/env python3
"""What programs make of single operations: the rows of docs/compatibility-runtimes.md about ONNX's and TensorFlow's.

    python3 -m venv VENV
    VENV/bin/pip install -r scripts/compatibility/requirements-runtimes.txt
    VENV/bin/python scripts/compatibility/runtimes.py

Each row is a model of one or two operations, made here, and what each program says to it. A program that is not
installed is left out. Fails if one says something else than is written here.
"""

import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from programs import PROGRAMS

NAN = float("nan")
LOWEST = "-3.403e+38"


def model(nodes, inputs, constants=(), opset=22, outputs=("y",), output_type=TensorProto.FLOAT):
    graph = helper.make_graph(
        nodes,
        "one",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, output_type, None) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in constants],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    return onnx.shape_inference.infer_shapes(made).SerializeToString()


def node(kind, inputs=("x",), outputs=("y",), **attributes):
    return helper.make_node(kind, list(inputs), list(outputs), **attributes)


def row(values):
    return np.array(values, np.float32).reshape(1, 1, 1, -1)


def window(values):
    """Four values as a map of 2x2."""
    return np.array(values, np.float32).reshape(1, 1, 2, 2)


def one(kind, x, opset=22, **attributes):
    """One operation on one input."""
    return model([node(kind, **attributes)], {"x": x.shape}, opset=opset), {"x": x}


POOL = {"kernel_shape": [1, 2], "strides": [1, 3], "pads": [0, 1, 0, 1], "ceil_mode": 1}
AVERAGE = {"kernel_shape": [1, 3], "strides": [1, 2], "pads": [0, 1, 0, 1], "ceil_mode": 1, "count_include_pad": 1}
AGREED = {"kernel_shape": [1, 3], "strides": [1, 2], "pads": [0, 0, 0, 1], "count_include_pad": 0}


def max_pool_ceil():
    return one("MaxPool", row([0, 1, 2, 3, 4]), **POOL)


def average_ceil():
    return one("AveragePool", row([1] * 6), **AVERAGE)


def average_written_out():
    """The same as relaybp writes it: zeros that count as a Pad, what ceil adds as pads that do not."""
    pads = np.array([0, 0, 0, 1, 0, 0, 0, 1], np.int64)
    nodes = [node("Pad", ["x", "pads"], ["wide"]), node("AveragePool", ["wide"], **AGREED)]
    return model(nodes, {"x": [1, 1, 1, 6]}, [("pads", pads)]), {"x": row([1] * 6)}


def lrn_even():
    x = np.arange(1, 9, dtype=np.float32).reshape(1, 8, 1, 1)
    return one("LRN", x, size=4, alpha=4.0, beta=1.0, bias=1.0)


def lrn_sums(y):
    """The sums of squares of which an output of LRN tells, with bias, alpha / size and beta 1."""
    return np.arange(1, 9) / np.asarray(y, np.float64).ravel() - 1


def nan_in_max_pool(place):
    def make():
        values = [1.0, 2.0, 3.0]
        values.insert(place, NAN)
        return one("MaxPool", window(values), kernel_shape=[2, 2], strides=[2, 2])

    return make


def nan_in_relu():
    return one("Relu", window([NAN, -1, 2, 3]))


def nan_in_conv_relu():
    weight = np.ones((1, 1, 1, 1), np.float32)
    nodes = [node("Conv", ["x", "w"], ["z"], kernel_shape=[1, 1]), node("Relu", ["z"])]
    return model(nodes, {"x": [1, 1, 2, 2]}, [("w", weight)]), {"x": window([NAN, -1, 2, 3])}


def nan_in_softmax():
    return one("Softmax", np.array([[1, NAN, 3]], np.float32), axis=1)


def top_k_of(values, k):
    def make():
        x = np.array([values], np.float32)
        nodes = [node("TopK", ["x", "k"], ["values", "i"], axis=1), node("Cast", ["i"], to=TensorProto.FLOAT)]
        return model(nodes, {"x": x.shape}, [("k", np.array([k], np.int64))]), {"x": x}

    return make


def arg_max_of(values):
    def make():
        x = np.array([values], np.float32)
        nodes = [node("ArgMax", ["x"], ["i"], axis=1, keepdims=1), node("Cast", ["i"], to=TensorProto.FLOAT)]
        return model(nodes, {"x": x.shape}), {"x": x}

    return make


def unwritten_zero():
    """An attribute of value 0 as proto3 writes it: the field is left out. ONNX's own checker accepts it."""
    made = onnx.load_from_string(one("AveragePool", row([1, 3]), kernel_shape=[1, 2], count_include_pad=0)[0])
    (counted,) = (each for each in made.graph.node[0].attribute if each.name == "count_include_pad")
    counted.ClearField("i")
    onnx.checker.check_model(made)
    return made.SerializeToString(), {"x": row([1, 3])}


def float16_weight():
    """A weight kept as float16 and cast where it is used."""
    weight = np.full((1, 1, 1, 1), 0.1, np.float16)
    nodes = [node("Cast", ["h"], ["w"], to=TensorProto.FLOAT), node("Conv", ["x", "w"], kernel_shape=[1, 1])]
    return model(nodes, {"x": [1, 1, 1, 2]}, [("h", weight)], opset=17), {"x": row([1, 2])}


def other_batch():
    """A model whose batch has a name in place of a number, on two images."""
    x = np.arange(8, dtype=np.float32).reshape(2, 1, 2, 2)
    return model([node("Relu")], {"x": ["batch", 1, 2, 2]}), {"x": x}


def text(y):
    return " ".join("NaN" if np.isnan(v) else f"{v:.4g}" for v in np.ravel(y))


def average_text(y):
    return " ".join(f"{v:.4f}" for v in np.ravel(y))


def sums_text(y):
    return " ".join(str(round(v)) for v in lrn_sums(y))


# What is asked, of which the answer is made text, and what each program answers.
ROWS = [
    ("max pool, ceil_mode, 1 of 5 wide", max_pool_ceil, text,
     {"onnxruntime": "0 3", "OpenVINO": f"0 3 {LOWEST}", "OpenCV": f"0 3 {LOWEST}"}),
    ("average pool, ceil_mode, padding counted", average_ceil, average_text,
     {"onnxruntime": "0.6667 1.0000 1.0000 0.5000", "OpenVINO": "0.6667 1.0000 1.0000 0.3333",
      "OpenCV": "0.6667 1.0000 1.0000 0.3333"}),
    ("the same as relaybp writes it", average_written_out, average_text,
     {"onnxruntime": "0.6667 1.0000 1.0000 0.5000", "OpenVINO": "0.6667 1.0000 1.0000 0.5000",
      "OpenCV": "0.6667 1.0000 1.0000 0.5000"}),
    ("LRN, size 4: sums of squares", lrn_even, sums_text,
     {"onnxruntime": "refused", "OpenVINO": "5 14 29 50 77 110 149 113", "OpenCV": "refused"}),
    ("max pool of NaN 1 2 3", nan_in_max_pool(0), text, {"onnxruntime": "3", "OpenVINO": "3", "OpenCV": "3"}),
    ("max pool of 1 NaN 2 3", nan_in_max_pool(1), text, {"onnxruntime": "NaN", "OpenVINO": "3", "OpenCV": "3"}),
    ("max pool of 1 2 3 NaN", nan_in_max_pool(3), text, {"onnxruntime": "3", "OpenVINO": "3", "OpenCV": "NaN"}),
    ("ReLU of NaN -1 2 3", nan_in_relu, text,
     {"onnxruntime": "NaN 0 2 3", "OpenVINO": "0 0 2 3", "OpenCV": "NaN -0 2 3"}),
    ("convolution and ReLU of NaN -1 2 3", nan_in_conv_relu, text,
     {"onnxruntime": "NaN 0 2 3", "OpenVINO": "0 0 2 3", "OpenCV": "3.403e+38 -0 2 3"}),
    ("softmax of 1 NaN 3", nan_in_softmax, text, {"onnxruntime": "NaN NaN NaN", "OpenVINO": "0 NaN 0", "OpenCV": "NaN NaN NaN"}),
    ("top-5 of 10 equal scores", top_k_of([1.0] * 10, 5), text, {"onnxruntime": "0 1 2 3 4", "OpenVINO": "0 1 2 3 4", "OpenCV": "0 1 2 3 4"}),
    ("top-5 of 1000 equal scores", top_k_of([1.0] * 1000, 5), text, {"onnxruntime": "0 1 2 3 4", "OpenVINO": "0 1 2 3 4", "OpenCV": "0 1 2 3 4"}),
    ("top-1 of 1 NaN 3", top_k_of([1, NAN, 3], 1), text, {"onnxruntime": "2", "OpenVINO": "2", "OpenCV": "2"}),
    ("top-3 of 1 NaN 3", top_k_of([1, NAN, 3], 3), text, {"onnxruntime": "1 2 0", "OpenVINO": "0 1 2", "OpenCV": "2 1 0"}),
    ("argmax of 1 NaN 3", arg_max_of([1, NAN, 3]), text, {"onnxruntime": "2", "OpenVINO": "2", "OpenCV": "2"}),
    ("argmax of 10 equal scores", arg_max_of([1.0] * 10), text, {"onnxruntime": "0", "OpenVINO": "0", "OpenCV": "0"}),
    ("an attribute of 0 that proto3 leaves out", unwritten_zero, text,
     {"onnxruntime": "2", "OpenVINO": "2", "OpenCV": "refused"}),
    ("a float16 weight through Cast", float16_weight, text,
     {"onnxruntime": "0.09998 0.2", "OpenVINO": "0.09998 0.2", "OpenCV": "0.09998 0.2"}),
    ("a batch by name, two images", other_batch, text,
     {"onnxruntime": "0 1 2 3 4 5 6 7", "OpenVINO": "0 1 2 3 4 5 6 7", "OpenCV": "0 1 2 3 4 5 6 7"}),
]


def main():
    changed = []
    programs = [program for program in PROGRAMS if program.format == "onnx" and program.available()]
    for title, make, as_text, expected in ROWS:
        made, inputs = make()
        for program in programs:
            name = program.name()
            try:
                found = as_text(program.values(made, inputs))
            except Exception:  # each program has errors of its own
                found = "refused"
            wanted = expected[name.split()[0]]
            print(f"{title:42} {name:20} {found}" + ("" if found == wanted else f"   CHANGED: was {wanted}"))
            changed += [] if found == wanted else [f"{title} in {name}"]
    print("all as described" if not changed else f"CHANGED: {len(changed)}")
    sys.exit(1 if changed else 0)


if __name__ == "__main__":
    main()
