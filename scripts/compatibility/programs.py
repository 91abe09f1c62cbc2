"""Programs that run networks, as far as they are installed: each runs a model in a file."""

import os
from importlib.util import find_spec

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

OUTPUTS = ["logits", "probabilities"]


class Program:
    """`run(path, pixels)` gives logits and probabilities."""

    module = ""
    format = "onnx"

    def available(self):
        return find_spec(self.module) is not None


class OnnxRuntime(Program):
    module = "onnxruntime"

    def name(self):
        import onnxruntime

        return f"onnxruntime {onnxruntime.__version__}"

    def session(self, model, **options):
        import onnxruntime

        quiet = onnxruntime.SessionOptions()
        quiet.log_severity_level = 4
        return onnxruntime.InferenceSession(model, quiet, **options)

    def run(self, path, pixels):
        return self.session(str(path)).run(OUTPUTS, {"pixels": pixels})

    def values(self, model, inputs):
        """The first output of a model in memory."""
        return self.session(model).run(None, inputs)[0]


class OpenVino(Program):
    """On the CPU in float32: by its own choice it may compute in bfloat16."""

    module = "openvino"

    def name(self):
        import openvino

        return f"OpenVINO {openvino.__version__.split('-')[0]}"

    def compiled(self, model):
        import openvino

        core = openvino.Core()
        return core.compile_model(core.read_model(model), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def run(self, path, pixels):
        results = self.compiled(str(path))({"pixels": pixels})
        return [results[name] for name in OUTPUTS]

    def values(self, model, inputs):
        return self.compiled(model)(inputs)[0]


class OpenCv(Program):
    module = "cv2"

    def name(self):
        import cv2

        return f"OpenCV {cv2.__version__}"

    def run(self, path, pixels):
        import cv2

        network = cv2.dnn.readNetFromONNX(str(path))
        network.setInput(pixels, "pixels")
        return network.forward(OUTPUTS)

    def values(self, model, inputs):
        import cv2

        network = cv2.dnn.readNetFromONNX(np.frombuffer(model, np.uint8))
        for name, value in inputs.items():
            network.setInput(value, name)
        return network.forward()


class TensorFlow(Program):
    module = "tensorflow"
    format = "saved-model"

    def name(self):
        import tensorflow

        return f"TensorFlow {tensorflow.__version__}"

    def run(self, path, pixels):
        import tensorflow

        results = tensorflow.saved_model.load(str(path)).signatures["serving_default"](pixels=tensorflow.constant(pixels))
        return [results[name].numpy() for name in OUTPUTS]


PROGRAMS = [OnnxRuntime(), OpenVino(), OpenCv(), TensorFlow()]
