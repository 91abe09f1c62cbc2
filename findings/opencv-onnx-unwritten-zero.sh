#!/usr/bin/env bash
# OpenCV 5.0.0 and 4.14.0 dnn: an ONNX attribute whose value is 0 is refused if it was written by a proto3 library.
#
# ONNX's schema is proto2 in Python and C++, and proto3 for others (onnx.proto3 lies beside it). A proto3 writer leaves
# out fields that are 0; readers take them as 0. ONNX's own checker accepts such a file ("In proto3, when the value to
# be set is type default value, used_fields may be 0"), and onnxruntime runs it. OpenCV asks has_i() and says
# "unsupported attribute format" of an AveragePool with count_include_pad=0, though 0 is the default.
#
# Fails if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat > try.py <<'PY'
import sys
import cv2, numpy as np, onnx, onnxruntime
from onnx import TensorProto, helper

graph = helper.make_graph(
    [helper.make_node("AveragePool", ["x"], ["y"], kernel_shape=[1, 2], count_include_pad=0)],
    "pool",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 1, 2])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, 1, 1])],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
x = np.array([1, 3], np.float32).reshape(1, 1, 1, 2)

def opencv(model):
    try:
        network = cv2.dnn.readNetFromONNX(np.frombuffer(model.SerializeToString(), np.uint8))
        network.setInput(x)
        return float(network.forward().ravel()[0])
    except cv2.error as error:
        return "refused: " + str(error).split("DNN/ONNX/")[-1].split(" in function")[0]

written = opencv(model)
(counted,) = (each for each in model.graph.node[0].attribute if each.name == "count_include_pad")
counted.ClearField("i")  # what proto3 writes for 0
onnx.checker.check_model(model, full_check=True)
runtime = float(onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0].ravel()[0])
unwritten = opencv(model)
print(f"OpenCV {cv2.__version__}: 0 written: {written}; 0 left out: {unwritten}")
print(f"onnxruntime {onnxruntime.__version__}: {runtime}; onnx {onnx.__version__}: checked")
as_described = written == 2 and runtime == 2 and str(unwritten).startswith("refused")
print("as described" if as_described else "CHANGED")
sys.exit(0 if as_described else 1)
PY
for opencv in 5.0.0.93 4.14.0.94; do
  python3 -m venv "env-$opencv"
  "env-$opencv/bin/pip" install -q onnx==1.23.2 onnxruntime==1.30.0 numpy==2.4.6 "opencv-python-headless==$opencv"
  "env-$opencv/bin/python" try.py 2>/dev/null
done
