#!/usr/bin/env python3
"""Exports a run in every format and lets the formats' own Python packages read the files: TensorFlow, onnx, safetensors.

    python3 -m venv VENV
    VENV/bin/pip install -r scripts/requirements-exports.txt
    VENV/bin/pip install --no-deps tensorflow-cpu==2.21.0
    VENV/bin/python scripts/check-exports.py RUN --images FOLDER

TensorFlow's probabilities of real images are compared with those of `relaybp predict`. The images are brought to the
size that relaybp would resize them to, so that both get the same pixels. The function `resized` of docs/export.md is
taken from there, and compared with relaybp on drawn images besides: odd sizes, turned and transparent ones. After
`npm run build`.
"""

import argparse
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import onnx
import tensorflow as tf
from PIL import Image
from safetensors import safe_open

ROOT = Path(__file__).resolve().parent.parent
RELAYBP = ["node", str(ROOT / "bin" / "relaybp.js")]
TOLERANCE = 1e-4


def documented():
    """The function `resized` as docs/export.md has it."""
    names = {}
    block = re.search(r"```python\n(.*?def resized.*?)```", (ROOT / "docs/export.md").read_text(), re.DOTALL)
    exec(block[1], names)
    return names["resized"]


resized = documented()


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
        image = resized(path, side)
        files.append(folder / f"{len(files)}.png")
        image.save(files[-1])
        array = np.asarray(image, np.float32)
        top, left = (array.shape[0] - height) // 2, (array.shape[1] - width) // 2
        crops.append(array[top : top + height, left : left + width])
    return files, np.array(crops)


# What relaybp makes of a file: width, height, and the values.
DECODE = """
const { decodeImage } = await import(process.argv[1]);
const { data, width, height } = await decodeImage(process.argv[2], Number(process.argv[3]));
process.stdout.write(Buffer.concat([Buffer.from(Uint32Array.of(width, height).buffer), data]));
"""


def decoded(path, side):
    module = (ROOT / "dist/data/images/decode.js").as_uri()
    command = ["node", "--input-type=module", "-e", DECODE, module, str(path), str(side)]
    output = subprocess.run(command, check=True, capture_output=True).stdout
    width, height = struct.unpack("<II", output[:8])
    return np.frombuffer(output, np.uint8, offset=8).reshape(height, width, 3)


def check_documented():
    """Smooth pictures, so that the difference of two Lanczos filters is small."""
    with tempfile.TemporaryDirectory() as name:
        worst = 0
        cases = list(drawn(Path(name)))
        for path, side in cases:
            image, other = np.asarray(resized(path, side)), decoded(path, side)
            if image.shape != other.shape:
                sys.exit(f"{path.name} at {side}: {image.shape} by docs/export.md, {other.shape} by relaybp")
            if min(side, *Image.open(path).size) < 30:
                continue  # of a few pixels most are border, where the two filters differ
            worst = max(worst, np.abs(image.astype(int) - other).max())
            if worst > 3:
                sys.exit(f"{path.name} at {side}: values differ by {worst}")
        print(f"resized() of docs/export.md: {len(cases)} images, values differ by at most {worst}")


def drawn(folder):
    def save(image, name, **options):
        image.save(folder / name, **options)
        return folder / name

    # Ties: 352.5, 352.5 but for rounding errors, 4.5 enlarged, 67.5, 49.5 and 112.5 as floats have them.
    ties = [(400, 600, 235), (747, 498, 235), (4, 6, 3), (2, 3, 3), (465, 248, 36), (1375, 1000, 36), (1875, 1200, 72)]
    for width, height, side in [*ties, (640, 427, 256), (101, 67, 32), (8, 5, 64), (64, 64, 64)]:
        yield save(ramp(width, height), f"{width}x{height}.png"), side
    small = ramp(90, 60)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x112] = orientation
        for kind in ("png", "webp"):
            yield save(small, f"turned-{orientation}.{kind}", exif=exif, lossless=True), 30
        late = behind((folder / f"turned-{orientation}.png").read_bytes())
        (folder / f"late-{orientation}.png").write_bytes(late)
        yield folder / f"late-{orientation}.png", 30
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    xmp += b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
    for kind in ("jpg", "webp"):
        yield save(small, f"xmp.{kind}", xmp=xmp, quality=100), 30
    alpha = Image.linear_gradient("L").resize(small.size)
    clear = Image.merge("RGBA", [*small.split(), alpha])
    yield save(clear, "clear.png"), 60
    yield save(clear, "clear.webp", lossless=True, exact=True), 60
    yield save(Image.merge("LA", [small.convert("L"), alpha]), "clear-gray.png"), 60
    yield save(small.quantize(32), "palette.png", transparency=3), 60
    yield save(Image.new("RGB", (60, 60), (9, 99, 200)), "keyed.png", transparency=(9, 99, 200)), 60
    yield save(small.convert("L"), "gray.png"), 30


def ramp(width, height):
    """Colours that change slowly in both directions."""
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    return Image.fromarray(np.uint8(np.stack([255 * x, 255 * y, 127 * (x + y)], 2).round()))


def behind(png):
    """The same PNG with its EXIF data behind the image."""
    chunks, at = [], 8
    while at < len(png):
        end = at + 12 + struct.unpack(">I", png[at : at + 4])[0]
        assert struct.unpack(">I", png[end - 4 : end])[0] == zlib.crc32(png[at + 4 : end - 4])
        chunks.append(png[at:end])
        at = end
    exif = [chunk for chunk in chunks if chunk[4:8] == b"eXIf"]
    assert len(exif) == 1
    return png[:8] + b"".join(chunk for chunk in chunks[:-1] if chunk[4:8] != b"eXIf") + exif[0] + chunks[-1]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--images", required=True)
    parser.add_argument("--count", type=int, default=8)
    arguments = parser.parse_args()
    check_documented()
    main(arguments.run, arguments.images, arguments.count)
