#!/usr/bin/env bash
# onnxruntime 1.30.0 on x86-64: whether a NaN passes MaxPool depends on its place in the window, and on the stride, although
# there is one window alone.
#
# A 2x2 map under a 2x2 window has one output, whatever the stride. With strides of 2 a NaN in the second place comes
# out as NaN and one in the last place is passed over; with strides of 1, the default, it is the other way round. So
# that a network's scores are finite says nothing of its maps; numpy, PyTorch and JAX give NaN wherever it is.
#
# Fails if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install -q onnx==1.23.2 onnxruntime==1.30.0 numpy==2.4.6
cat > try.py <<'PY'
import sys
import numpy as np, onnx, onnxruntime
from onnx import TensorProto, helper

def pooled(values, stride):
    shape = [1, 1, 2, 2]
    graph = helper.make_graph(
        [helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[2, 2], strides=[stride, stride])],
        "pool",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, 1, 1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return float(session.run(None, {"x": np.array(values, np.float32).reshape(shape)})[0].ravel()[0])

print(f"onnxruntime {onnxruntime.__version__}, {onnxruntime.get_available_providers()[-1]}")
nan = float("nan")
windows = [[nan, 1, 2, 3], [1, nan, 2, 3], [1, 2, nan, 3], [1, 2, 3, nan]]
found = {stride: [pooled(window, stride) for window in windows] for stride in (1, 2)}
for stride, values in found.items():
    print(f"stride {stride}, NaN in place 1, 2, 3, 4: {values}")
passes = {stride: [bool(np.isnan(value)) for value in values] for stride, values in found.items()}
as_described = passes[1] != passes[2] and not any(passes[s][0] for s in passes)
print("as described" if as_described else "CHANGED")
sys.exit(0 if as_described else 1)
PY
env/bin/python try.py
