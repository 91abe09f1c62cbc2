#!/usr/bin/env bash
# Pillow 13.0.0: Image.resize goes down before it goes across where an image is shrunk by more than twice as many rows as columns.
#
# Pillow resizes in two passes, each rounded and clipped to 8 bits, so their order is seen in the pixels. Up to 12.x it was
# always across first (and many copies of its filter in other libraries say so). 13.0.0 goes down first where
# height - newHeight > 2 * max(0, width - newWidth): keeping the aspect ratio, for images more than twice as tall as wide.
# So the same resize of the same pixels, antialiased and with the same filter, differs between versions, by up to 11
# levels below (Lanczos on noise), and torchvision's and timm's transforms of such images with it. At 40x80 nothing
# differs, at 40x81 it does.
#
# Fails if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/try.py" <<'PY'
import sys
import numpy as np
import PIL
from PIL import Image

BICUBIC, LANCZOS = Image.Resampling.BICUBIC, Image.Resampling.LANCZOS


def noise(width, height):
    i = np.arange(width * height * 3, dtype=np.uint64)
    return Image.fromarray((((i * 2654435761) & 0xFFFFFFFF) >> 24).astype(np.uint8).reshape(height, width, 3))


def order(width, height, to, how):
    image = noise(width, height)
    found = np.asarray(image.resize(to, how)).astype(int)
    across = np.asarray(image.resize((to[0], height), how).resize(to, how)).astype(int)
    down = np.asarray(image.resize((width, to[1]), how).resize(to, how)).astype(int)
    which = "across first" if (found == across).all() else "down first" if (found == down).all() else "neither"
    return which, int(abs(across - down).max())


new = int(PIL.__version__.split(".")[0]) >= 13
print(f"Pillow {PIL.__version__}")
ok = True
for width, height, to in ((40, 80, (37, 74)), (40, 81, (37, 74)), (40, 100, (37, 92)), (100, 40, (92, 37))):
    tall = height - to[1] > 2 * max(0, width - to[0])
    for how in (BICUBIC, LANCZOS):
        which, apart = order(width, height, to, how)
        ok &= which == ("down first" if new and tall else "across first")
        print(f"{width}x{height} to {to[0]}x{to[1]}, {how.name}: {which}; the two orders are up to {apart} levels apart")
sys.exit(0 if ok else 1)
PY
for version in 12.3.0 13.0.0; do
  python3 -m venv "$work/$version"
  "$work/$version/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 "pillow==$version"
  "$work/$version/bin/python" "$work/try.py" || { echo CHANGED; exit 1; }
done
echo 'as described'
