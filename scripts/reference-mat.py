#!/usr/bin/env python3
"""Writes test/fixtures/ilsvrc/meta*.mat: class names as ILSVRC's devkit has them, written by SciPy 1.17.

    pip install scipy==1.17.1
    scripts/reference-mat.py

Four classes and one synset above them, in the order of their numbers, which is not that of their synsets.
"""
import pathlib

import numpy
import scipy.io

FOLDER = pathlib.Path(__file__).parent.parent / "test/fixtures/ilsvrc"
ROWS = [
    (1, "n02119789", "kit fox, Vulpes macrotis", 0),
    (2, "n02100735", "English setter", 0),
    (3, "n03126707", "crane", 0),
    (4, "n02012849", "crane", 0),
    (1001, "n02084071", "dog, domestic dog, Canis familiaris", 189),
]
FIELDS = ["ILSVRC2012_ID", "WNID", "words", "gloss", "num_children", "children", "num_train_images"]

synsets = numpy.zeros((len(ROWS), 1), dtype=[(field, object) for field in FIELDS])
for i, (number, wnid, words, children) in enumerate(ROWS):
    values = [float(number), wnid, words, "of no use here: é", float(children), numpy.arange(children), 1300.0]
    for field, value in zip(FIELDS, values):
        synsets[i, 0][field] = value
for name, compressed in [("meta", True), ("meta-plain", False)]:
    content = {"other": numpy.eye(2), "synsets": synsets}
    scipy.io.savemat(FOLDER / f"{name}.mat", content, do_compression=compressed)
