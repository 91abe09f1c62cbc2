"""Draws validation top-1 over epochs of several runs, a line per run, as an SVG.

    pip install -r scripts/requirements-plots.txt
    python scripts/plot-curves.py docs/images/curves.svg "seed 1"=runs/a "seed 2"=runs/b
"""

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

matplotlib.rcParams["svg.hashsalt"] = "relaybp"  # the same input gives the same file


def curve(run: str) -> tuple[list[float], list[float]]:
    rows = [json.loads(line) for line in Path(run, "metrics.jsonl").read_text().splitlines()]
    rows = [row for row in rows if row["kind"] == "val"]
    return [row["epoch"] for row in rows], [row["top1"] for row in rows]


def main(out: str, runs: list[str]) -> None:
    figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
    for item in runs:
        label, run = item.split("=", 1)
        axes.plot(*curve(run), marker="o", markersize=3, label=label)
    axes.set(xlabel="epoch", ylabel="validation top-1, %")
    axes.grid(alpha=0.3)
    axes.legend()
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, metadata={"Date": None})


if __name__ == "__main__":
    if len(sys.argv) < 3 or not all("=" in item for item in sys.argv[2:]):
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2:])
