#!/usr/bin/env python3
"""Decodes JPEGs as a PyTorch user does, for its speed: torch.utils.data.DataLoader, Pillow, torchvision's transforms
for evaluation written out (Resize, CenterCrop, ToTensor, Normalize). For scripts/bench-decode.js.

A line with a number on stdin decodes all images as many times; what comes back are milliseconds per image of each
time, from the first batch on: starting processes does not count.

With --draft Pillow's decoder shrinks while it decodes (Image.draft), which torchvision does not ask it to do.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset


class Images(Dataset):
    def __init__(self, folder, resize, crop, draft):
        self.paths = sorted(str(path) for path in Path(folder).rglob("*.jpg"))
        self.resize, self.crop, self.draft = resize, crop, draft
        self.mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
        self.std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        with open(self.paths[index], "rb") as file:
            image = Image.open(file)
            if self.draft:
                # As much as leaves the shorter side no smaller than it is resized to.
                scale = self.resize / min(image.size)
                image.draft("RGB", (round(image.width * scale), round(image.height * scale)))
            image = image.convert("RGB")
        width, height = image.size
        short = min(width, height)
        if short != self.resize:
            size = (int(self.resize * width / short), int(self.resize * height / short))
            image = image.resize(size, Image.Resampling.BILINEAR)
        width, height = image.size
        left, top = round((width - self.crop) / 2), round((height - self.crop) / 2)
        image = image.crop((left, top, left + self.crop, top + self.crop))
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()
        pixels = pixels.to(torch.float32).div(255)
        return pixels.sub_(self.mean).div_(self.std), 0


def one_pass(loader):
    since, images, total = None, 0, 0.0
    for batch, _ in loader:
        if since is None:
            since = time.perf_counter()
        else:
            images += len(batch)
        total += batch[0, 0, 0, 0].item()
    return 1000 * (time.perf_counter() - since) / images


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--resize", type=int, required=True)
    parser.add_argument("--crop", type=int, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--draft", action="store_true")
    args = parser.parse_args()
    images = Images(args.folder, args.resize, args.crop, args.draft)
    loader = DataLoader(images, args.batch, num_workers=args.workers, persistent_workers=True)
    print(json.dumps({"ready": {"images": len(images)}}), flush=True)
    for line in sys.stdin:
        times = [one_pass(loader) for _ in range(int(line))]
        print(json.dumps({"ms": times, "memory": None}), flush=True)


if __name__ == "__main__":
    main()
