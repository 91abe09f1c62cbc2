#!/usr/bin/env python3
"""What torchvision and timm make of images under their own evaluation transforms, for test/data/images/pillow-resizing.test.ts.

    pip install -r scripts/requirements-takeover.txt
    python scripts/reference-resizing.py test/fixtures/resizing/transforms.json
    python scripts/reference-resizing.py FILE FOLDER 8    # of every eighth image of a folder in place of drawn ones

Drawn images are made of a formula that the test repeats; of each result the size and the SHA-256 of its pixels are kept,
and of torchvision's on tensors, which rounds otherwise, the pixels of one image. timm's transforms end in floats: pixels
are those times deviation plus mean.
"""

import hashlib
import json
import os
import sys

import numpy as np
import PIL
import timm
import torch
import torchvision
from PIL import Image
from timm.data import create_transform
from torchvision.transforms import v2

MODES = {
    "bilinear": v2.InterpolationMode.BILINEAR,
    "bicubic": v2.InterpolationMode.BICUBIC,
    "lanczos3": v2.InterpolationMode.LANCZOS,
}
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
# [width, height] of drawn images, [resize, crop]
CASES = [
    ((61, 43), (32, 28)),
    ((43, 61), (32, 29)),
    ((40, 100), (37, 30)),
    ((100, 33), (33, 32)),
    # the last that Pillow 13 resizes across first, and the first that it resizes down first
    ((40, 80), (37, 32)),
    ((40, 81), (37, 32)),
    ((20, 31), (57, 50)),
    ((33, 33), (32, 32)),
    ((257, 193), (38, 32)),
    ((7, 5), (5, 3)),
    ((640, 427), (256, 224)),
]


def drawn(width, height):
    """Any value beside any other, the same in every language: a product of primes, in 32 bits."""
    i = np.arange(width * height * 3, dtype=np.uint64)
    noise = ((i * 2654435761) & 0xFFFFFFFF) >> 24
    smooth = (i // 3 % width) * 5 + (i // 3 // width) * 3
    return np.where(i % 7 < 3, noise, smooth & 255).astype(np.uint8).reshape(height, width, 3)


def sha256(pixels):
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()


def by_timm(image, resize, crop, interpolation):
    transform = create_transform(
        (3, crop, crop), is_training=False, interpolation=interpolation, mean=MEAN, std=STD, crop_pct=crop / resize
    )
    values = transform(image)
    scaled = values * torch.tensor(STD)[:, None, None] + torch.tensor(MEAN)[:, None, None]
    return (scaled * 255).round().to(torch.uint8).permute(1, 2, 0).numpy(), describe(transform)


def describe(transform):
    return [repr(step).replace("torchvision.transforms.transforms.", "") for step in transform.transforms]


def results(image, resize, crop):
    found = {}
    for name, mode in MODES.items():
        whole = v2.Resize(resize, interpolation=mode)(image)
        cropped = v2.CenterCrop(crop)(whole)
        found[name] = {
            "size": list(whole.size),
            "resized": sha256(np.asarray(whole)),
            "cropped": sha256(np.asarray(cropped)),
        }
        if name == "lanczos3":
            continue
        pixels, _ = by_timm(image, resize, crop, name)
        # timm takes floor(crop / crop_pct), which may be one less than the size that was meant
        found[name]["timm"] = sha256(pixels)
    return found


def on_tensors(pixels, resize):
    tensor = torch.from_numpy(pixels).permute(2, 0, 1)
    return {
        name: v2.Resize(resize, interpolation=MODES[name], antialias=True)(tensor).permute(1, 2, 0).flatten().tolist()
        for name in ("bilinear", "bicubic")
    }


def main():
    versions = {
        "torch": torch.__version__.split("+")[0],
        "torchvision": torchvision.__version__.split("+")[0],
        "timm": timm.__version__,
        "pillow": PIL.__version__,
    }
    cases = []
    if len(sys.argv) > 2:
        root = sys.argv[2]
        paths = sorted(os.path.join(folder, name) for folder, _, names in os.walk(root) for name in names)
        for path in paths[:: int(sys.argv[3]) if len(sys.argv) > 3 else 1]:
            if not path.lower().endswith((".jpg", ".jpeg", ".png")):
                continue
            image = Image.open(path).convert("RGB")
            name = os.path.relpath(path, root)
            cases.append({"image": name, "resize": 256, "crop": 224, "found": results(image, 256, 224)})
    else:
        for (width, height), (resize, crop) in CASES:
            image = Image.fromarray(drawn(width, height))
            cases.append({"image": [width, height], "resize": resize, "crop": crop, "found": results(image, resize, crop)})
    found = {"versions": versions, "cases": cases}
    if len(sys.argv) == 2:
        width, height = CASES[0][0]
        found["tensors"] = on_tensors(drawn(width, height), CASES[0][1][0])
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(found, file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
