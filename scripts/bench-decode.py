#!/usr/bin/env python3
"""Decodes JPEGs as a PyTorch user does, for its speed: torch.utils.data.DataLoader, Pillow, torchvision's transforms
for evaluation written out (Resize, CenterCrop, ToTensor, Normalize). For scripts/bench-decode.js.

A line with a number on stdin decodes all images as many times; what comes back are milliseconds per image of each
time, from the first batch on: starting processes does not count.

--decoder draft: Pillow's decoder shrinks while it decodes (Image.draft), which torchvision does not ask it to do;
torchvision: torchvision.io.decode_jpeg in place of Pillow; simplejpeg: that package.
"""

import argparse
import json
import multiprocessing
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset


def pillow(path, resize, draft=False):
    with open(path, "rb") as file:
        image = Image.open(file)
        if draft:
            # As much as leaves the shorter side no smaller than it is resized to.
            scale = resize / min(image.size)
            image.draft("RGB", (round(image.width * scale), round(image.height * scale)))
        return np.array(smaller(image.convert("RGB"), resize))


def simple(path, resize):
    """simplejpeg, with libjpeg-turbo's accurate settings, and Pillow to resize."""
    import simplejpeg

    with open(path, "rb") as file:
        data = file.read()
    pixels = simplejpeg.decode_jpeg(data, "RGB", fastdct=False, fastupsample=False)
    return pixels if min(pixels.shape[:2]) == resize else np.array(smaller(Image.fromarray(pixels), resize))


def smaller(image, resize):
    width, height = image.size
    short = min(width, height)
    if short == resize:
        return image
    size = (int(resize * width / short), int(resize * height / short))
    return image.resize(size, Image.Resampling.BILINEAR)


def torchvision(path, resize):
    """torchvision's own decoder and its antialiased resize of tensors."""
    from torchvision.io import ImageReadMode, decode_jpeg, read_file
    from torchvision.transforms.v2 import functional

    pixels = decode_jpeg(read_file(path), mode=ImageReadMode.RGB)
    if min(pixels.shape[1:]) != resize:
        pixels = functional.resize(pixels, [resize], antialias=True)
    return pixels.permute(1, 2, 0)


DECODERS = {
    "pillow": pillow,
    "draft": lambda path, resize: pillow(path, resize, draft=True),
    "torchvision": torchvision,
    "simplejpeg": simple,
}


class Images(Dataset):
    def __init__(self, folder, resize, crop, decoder):
        self.paths = sorted(str(path) for path in Path(folder).rglob("*.jpg"))
        self.resize, self.crop, self.decoder = resize, crop, decoder
        self.mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
        self.std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        image = torch.as_tensor(DECODERS[self.decoder](self.paths[index], self.resize))
        height, width, _ = image.shape
        left, top = round((width - self.crop) / 2), round((height - self.crop) / 2)
        image = image[top : top + self.crop, left : left + self.crop]
        pixels = image.permute(2, 0, 1).contiguous().to(torch.float32).div(255)
        return pixels.sub_(self.mean).div_(self.std), 0


def processor_ms():
    """Of this process and its workers, which live on; None where there is no /proc."""
    try:
        ids = [os.getpid(), *(child.pid for child in multiprocessing.active_children())]
        ticks = 0
        for number in ids:
            fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return 1000 * ticks / os.sysconf("SC_CLK_TCK")
    except OSError:
        return None


def one_pass(loader):
    since, before, images, total = None, None, 0, 0.0
    for batch, _ in loader:
        if since is None:
            since, before = time.perf_counter(), processor_ms()
        else:
            images += len(batch)
        total += batch[0, 0, 0, 0].item()
    cpu = None if before is None else (processor_ms() - before) / images
    return 1000 * (time.perf_counter() - since) / images, cpu


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--resize", type=int, required=True)
    parser.add_argument("--crop", type=int, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--decoder", choices=DECODERS, default="pillow")
    args = parser.parse_args()
    images = Images(args.folder, args.resize, args.crop, args.decoder)
    loader = DataLoader(images, args.batch, num_workers=args.workers, persistent_workers=True)
    print(json.dumps({"ready": {"images": len(images)}}), flush=True)
    for line in sys.stdin:
        times = [one_pass(loader) for _ in range(int(line))]
        ms, cpu = zip(*times)
        print(json.dumps({"ms": ms, "cpu": cpu, "memory": None}), flush=True)


if __name__ == "__main__":
    main()
