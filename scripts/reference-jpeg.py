#!/usr/bin/env python3
"""JPEGs and what Pillow decodes them to, for test/data/images/fast-jpeg.test.ts.

Pillow decodes by libjpeg-turbo with its defaults: accurate DCT, interpolated chroma. Reduced scales are those of
Image.draft.

    pip install -r scripts/requirements-jpeg.txt
    python scripts/reference-jpeg.py test/fixtures/jpeg/decoded.jsonl
"""

import base64
import hashlib
import io
import json
import sys

import numpy as np
import PIL
from PIL import Image

SAMPLINGS = {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2}
SIZES = [(64, 48), (67, 43), (48, 33), (31, 80), (17, 9), (5, 8), (1, 1)]


def picture(width, height):
    """Edges, waves and noise in all channels."""
    random = np.random.default_rng(width * 1000 + height)
    y, x = np.mgrid[0:height, 0:width]
    waves = [128 + 90 * np.sin(x / (2 + c) + y * y / (37 + 9 * c)) for c in range(3)]
    pixels = np.stack(waves, -1) + random.normal(0, 12, (height, width, 3))
    pixels[height // 3 : height // 2, width // 4 : width // 2] = (250, 10, 60)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def sha256(image):
    return hashlib.sha256(image.convert("RGB").tobytes()).hexdigest()


def decoded(jpeg, shrink):
    image = Image.open(io.BytesIO(jpeg))
    if shrink > 1:
        size = (-(-image.width // shrink), -(-image.height // shrink))
        image.draft(None, (max(1, image.width // shrink), max(1, image.height // shrink)))
        if image.size != size:
            return None
    return image


def case(size, kind, options):
    image = picture(*size)
    if kind == "gray":
        image = image.convert("L")
    else:
        options = {**options, "subsampling": SAMPLINGS[kind]}
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    jpeg = file.getvalue()
    scales = {shrink: decoded(jpeg, shrink) for shrink in (1, 2, 4, 8)}
    return {
        "kind": kind,
        "options": options,
        "size": size,
        "jpeg": base64.b64encode(jpeg).decode(),
        "sha256": {shrink: sha256(found) for shrink, found in scales.items() if found},
    }


def main():
    cases = []
    for kind in [*SAMPLINGS, "gray"]:
        for size in SIZES:
            for options in ({"quality": 85}, {"quality": 95, "progressive": True}):
                cases.append(case(size, kind, options))
        cases.append(case((67, 43), kind, {"quality": 60, "restart_marker_blocks": 2}))
    with open(sys.argv[1], "w", encoding="utf8") as file:
        for found in cases:
            file.write(json.dumps({"pillow": PIL.__version__, **found}) + "\n")


if __name__ == "__main__":
    main()
