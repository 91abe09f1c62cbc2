#!/usr/bin/env python3
"""The foreign rows of docs/compatibility.md about images, from I1 on.

    pip install -r scripts/compatibility/requirements-images-training.txt
    python scripts/compatibility/images.py
"""

import io
import pathlib
import tempfile

from claims import claim, end

import cv2
import keras
import numpy as np
import tensorflow as tf
import torch
from PIL import Image, ImageCms, ImageOps
from torchvision.transforms import v2

folder = pathlib.Path(tempfile.mkdtemp())


def saved(name, image, **options):
    path = str(folder / name)
    image.save(path, **options)
    return path


def noise(width, height):
    i = np.arange(width * height * 3, dtype=np.uint64)
    return (((i * 2654435761) & 0xFFFFFFFF) >> 24).astype(np.uint8).reshape(height, width, 3)


def smooth(width, height):
    """Soft waves with a little noise, as a photograph has them."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [127 + 90 * np.sin(x / (17 + 5 * c) + y / (11 + 3 * c)) for c in range(3)]
    return np.clip(np.stack(waves, -1) + noise(width, height) / 16.0, 0, 255).astype(np.uint8)


def by_opencv(path):
    return cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)


def by_tf(path, **options):
    return tf.io.decode_image(tf.io.read_file(path), channels=3, **options).numpy()


def by_pillow(path):
    return np.asarray(Image.open(path).convert("RGB"))


def first(pixels):
    return tuple(int(v) for v in pixels[0, 0])


# I1: EXIF orientation
turned = Image.fromarray(smooth(32, 16))
exif = turned.getexif()
exif[0x112] = 6
for kind in ("jpg", "png", "webp"):
    path = saved(f"turned.{kind}", turned, exif=exif)
    claim("I1", f"{kind}, Pillow open (ImageFolder, webdataset)", by_pillow(path).shape[:2], (16, 32))
    claim("I1", f"{kind}, OpenCV imread", by_opencv(path).shape[:2], (32, 16))
    claim("I1", f"{kind}, Keras load_img", keras.utils.load_img(path).size, (32, 16))
    tf_shape = by_tf(path, expand_animations=False).shape[:2]
    claim("I1", f"{kind}, TensorFlow", tf_shape, (16, 32))

# I2: 16-bit gray
gray = saved("gray16.png", Image.fromarray(np.array([[0x64, 0x100, 0x1234, 0xFF00]], dtype=np.uint16)))
claim("I2", "Pillow convert('RGB')", by_pillow(gray)[0, :, 0].tolist(), [100, 255, 255, 255])
claim("I2", "Keras load_img", np.asarray(keras.utils.load_img(gray))[0, :, 0].tolist(), [100, 255, 255, 255])
claim("I2", "OpenCV imread", by_opencv(gray)[0, :, 0].tolist(), [0, 1, 18, 255])
claim("I2", "TensorFlow decode_image", by_tf(gray)[0, :, 0].tolist(), [0, 1, 18, 255])

# I3: transparency
clear = saved("clear.png", Image.new("RGBA", (4, 4), (255, 0, 0, 0)))
claim("I3", "Pillow convert('RGB')", first(by_pillow(clear)), (255, 0, 0))
claim("I3", "OpenCV imread", first(by_opencv(clear)), (255, 0, 0))
claim("I3", "TensorFlow channels=3", first(by_tf(clear)), (255, 0, 0))

# I4: a colour profile, sRGB's with red and green exchanged
profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
count = int.from_bytes(profile[128:132], "big")
tags = {bytes(profile[132 + 12 * i : 136 + 12 * i]): 132 + 12 * i for i in range(count)}
red, green = tags[b"rXYZ"], tags[b"gXYZ"]
profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
tagged = saved("tagged.png", Image.new("RGB", (4, 4), (200, 30, 30)), icc_profile=bytes(profile))
claim("I4", "Pillow", first(by_pillow(tagged)), (200, 30, 30))
claim("I4", "OpenCV", first(by_opencv(tagged)), (200, 30, 30))
claim("I4", "TensorFlow", first(by_tf(tagged)), (200, 30, 30))

# I5: CMYK, cyan ink alone; as Pillow writes it, and without the Adobe marker
cyan = saved("cyan.jpg", Image.new("CMYK", (16, 16), (255, 0, 0, 0)), quality=100)
claim("I5", "Pillow", first(by_pillow(cyan)), (0, 255, 255))
claim("I5", "TensorFlow", first(by_tf(cyan)), (0, 255, 255))
claim("I5", "OpenCV", first(by_opencv(cyan)), (1, 255, 255))
data = pathlib.Path(cyan).read_bytes()
at = data.index(b"\xff\xee")
bare = str(folder / "bare.jpg")
pathlib.Path(bare).write_bytes(data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") :])
claim("I5", "without the marker, Pillow", first(by_pillow(bare)), (0, 255, 255))
claim("I5", "without the marker, OpenCV", first(by_opencv(bare)), (1, 255, 255))
claim("I5", "without the marker, TensorFlow", first(by_tf(bare)), (0, 0, 0))

# I6: the longer side of 640x427 at a shorter side of 256
image = Image.fromarray(smooth(640, 427))
claim("I6", "torchvision Resize(256)", v2.Resize(256)(image).size, (383, 256))
claim("I6", "Pillow ImageOps.cover", ImageOps.cover(image, (256, 256)).size, (384, 256))

# I7: where a centre crop of 224 begins
marked = {side: np.stack([np.arange(side * side).reshape(side, side) // side] * 3, -1).astype(np.uint8) for side in (225, 227, 229, 231)}
begins = [int(np.asarray(v2.CenterCrop(224)(Image.fromarray(pixels)))[0, 0, 0]) for pixels in marked.values()]
claim("I7", "torchvision CenterCrop", begins, [0, 2, 2, 4])
begins = [int(keras.layers.CenterCrop(224, 224)(pixels[None].astype("float32"))[0, 0, 0, 0]) for pixels in marked.values()]
claim("I7", "Keras CenterCrop", begins, [0, 1, 2, 3])

# I8: antialiasing, a photograph-like image to a quarter: largest difference from Pillow's bilinear
pixels = noise(512, 384)
quarter = np.asarray(Image.fromarray(pixels).resize((128, 96), Image.Resampling.BILINEAR)).astype(int)


def apart(result):
    return int(abs(np.clip(np.round(np.asarray(result, dtype=float)), 0, 255).astype(int) - quarter).max())


tensor = torch.from_numpy(pixels).permute(2, 0, 1)
claim("I8", "torchvision Resize of a tensor, at most 1", apart(v2.Resize((96, 128), antialias=True)(tensor).permute(1, 2, 0)) <= 1, True)
claim("I8", "TensorFlow resize(antialias=True), at most 2", apart(tf.image.resize(pixels, (96, 128), antialias=True)) <= 2, True)
claim("I8", "TensorFlow resize, more than 60", apart(tf.image.resize(pixels, (96, 128))) > 60, True)
claim("I8", "Keras Resizing, more than 60", apart(keras.layers.Resizing(96, 128)(pixels[None].astype("float32"))[0]) > 60, True)
claim("I8", "OpenCV INTER_LINEAR, more than 60", apart(cv2.resize(pixels, (128, 96), interpolation=cv2.INTER_LINEAR)) > 60, True)

# I9: the cubic's a: enlarging a single bright pixel by 2, the first weight outside of its neighbours
line = np.zeros((1, 16, 3), np.uint8)
line[0, 8] = 100
step = np.full((1, 16, 3), 100, np.uint8)
step[0, 8:] = 200


def overshoot(row):
    return round((float(np.max(np.asarray(row))) - 200) / 100, 3)


pillow = np.asarray(Image.fromarray(step).resize((32, 1), Image.Resampling.BICUBIC))
opencv = cv2.resize(step, (32, 1), interpolation=cv2.INTER_CUBIC)
plain = torch.nn.functional.interpolate(torch.from_numpy(step).permute(2, 0, 1)[None].float(), (1, 32), mode="bicubic")
smoothed = torch.nn.functional.interpolate(
    torch.from_numpy(step).permute(2, 0, 1)[None].float(), (1, 32), mode="bicubic", antialias=True
)
claim("I9", "Pillow, overshoot at an edge", overshoot(pillow), 0.07)
claim("I9", "OpenCV INTER_CUBIC", overshoot(opencv), 0.11)
claim("I9", "torch interpolate bicubic", overshoot(plain), 0.105)
claim("I9", "torch interpolate bicubic, antialias=True", overshoot(smoothed), 0.07)

# I10: the decoder of JPEGs, against Pillow's
photo = saved("photo.jpg", Image.fromarray(smooth(511, 341)), quality=85)
raw = tf.io.read_file(photo)
reference = by_pillow(photo).astype(int)
claim("I10", "OpenCV, largest difference", int(abs(by_opencv(photo).astype(int) - reference).max()), 0)
accurate = tf.io.decode_jpeg(raw, dct_method="INTEGER_ACCURATE").numpy().astype(int)
claim("I10", "TensorFlow, INTEGER_ACCURATE", int(abs(accurate - reference).max()), 0)
usual = tf.io.decode_jpeg(raw).numpy().astype(int)
claim("I10", "TensorFlow's default, more than 0 and at most 8", 0 < abs(usual - reference).max() <= 8, True)

# I11: formats that are left out without a word
for kind in ("jpg", "webp"):
    for which in ("a", "b"):
        (folder / "set" / which).mkdir(parents=True, exist_ok=True)
        turned.save(folder / "set" / which / f"1.{kind}")
found = keras.utils.image_dataset_from_directory(str(folder / "set"), batch_size=None, verbose=False)
claim("I11", "Keras image_dataset_from_directory, of 4 files", int(found.cardinality()), 2)

end()
