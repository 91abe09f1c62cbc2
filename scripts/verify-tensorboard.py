"""Reads a run's event files with TensorBoard and compares every value with metrics.jsonl and gradients.jsonl.

    scripts/verify-tensorboard.sh runs/a

The run was trained with `logging.tensorboard: true`. It may have been resumed: then what earlier files hold past the
checkpoint must be gone. Ends with exit code 1 at the first difference.
"""

import json
import struct
import sys
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
    print(f"{run}: TensorBoard reads {values} values, all equal to the run's own files")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
