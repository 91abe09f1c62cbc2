#!/usr/bin/env python3
"""timm's learning rates at every step, for test/train/timm-schedules.test.ts.

The schedulers are made by timm's create_scheduler_v2 and driven as its train.py drives them: `step_update` after each
update, `step` after each epoch with that epoch's metric.

    pip install -r scripts/requirements-takeover.txt
    python scripts/reference-schedules.py test/fixtures/schedules/timm.json
"""

import json
import sys
import warnings

import timm
import torch
from timm.scheduler import create_scheduler_v2

UPDATES = 7
LR = 0.1
# Rising with plateaus; the gain from 61.2 to 61.203 is less than the ten-thousandth part that counts.
TOP1 = [10, 30, 29, 45, 45, 44, 45, 60, 61.2, 61.203, 61.2, 61.1, 61.21, 61, 61, 61, 61, 61.3, 61, 61, 61, 61, 61, 61]
LOSS = [7 - value / 10 for value in TOP1]

CASES = [
    {"sched": "cosine", "num_epochs": 12, "warmup_epochs": 3, "min_lr": 1e-6},
    {"sched": "cosine", "num_epochs": 12, "warmup_epochs": 3, "warmup_prefix": True},
    {"sched": "cosine", "num_epochs": 12, "warmup_epochs": 3, "warmup_lr": 1e-4, "min_lr": 1e-3, "step_on_epochs": False},
    {"sched": "cosine", "num_epochs": 12},
    {"sched": "step", "num_epochs": 24, "decay_epochs": 2.4, "decay_rate": 0.97, "warmup_epochs": 5, "warmup_lr": 1e-6},
    {"sched": "step", "num_epochs": 12, "decay_epochs": 3, "decay_rate": 0.1},
    {"sched": "multistep", "num_epochs": 12, "decay_milestones": [4, 8], "decay_rate": 0.1, "warmup_epochs": 2},
    {"sched": "plateau", "num_epochs": 24, "warmup_epochs": 3, "patience_epochs": 2, "decay_rate": 0.3, "min_lr": 2e-3},
    {"sched": "plateau", "num_epochs": 24, "patience_epochs": 1, "plateau_mode": "min", "decay_rate": 0.5},
]


def rates(settings):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=LR)
    scheduler, epochs = create_scheduler_v2(optimizer, **settings, updates_per_epoch=UPDATES)
    metrics = LOSS if settings.get("plateau_mode") == "min" else TOP1
    found = []
    updates = 0
    for epoch in range(epochs):
        for _ in range(UPDATES):
            found.append(optimizer.param_groups[0]["lr"])
            updates += 1
            scheduler.step_update(updates)
        scheduler.step(epoch + 1, metrics[epoch] if epoch < len(metrics) else None)
    return {"settings": settings, "epochs": epochs, "rates": found}


def main():
    warnings.simplefilter("ignore", FutureWarning)
    found = {
        "timm": timm.__version__,
        "lr": LR,
        "updates": UPDATES,
        "top1": TOP1,
        "loss": LOSS,
        "cases": [rates(settings) for settings in CASES],
    }
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(found, file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
