#!/usr/bin/env python3
"""Evaluation presets of torchvision and timm for the networks that relaybp imports, for test/import/preprocessing.test.ts.

Of timm both its config, as config.json has it, and what create_transform makes of it, read off the transforms.

    pip install -r scripts/requirements-takeover.txt
    python scripts/reference-presets.py test/fixtures/import/presets.json
"""

import json
import sys

import timm
import torchvision
from timm.data import create_transform, resolve_data_config
from torchvision import models

NETWORKS = ("vgg11", "vgg13", "vgg16", "vgg19", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152")
NETWORKS += ("wide_resnet50_2", "wide_resnet101_2", "inception_v3")


def torchvision_presets():
    for name in models.list_models(module=models):
        if name.removesuffix("_bn") not in NETWORKS:
            continue
        for weights in models.get_model_weights(name):
            if weights.name == "IMAGENET1K_FEATURES":
                continue
            preset = weights.transforms()
            yield {
                "name": f"{type(weights).__name__}.{weights.name}",
                "file": weights.url.split("/")[-1].removesuffix(".pth"),
                "resize": preset.resize_size[0],
                "crop": preset.crop_size[0],
                "interpolation": preset.interpolation.value,
                "mean": list(preset.mean),
                "std": list(preset.std),
            }


def timm_presets():
    names = [
        name
        for name in timm.list_pretrained()
        if name.split(".")[0].removesuffix("_bn") in NETWORKS
    ]
    for name in names:
        config = timm.get_pretrained_cfg(name).to_dict()
        transform = create_transform(**resolve_data_config({}, config, use_test_size=True))
        resize, crop, _, normalize = transform.transforms
        yield {
            "name": name,
            "config": {key: config[key] for key in KEYS if config.get(key) is not None},
            "resize": resize.size,
            "crop": crop.size[0],
            "interpolation": resize.interpolation.value,
            "mean": [round(float(v), 6) for v in normalize.mean],
            "std": [round(float(v), 6) for v in normalize.std],
        }


KEYS = ("tag", "input_size", "test_input_size", "interpolation", "crop_pct", "test_crop_pct", "crop_mode", "mean", "std")


def main():
    found = {
        "versions": {"timm": timm.__version__, "torchvision": torchvision.__version__.split("+")[0]},
        "torchvision": list(torchvision_presets()),
        "timm": list(timm_presets()),
    }
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(found, file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
