#!/usr/bin/env bash
# OpenVINO 2026.4.1: an ONNX LRN of even size sums one channel too few, without a word.
#
# For channel c the specification sums the squares from c - floor((size - 1) / 2) to c + ceil((size - 1) / 2): four
# channels for size 4. OpenVINO sums three (c - 1 to c + 1), as for size 3, but divides alpha by 4. onnxruntime refuses
# even sizes.
#
# Fails if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install -q onnx==1.23.2 openvino==2026.4.1 numpy==2.4.6
cat > try.py <<'PY'
import math, sys
import numpy as np, onnx, openvino
from onnx import TensorProto, helper

channels, size = 8, 4
shape = [1, channels, 1, 1]
graph = helper.make_graph(
    [helper.make_node("LRN", ["x"], ["y"], size=size, alpha=float(size), beta=1.0, bias=1.0)],
    "lrn",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
onnx.checker.check_model(model, full_check=True)
x = np.arange(1, channels + 1, dtype=np.float32)
core = openvino.Core()
compiled = core.compile_model(core.read_model(model.SerializeToString()), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
y = compiled({"x": x.reshape(shape)})[0].ravel()
found = [round(float(value)) for value in x / y - 1]  # y = x / (1 + sum)

def summed(before, after):
    return [int((x[max(0, c - before) : c + after + 1] ** 2).sum()) for c in range(channels)]

specified = summed(math.floor((size - 1) / 2), math.ceil((size - 1) / 2))
print(f"OpenVINO {openvino.__version__}")
print(f"sums of squares:  {found}")
print(f"as specified:     {specified}")
print(f"of size 3:        {summed(1, 1)}")
as_described = found == summed(1, 1) != specified
print("as described" if as_described else "CHANGED")
sys.exit(0 if as_described else 1)
PY
env/bin/python try.py
