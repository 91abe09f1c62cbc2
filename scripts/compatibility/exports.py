#!/usr/bin/env python3
"""Runs exports of relaybp in the programs that people take them to, and compares with relaybp's own engine.

    python3 -m venv VENV
    VENV/bin/pip install -r scripts/compatibility/requirements-runtimes.txt
    RELAYBP_KEEP_EXPORTS=FOLDER npx vitest run test/export/formats.test.ts
    VENV/bin/python scripts/compatibility/exports.py FOLDER

The test leaves the exports of its networks in FOLDER: every kind of layer and padding, VGG, models A and B, ResNet-50,
Inception-v3. A program that is not installed is left out. Fails if a logit differs by more than 1e-4 of the largest.
"""

import argparse
import json
import struct
import sys
from pathlib import Path

import numpy as np
from programs import PROGRAMS

TOLERANCE = 1e-4


def main(folder):
    expectations = sorted(folder.glob("*.scores.safetensors"))
    if not expectations:
        sys.exit(f"{folder}: no *.scores.safetensors; this file's first lines say what makes them")
    failed = []
    for path in expectations:
        network = path.name.removesuffix(".scores.safetensors")
        scores = tensors(path)
        for program in PROGRAMS:
            export = folder / f"{network}.{program.format}"
            if program.available() and export.exists():
                failed += report(network, program, export, scores)
    print("all agree" if not failed else f"DIFFER: {', '.join(failed)}")
    sys.exit(1 if failed else 0)


def report(network, program, export, scores):
    pixels = scores["pixels"]
    if program.format == "onnx":
        pixels = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
    try:
        logits, probabilities = program.run(export, pixels)
        logit = np.abs(logits - scores["logits"]).max() / np.abs(scores["logits"]).max()
        difference = max(logit, np.abs(probabilities - scores["probabilities"]).max())
        said = f"logits differ by {logit:.1e} of the largest"
    except Exception as error:  # whatever the program throws, the others are to be tried, too
        difference, said = np.inf, str(error).strip().splitlines()[-1]
    print(f"{network:36} {program.name():22} {said}")
    return [] if difference <= TOLERANCE else [f"{network} in {program.name()}"]


def tensors(path):
    """Float32 tensors of a safetensors file by name."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    body = data[8 + length :]
    return {
        name: np.frombuffer(body[slice(*about["data_offsets"])], "<f4").reshape(about["shape"])
        for name, about in header.items()
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    main(parser.parse_args().folder)
