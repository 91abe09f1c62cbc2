#!/usr/bin/env python3
"""Weight files as other programs write them, and what those programs compute from them: for `relaybp import`.

    python3 -m venv VENV && VENV/bin/pip install -r scripts/requirements-imports.txt
    VENV/bin/python scripts/reference-imports.py fixtures test/fixtures/import
    VENV/bin/python scripts/reference-imports.py check --images FOLDER [vgg16 resnet50 inception_v3 modelB …]

`fixtures` writes the files that test/import reads: narrow networks whole; of ResNet-50 and Inception-v3, which
torchvision has in one width only, names and shapes: the test draws the same values (`drawn`) itself.

`check` makes networks of full size with random weights, imports each by relaybp's command line (after `npm run build`),
lets `relaybp predict` and the other program classify the same crops of real images, and compares all probabilities.

Readers: torchvision's and timm's own definitions, and OpenCV for Caffe.
"""

import argparse
import importlib
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import torch
from grpc_tools import protoc
from safetensors.torch import save_file

# Only torchvision's definitions are used. Its compiled operators want one particular build of torch; where they do not
# load, importing it fails for the lack of these declarations.
_operators = torch.library.Library("torchvision", "FRAGMENT")
for _name in ("nms", "qnms"):
    _operators.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
import timm  # noqa: E402
import torchvision  # noqa: E402

HERE = Path(__file__).resolve().parent
CLASSES = 5


# --- Values that a test can draw again ------------------------------------------------------------------------


def drawn(name, shape):
    """Float32 values that follow from the name and the shape alone: integer hashing, the same in any language."""
    seed = np.uint32(2166136261)
    with np.errstate(over="ignore"):
        for byte in name.encode():
            seed = (seed ^ np.uint32(byte)) * np.uint32(16777619)
        x = np.arange(math.prod(shape), dtype=np.uint32) * np.uint32(2654435761) + seed
        x = (x ^ (x >> np.uint32(16))) * np.uint32(2246822519)
        x = (x ^ (x >> np.uint32(13))) * np.uint32(3266489917)
        x = x ^ (x >> np.uint32(16))
    uniform = x.astype(np.float64) / 4294967296.0
    if len(shape) >= 2:
        values = (2 * uniform - 1) * math.sqrt(6 / math.prod(shape[1:]))
    elif name.endswith("running_var"):
        values = 0.5 + uniform
    elif name.endswith("weight"):
        values = 0.6 + 0.7 * uniform
    else:
        values = 0.2 * (uniform - 0.5)
    return values.astype(np.float32).reshape(shape)


def drawn_pixels(size, count=2):
    """[count, size, size, 3], RGB, whole numbers from 0 to 255: folded ramps."""
    n, y, x, c = np.meshgrid(*(np.arange(k) for k in (count, size, size, 3)), indexing="ij")
    ramp = (x * (5 + c) + y * (3 + 2 * n) + c * 85 + n * 40) % 511
    return np.where(ramp < 256, ramp, 510 - ramp).astype(np.float32)


# --- PyTorch --------------------------------------------------------------------------------------------------


def torch_model(model):
    state = model.state_dict()
    for name, tensor in state.items():
        if tensor.is_floating_point():
            tensor.copy_(torch.from_numpy(drawn(name, tuple(tensor.shape))))
    return model.eval()


def torch_logits(model, pixels, mean, std):
    """Logits of [count, height, width, 3] pixels, computed in float64."""
    mean, std = (np.array(values, np.float32).astype(np.float64) for values in (mean, std))
    x = torch.from_numpy((pixels.astype(np.float64) - mean) / std).permute(0, 3, 1, 2)
    with torch.no_grad():
        return model.double()(x).numpy()


MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
NARROW = [4, 4, "M", 6, 6, "M", 8, 8, 8, "M", 10, 10, 10, "M", 10, 10, 10, "M"]


def torchvision_vgg(batch_norm):
    features = torchvision.models.vgg.make_layers(NARROW, batch_norm=batch_norm)
    model = torchvision.models.VGG(features, num_classes=CLASSES, init_weights=False)
    # As torchvision's classifier, with fewer units.
    model.classifier = torch.nn.Sequential(
        torch.nn.Linear(10 * 7 * 7, 16),
        torch.nn.ReLU(True),
        torch.nn.Dropout(),
        torch.nn.Linear(16, 16),
        torch.nn.ReLU(True),
        torch.nn.Dropout(),
        torch.nn.Linear(16, CLASSES),
    )
    return model


def timm_vgg():
    from timm.models.vgg import VGG, ConvMlp

    model = VGG(NARROW, num_classes=CLASSES)
    model.pre_logits = ConvMlp(10, 16, 7)
    model.head.fc = torch.nn.Linear(16, CLASSES)
    return model


def write_torch(folder, name, model, size, dtype=None, weights=True):
    model = torch_model(model)
    state = {key: value.clone().contiguous() for key, value in model.state_dict().items()}
    if dtype:
        state = {k: v.to(dtype) if v.is_floating_point() else v for k, v in state.items()}
        model.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in state.items()})
    shapes = {key: list(value.shape) for key, value in state.items() if value.is_floating_point()}
    logits = torch_logits(model, drawn_pixels(size), MEAN, STD)
    if weights:
        save_file(state, folder / f"{name}.safetensors")
    write_json(folder, name, {"size": size, **({} if weights else {"tensors": shapes}), "logits": logits.tolist()})


def write_json(folder, name, content):
    (folder / f"{name}.json").write_text(json.dumps(content) + "\n")


# --- Caffe ----------------------------------------------------------------------------------------------------


def caffe_messages():
    folder = tempfile.mkdtemp()
    code = protoc.main(["protoc", f"-I{HERE}", f"--python_out={folder}", str(HERE / "caffe.proto")])
    assert code == 0
    sys.path.insert(0, folder)
    return importlib.import_module("caffe_pb2")


class CaffeNet:
    """Writes a network's definition as text and its weights as a NetParameter, layer by layer."""

    def __init__(self, name, size, old=False):
        self.pb = caffe_messages()
        self.old = old
        self.net = self.pb.NetParameter(name=name)
        self.text = [f'name: "{name}"', 'input: "data"']
        self.text += [f"input_dim: {n}" for n in (1, 3, size, size)]
        self.channels = {"data": 3}
        self.sizes = {"data": size}

    def layer(self, name, kind, bottoms, parameters="", weight=None, top=None):
        top = top or name
        key, quoted = ("layers", kind.upper()) if self.old else ("layer", f'"{kind}"')
        if self.old:
            quoted = {"INNERPRODUCT": "INNER_PRODUCT"}.get(quoted, quoted)
        inputs = " ".join(f'bottom: "{bottom}"' for bottom in bottoms)
        self.text.append(f'{key} {{ name: "{name}" type: {quoted} {inputs} top: "{top}" {parameters} }}')
        layer = getattr(self.net, key).add(name=name)
        layer.type = getattr(self.pb.V1LayerParameter, quoted) if self.old else kind
        layer.bottom.extend(bottoms)
        layer.top.append(top)
        if weight is not None:
            for suffix, shape in (("weight", weight), ("bias", weight[:1])):
                blob = layer.blobs.add()
                blob.data.extend(drawn(f"{name}.{suffix}", shape).ravel().tolist())
                if self.old:  # four numbers, filled up in front
                    padded = (1,) * (4 - len(shape)) + tuple(shape)
                    blob.num, blob.channels, blob.height, blob.width = padded
                else:
                    blob.shape.dim.extend(shape)
        self.channels[top] = self.channels[bottoms[0]] if weight is None else weight[0]
        return top

    def conv(self, name, x, filters, kernel, stride=1, pad=0):
        parameters = f"convolution_param {{ num_output: {filters} kernel_size: {kernel} stride: {stride} pad: {pad} }}"
        y = self.layer(name, "Convolution", [x], parameters, (filters, self.channels[x], kernel, kernel))
        self.sizes[y] = (self.sizes[x] + 2 * pad - kernel) // stride + 1
        return self.relu(y)

    def relu(self, x):
        return self.layer(f"{x}/relu", "ReLU", [x], top=x)

    def pool(self, name, x, kernel, stride):
        y = self.layer(name, "Pooling", [x], f"pooling_param {{ pool: MAX kernel_size: {kernel} stride: {stride} }}")
        self.sizes[y] = -(-(self.sizes[x] - kernel) // stride) + 1
        return y

    def flatten(self, name, x):
        y = self.layer(name, "Flatten", [x])
        self.channels[y] = self.channels[x] * self.sizes[x] ** 2
        return y

    def concat(self, name, xs):
        y = self.layer(name, "Concat", xs, "concat_param { concat_dim: 1 }")
        self.channels[y], self.sizes[y] = sum(self.channels[x] for x in xs), self.sizes.get(xs[0])
        return y

    def fc(self, name, x, units):
        inputs = self.channels[x] * (self.sizes.get(x) or 1) ** 2
        return self.layer(name, "InnerProduct", [x], f"inner_product_param {{ num_output: {units} }}", (units, inputs))

    def write(self, folder, name):
        (folder / f"{name}.caffemodel").write_bytes(self.net.SerializeToString())
        (folder / f"{name}.prototxt").write_text("\n".join(self.text) + "\n")


def model_b(filters, units, classes):
    """Layer names and order of the authors' released model B; widths divided by `filters` and `units`."""
    net = CaffeNet("model B", 224)
    x = net.pool("pool2", net.conv("conv1", "data", 128 // filters, 7, 2, 3), 2, 2)
    for stage, k in ((3, 64 // filters), (4, 128 // filters), (5, 128 // filters)):
        for block in "abcd":
            name = f"inception_{stage}{block}"
            a = net.conv(f"{name}/1x1", x, k, 1)
            b = net.conv(f"{name}/3x3", x, k, 3, 1, 1)
            c = net.conv(f"{name}/double3x3a", x, 2 * k, 3, 1, 1)
            c = net.conv(f"{name}/double3x3b", c, 2 * k, 3, 1, 1)
            x = net.concat(f"{name}/output", [a, b, c])
        if stage < 5:
            x = net.pool(f"pool{stage}", x, 2, 2)
    levels = {}
    for bins, kernel in ((7, 2), (3, 5), (2, 7), (1, 14)):
        levels[bins] = net.flatten(f"pool5/spm{bins}_flatten", net.pool(f"pool5/spm{bins}", x, kernel, kernel))
    net.sizes.update({level: None for level in levels.values()})
    x = net.concat("pool5/spm", [levels[bins] for bins in (1, 2, 3, 7)])
    for name in ("fc6", "fc7"):
        x = net.relu(net.fc(name, x, 4096 // units))
        net.sizes[x] = None
    net.fc("fc8", x, classes)
    return net


def old_vgg():
    """A small network of VGG's kind in the older form of the format (`layers`, four-dimensional blobs)."""
    net = CaffeNet("VGG", 32, old=True)
    x = net.pool("pool1", net.conv("conv1_2", net.conv("conv1_1", "data", 6, 3, 1, 1), 6, 3, 1, 1), 2, 2)
    x = net.pool("pool2", net.conv("conv2_1", x, 8, 3, 1, 1), 2, 2)
    x = net.relu(net.fc("fc6", x, 12))
    net.sizes[x] = None
    net.fc("fc7", x, CLASSES)
    return net


CAFFE_MEAN = [105.448, 113.768, 116.052]  # blue, green, red


def opencv_logits(folder, name, pixels, last):
    """Logits by OpenCV. It takes blue, green, red, as Caffe does."""
    net = cv2.dnn.readNetFromCaffe(str(folder / f"{name}.prototxt"), str(folder / f"{name}.caffemodel"))
    rows = []
    for image in pixels:
        bgr = (image[:, :, ::-1].astype(np.float64) - CAFFE_MEAN).astype(np.float32)
        net.setInput(np.ascontiguousarray(bgr.transpose(2, 0, 1)[None]))
        rows.append(net.forward(last)[0])
    return np.array(rows)


def write_caffe(folder, name, net, size, last):
    net.write(folder, name)
    logits = opencv_logits(folder, name, drawn_pixels(size), last)
    write_json(folder, name, {"size": size, "logits": logits.tolist()})
    (folder / f"{name}.prototxt").unlink()


def fixtures(folder):
    folder.mkdir(parents=True, exist_ok=True)
    write_torch(folder, "torchvision-vgg16", torchvision_vgg(False), 224)
    write_torch(folder, "torchvision-vgg16-bn-half", torchvision_vgg(True), 224, torch.float16)
    write_torch(folder, "timm-vgg16-brain", timm_vgg(), 224, torch.bfloat16)
    resnet = torchvision.models.resnet50(num_classes=CLASSES)
    inception = torchvision.models.inception_v3(num_classes=CLASSES, init_weights=False, transform_input=False)
    # timm names the same layers in the same way.
    for ours, theirs in ((resnet, "resnet50"), (inception, "inception_v3")):
        other = timm.create_model(theirs, num_classes=CLASSES, **({"aux_logits": True} if theirs != "resnet50" else {}))
        assert set(ours.state_dict()) == set(other.state_dict()), theirs
    write_torch(folder, "resnet50", resnet, 64, weights=False)
    write_torch(folder, "inception_v3", inception, 107, weights=False)
    write_caffe(folder, "modelB", model_b(32, 256, CLASSES), 224, "fc8")
    write_caffe(folder, "caffe-old-format", old_vgg(), 32, "fc7")


# --- Full size, real images, the command line -----------------------------------------------------------------


def check(kinds, images, count):
    relaybp = ["node", str(HERE.parent / "bin" / "relaybp.js")]
    worst = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind in kinds:
            crops, pixels = crop_images(images, folder / kind, 299 if kind == "inception_v3" else 224, count)
            config, size, mean, std, classes, logits = make(kind, folder, pixels)
            names = folder / "classes.txt"
            names.write_text("".join(f"class {i:04}\n" for i in range(classes)))
            file = next(path for path in (folder / f"{kind}.safetensors", folder / f"{kind}.caffemodel") if path.exists())
            run = folder / f"run-{kind}"
            normalization = [f"data.mean={mean}", f"data.std={std}", f"data.resize={size}"]
            settings = [word for setting in normalization for word in ("--set", setting)]
            subprocess.run(
                [*relaybp, "import", str(file), "--config", str(HERE.parent / "configs" / f"{config}.yaml"), *settings]
                + ["--classes", str(names), "--out", str(run)],
                check=True,
                stdout=subprocess.DEVNULL,
            )
            output = subprocess.run(
                [*relaybp, "predict", str(run), *map(str, crops), "--format", "json", "--topk", str(classes)],
                check=True,
                capture_output=True,
            ).stdout
            found = np.zeros((len(crops), classes))
            for row, image in zip(found, json.loads(output)):
                for prediction in image["predictions"]:
                    row[int(prediction["class"].split()[1])] = prediction["probability"]
            expected = torch.from_numpy(logits(pixels)).double().softmax(1).numpy()
            difference = np.abs(found - expected).max()
            worst = max(worst, difference)
            print(f"{kind}: {len(crops)} images, probabilities up to {expected.max():.3f}, differ by at most {difference:.1e}")
    if worst > 1e-4:
        sys.exit("more than 1e-4")


def make(kind, folder, pixels):
    """Writes the file. The logits get a deviation of 3: probabilities of 0 and 1 would compare nothing. @returns config, input size, mean, std, classes, and a function from pixels to logits"""
    if kind == "modelB":
        net = model_b(1, 1, 401)
        net.write(folder, kind)
        scale = 3 / opencv_logits(folder, kind, pixels, "fc8").std()
        for blob in net.net.layer[-1].blobs:
            blob.data[:] = (scale * np.array(blob.data)).astype(np.float32).tolist()
        net.write(folder, kind)
        logits = lambda pixels: opencv_logits(folder, kind, pixels, "fc8")
        return "places2-modelB-released", 224, CAFFE_MEAN[::-1], 1, 401, logits
    builders = {
        "vgg16": ("imagenet-vgg16", 224, lambda: torchvision.models.vgg16(init_weights=False)),
        "resnet50": ("imagenet-resnet50-pretrained", 224, torchvision.models.resnet50),
        "timm-resnet50": ("imagenet-resnet50-pretrained", 224, lambda: timm.create_model("resnet50")),
        "inception_v3": (
            "imagenet-inception-v3",
            299,
            lambda: torchvision.models.inception_v3(init_weights=False, transform_input=False),
        ),
    }
    config, size, build = builders[kind]
    model = torch_model(build())
    last = model.classifier[-1] if kind == "vgg16" else model.fc
    scale = 3 / torch_logits(model, pixels, MEAN, STD).std()
    model.float()
    with torch.no_grad():
        last.weight *= scale
        last.bias *= scale
    save_file({key: value.clone().contiguous() for key, value in model.state_dict().items()}, folder / f"{kind}.safetensors")
    return config, size, MEAN, STD, 1000, lambda pixels: torch_logits(model, pixels, MEAN, STD)


def crop_images(images, folder, size, count):
    """Crops of the very size of the input, without loss, so that both programs get the same pixels."""
    folder.mkdir()
    paths, pixels = [], []
    for path in sorted(Path(images).rglob("*.jpg")):
        image = cv2.imread(str(path))
        if image is None or len(paths) == count:
            continue
        scale = size / min(image.shape[:2])
        if scale > 1:
            image = cv2.resize(image, None, fx=scale * 1.01, fy=scale * 1.01)
        crop = image[:size, :size]
        paths.append(folder / f"{len(paths)}.png")
        cv2.imwrite(str(paths[-1]), crop)
        pixels.append(crop[:, :, ::-1].astype(np.float32))
    return paths, np.array(pixels)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("fixtures").add_argument("folder", type=Path)
    checking = commands.add_parser("check")
    checking.add_argument("kinds", nargs="*", default=["vgg16", "resnet50", "timm-resnet50", "inception_v3", "modelB"])
    checking.add_argument("--images", required=True)
    checking.add_argument("--count", type=int, default=3)
    arguments = parser.parse_args()
    if arguments.command == "fixtures":
        fixtures(arguments.folder)
    else:
        check(arguments.kinds, arguments.images, arguments.count)
