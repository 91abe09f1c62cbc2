#!/usr/bin/env python3
"""Exports a run in every format and lets the formats' own Python packages read the files: TensorFlow, onnx, safetensors.

    python3 -m venv VENV
    VENV/bin/pip install -r scripts/requirements-exports.txt
    VENV/bin/pip install --no-deps tensorflow-cpu==2.21.0
    VENV/bin/python scripts/check-exports.py RUN --images FOLDER

TensorFlow's probabilities of real images are compared with those of `relaybp predict`. The images are brought to the
size that relaybp would resize them to, so that both get the same pixels. After `npm run build`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import onnx
import tensorflow as tf
from PIL import Image
from safetensors import safe_open

RELAYBP = ["node", str(Path(__file__).resolve().parent.parent / "bin" / "relaybp.js")]
TOLERANCE = 1e-4


def relaybp(*words):
    return subprocess.run([*RELAYBP, *map(str, words)], check=True, capture_output=True, text=True).stdout


def main(run, images, count):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        outputs = {kind: folder / f"export.{kind}" for kind in ("onnx", "saved-model", "safetensors")}
        for kind, path in outputs.items():
            relaybp("export", run, "--format", kind, "--out", path)

        model = onnx.load(outputs["onnx"])
        onnx.checker.check_model(model, full_check=True)
        properties = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
        print(f"onnx {onnx.__version__}: checked, {len(model.graph.node)} nodes")

        about = json.loads((outputs["saved-model"] / "assets.extra" / "relaybp.json").read_text())
        classes, preprocessing = about["classes"], about["preprocessing"]
        assert properties["relaybp"]["classes"] == classes == properties["classes"]
        assert properties["preprocessing"]["resize"] == preprocessing["resize"]

        with safe_open(outputs["safetensors"], "numpy") as file:
            assert json.loads(file.metadata()["relaybp"])["classes"] == classes
            # Biases have the same layout everywhere; a batch normalization's are folded elsewhere.
            both = [t for t in model.graph.initializer if t.name in file.keys() and t.name.endswith(".bias")]
            weights = {t.name: onnx.numpy_helper.to_array(t) for t in both}
            same = sum(np.array_equal(file.get_tensor(name), value) for name, value in weights.items())
            print(f"safetensors: {len(file.keys())} tensors, {same} of {len(weights)} biases as in the ONNX file")

        files, pixels = prepared(images, folder, preprocessing, count)
        predict = tf.saved_model.load(str(outputs["saved-model"])).signatures["serving_default"]
        found = predict(pixels=tf.constant(pixels))["probabilities"].numpy()
        answer = json.loads(relaybp("predict", run, *files, "--format", "json", "--topk", len(classes)))
        expected = np.zeros_like(found)
        for row, image in zip(expected, answer):
            for prediction in image["predictions"]:
                row[classes.index(prediction["class"])] = prediction["probability"]
        difference = np.abs(found - expected).max()
        print(f"TensorFlow {tf.__version__}: {len(files)} images, probabilities differ by at most {difference:.1e}")
        if not difference <= TOLERANCE:
            sys.exit(f"more than {TOLERANCE}")


def prepared(images, folder, preprocessing, count):
    """Images whose shorter side is the one that is resized to, as files, and their centre crops as an array."""
    side = preprocessing["resize"]["shorterSide"]
    height, width = preprocessing["crop"]["height"], preprocessing["crop"]["width"]
    paths = sorted(Path(images).rglob("*.jpg"))
    files, crops = [], []
    for path in paths[:: max(1, len(paths) // count)][:count]:
        image = Image.open(path).convert("RGB")
        scale = side / min(image.size)
        image = image.resize([max(side, round(length * scale)) for length in image.size], Image.LANCZOS)
        files.append(folder / f"{len(files)}.png")
        image.save(files[-1])
        array = np.asarray(image, np.float32)
        top, left = (array.shape[0] - height) // 2, (array.shape[1] - width) // 2
        crops.append(array[top : top + height, left : left + width])
    return files, np.array(crops)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--images", required=True)
    parser.add_argument("--count", type=int, default=8)
    arguments = parser.parse_args()
    main(arguments.run, arguments.images, arguments.count)
