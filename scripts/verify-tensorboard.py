"""Reads a run's event files with TensorBoard and compares every value with metrics.jsonl and gradients.jsonl.

    scripts/verify-tensorboard.sh runs/a

The run was trained with `logging.tensorboard: true`. It may have been resumed: then what earlier files hold past the
checkpoint must be gone. Read by TensorBoard's EventAccumulator; by its server, with the reader in Rust and with the one
in Python, by --logdir and by --logdir_spec; and by tbparse. Ends with exit code 1 at the first difference.
"""

import contextlib
import json
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

GROUPS = {
    "top1": "accuracy",
    "top5": "accuracy",
    "top1_ema": "accuracy",
    "top5_ema": "accuracy",
    "top1_err": "error",
    "top5_err": "error",
    "lr": "schedule",
    "epoch": "schedule",
    "imagesPerSecond": "throughput",
    "dataWait": "throughput",
}


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def float32(value: float) -> float:
    return struct.unpack("f", struct.pack("f", value))[0]


def expected(run: Path, kind: str) -> dict[str, list[tuple[int, float]]]:
    """By tag the steps and values that the files must hold, in this order."""
    found: dict[str, list[tuple[int, float]]] = {}

    def add(tag: str, step: int, value: float) -> None:
        found.setdefault(tag, []).append((step, float32(value)))

    for row in rows(run / "metrics.jsonl"):
        if row["kind"] != kind:
            continue
        for column, value in row.items():
            if column.startswith("loss."):
                add("loss/" + column.removeprefix("loss."), row["step"], value)
            elif column in GROUPS:
                add(f"{GROUPS[column]}/{column}", row["step"], value)
    for row in rows(run / "gradients.jsonl") if kind == "train" else []:
        for layer in row["layers"]:
            name, step = layer["layer"], row["step"]
            add(f"gradient/{name}", step, layer["gradient"])
            add(f"gradient_to_weight/{name}", step, layer["gradient"] / layer["weight"])
            for loss, share in layer["byLoss"].items():
                add(f"gradient_of_{loss}/{name}", step, share)
            for pair in layer.get("cosines", []):
                if pair["cosine"] is not None:
                    add(f"gradient_cosine_{'_'.join(pair['losses'])}/{name}", step, pair["cosine"])
    return found


LOADING = 30
"""Seconds: a server answers before it has read everything."""
Points = list[tuple[int, float]]
Reader = Callable[[str, str], Points]
"""The points of a tag in `train` or `val`."""


@contextlib.contextmanager
def server(*options: str, suffix: str = "") -> Iterator[Reader]:
    """TensorBoard itself, asked as its page asks; it calls the runs `train` and `val` with that suffix."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tensorboard.main", f"--port={port}", "--samples_per_plugin=scalars=1000000", *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def get(path: str) -> object:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=30) as answer:
            return json.load(answer)

    def read(kind: str, tag: str) -> Points:
        query = urllib.parse.urlencode({"run": kind + suffix, "tag": tag})
        with contextlib.suppress(urllib.error.HTTPError):  # a tag that it has not come to yet
            return [(step, float32(value)) for _, step, value in get(f"data/plugin/scalars/scalars?{query}")]
        return []

    try:
        for _ in range(600):
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                if {"train" + suffix, "val" + suffix} <= set(get("data/plugin/scalars/tags")):
                    break
            if process.poll() is not None:
                sys.exit(f"TensorBoard ended: {process.stderr.read()}")
            time.sleep(0.1)
        else:
            sys.exit("TensorBoard does not show the runs within a minute")
        yield read
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def tbparse(folder: Path) -> Iterator[Reader]:
    from tbparse import SummaryReader

    frames = {kind: SummaryReader(str(folder / kind)).scalars for kind in ("train", "val")}

    def read(kind: str, tag: str) -> Points:
        frame = frames[kind]
        rows = frame[frame["tag"] == tag].sort_values("step", kind="stable")
        return [(int(step), float32(value)) for step, value in zip(rows["step"], rows["value"])]

    yield read


def readers(folder: Path) -> dict[str, contextlib.AbstractContextManager[Reader]]:
    by_name = f"--logdir_spec=train:{folder / 'train'},val:{folder / 'val'}"
    return {
        "TensorBoard's server, reader in Rust": server(f"--logdir={folder}", "--load_fast=true"),
        "TensorBoard's server, reader in Python": server(f"--logdir={folder}", "--load_fast=false"),
        "TensorBoard's server, --logdir_spec": server(by_name, suffix="/."),
        "tbparse": tbparse(folder),
    }


def compare(name: str, read: Reader, wanted: dict[str, dict[str, Points]]) -> None:
    for kind, tags in wanted.items():
        for tag, points in tags.items():
            until = time.monotonic() + LOADING
            while (found := read(kind, tag)) != points and time.monotonic() < until:
                time.sleep(0.2)
            if found != points:
                sys.exit(f"{name}: {kind}: {tag}: reads {found}\nthe run's own files say {points}")


def main(run: Path) -> None:
    values = 0
    for kind in ("train", "val"):
        accumulator = EventAccumulator(str(run / "tensorboard" / kind), size_guidance={"scalars": 0})
        accumulator.Reload()
        wanted = expected(run, kind)
        if not wanted:
            sys.exit(f"{run}: no {kind} rows in metrics.jsonl: nothing to compare")
        tags = accumulator.Tags()["scalars"]
        if set(tags) != set(wanted):
            sys.exit(f"{kind}: tags differ: {sorted(set(tags) ^ set(wanted))}")
        for tag, points in wanted.items():
            read = [(event.step, event.value) for event in accumulator.Scalars(tag)]
            if read != points:
                sys.exit(f"{kind}: {tag}: TensorBoard reads {read}\nmetrics.jsonl says {points}")
            values += len(points)
        if kind == "train":
            text = accumulator.Tensors("config")[-1].tensor_proto.string_val[0].decode()
            config = (run / "config.yaml").read_text()
            if [line.strip() for line in text.splitlines()] != [line.strip() for line in config.splitlines()]:
                sys.exit("the text of the config differs from config.yaml")
    wanted = {kind: expected(run, kind) for kind in ("train", "val")}
    for name, opened in readers(run / "tensorboard").items():
        with opened as read:
            compare(name, read, wanted)
    print(f"{run}: TensorBoard's readers and tbparse read {values} values, all equal to the run's own files")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
