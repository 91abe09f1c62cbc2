#!/usr/bin/env python3
"""What Pillow makes of pixels under torchvision's ColorJitter, for test/data/augment/color-jitter.test.ts.

torchvision's functional_pil applies ImageEnhance.Brightness, Contrast and Color, and turns the hue through Pillow's
8-bit HSV as written here; it is not needed itself.

    pip install -r scripts/requirements-augment.txt
    python scripts/reference-augment.py test/fixtures/augment/color-jitter.json
"""

import hashlib
import json
import sys

import numpy as np
import PIL
from PIL import Image, ImageEnhance


def adjust_hue(image, factor):
    """torchvision.transforms._functional_pil.adjust_hue."""
    h, s, v = image.convert("HSV").split()
    turned = np.array(h, dtype=np.uint8)
    with np.errstate(over="ignore"):
        turned += np.array(factor * 255).astype(np.int32).astype(np.uint8)
    return Image.merge("HSV", (Image.fromarray(turned), s, v)).convert("RGB")


CHANGES = {
    "brightness": lambda image, by: ImageEnhance.Brightness(image).enhance(by),
    "contrast": lambda image, by: ImageEnhance.Contrast(image).enhance(by),
    "saturation": lambda image, by: ImageEnhance.Color(image).enhance(by),
    "hue": adjust_hue,
}
FACTORS = {
    "brightness": [0, 0.3, 0.6, 1, 1.4, 2.7],
    "contrast": [0, 0.3, 0.6, 1, 1.4, 2.7],
    "saturation": [0, 0.3, 0.6, 1, 1.4, 2.7],
    "hue": [-0.5, -0.123, -0.05, 0, 0.002, 0.1, 0.31, 0.5],
}


def all_colors():
    """Every fifth value of each channel, and 255: 52 x 52 x 52 pixels."""
    values = np.arange(0, 256, 5, dtype=np.uint8)
    grid = np.stack(np.meshgrid(values, values, values, indexing="ij"), axis=-1)
    return grid.reshape(52, 52 * 52, 3)


def changed(pixels, changes):
    image = Image.fromarray(pixels)
    for kind, by in changes:
        image = CHANGES[kind](image, by)
    return np.asarray(image)


def main():
    colors = all_colors()
    single = [
        {"kind": kind, "by": by, "sha256": hashlib.sha256(changed(colors, [(kind, by)]).tobytes()).hexdigest()}
        for kind, factors in FACTORS.items()
        for by in factors
    ]
    generator = np.random.default_rng(5)
    small = generator.integers(0, 256, (4, 5, 3), dtype=np.uint8)
    orders = [
        [("brightness", 1.3), ("contrast", 0.7), ("saturation", 1.5), ("hue", 0.08)],
        [("hue", -0.2), ("saturation", 0.4), ("contrast", 1.6), ("brightness", 0.8)],
    ]
    chains = [
        {
            "changes": [{"kind": kind, "by": by} for kind, by in changes],
            "pixels": changed(small, changes).flatten().tolist(),
        }
        for changes in orders
    ]
    found = {"pillow": PIL.__version__, "single": single, "small": small.flatten().tolist(), "chains": chains}
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(found, file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
