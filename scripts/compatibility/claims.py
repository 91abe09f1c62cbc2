"""Claims about other libraries: each is checked when its script is run, and a changed one makes the script fail."""

import os
import sys
import types

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
# torchvision's operators are not needed, and not there where torch is a build without CUDA.
sys.modules["torchvision._meta_registrations"] = types.ModuleType("torchvision._meta_registrations")

changed = []


def claim(row, what, found, expected, within=0.0):
    """@param row: as docs/compatibility.md numbers it; numbers may differ by `within` of the expected one."""
    if within:
        same = all(abs(f - e) <= within * max(1e-12, abs(e)) for f, e in zip(found, expected, strict=True))
    else:
        same = found == expected
    print(f"{'ok     ' if same else 'CHANGED'} {row} {what}: {found}" + ("" if same else f", was {expected}"))
    if not same:
        changed.append(row)


def end():
    print("all as described" if not changed else f"CHANGED: {', '.join(sorted(set(changed)))}")
    sys.exit(1 if changed else 0)
