"""Reference values for test/eval/metrics.test.ts: precision, recall, F1 and macro averages by scikit-learn, calibration by
torchmetrics.

    pip install -r scripts/requirements-metrics.txt && python3 scripts/reference-metrics.py

Writes test/fixtures/metrics.json.
"""

import json
import warnings
from pathlib import Path

import numpy as np
import sklearn
import torch
import torchmetrics
from sklearn.metrics import balanced_accuracy_score, precision_recall_fscore_support, top_k_accuracy_score
from torchmetrics.functional.classification import multiclass_calibration_error

OUT = Path(__file__).parent.parent / 'test/fixtures/metrics.json'
BINS = 15


def case(logits, labels):
    """All that the report has of one set of scores, as fractions. logits: [images, classes]."""
    logits = logits.astype(np.float32).round(4)
    classes = logits.shape[1]
    predicted = logits.argmax(axis=1)  # of equal ones the first
    every = list(range(classes))
    per_class = precision_recall_fscore_support(labels, predicted, labels=every, zero_division=np.nan)
    present = sorted(set(labels.tolist()))
    macro = precision_recall_fscore_support(labels, predicted, labels=present, average='macro', zero_division=0)
    probabilities = torch.softmax(torch.from_numpy(logits).double(), dim=1)
    ece = multiclass_calibration_error(probabilities, torch.from_numpy(labels), classes, n_bins=BINS, norm='l1')
    number = lambda values: [None if np.isnan(value) else float(value) for value in values]
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # recall of classes without images, which do not count
        balanced = balanced_accuracy_score(labels, predicted)
    return {
        'logits': logits.astype(float).round(4).tolist(),
        'labels': labels.tolist(),
        'precision': number(per_class[0]),
        'recall': number(per_class[1]),
        'f1': number(per_class[2]),
        'macro': {'precision': macro[0], 'recall': macro[1], 'f1': macro[2]},
        'balancedAccuracy': balanced,
        'top1': float((predicted == labels).mean()),
        'top5': float(top_k_accuracy_score(labels, logits, k=5, labels=every)) if classes > 5 else 1.0,
        'ece': float(ece),
    }


def main():
    random = np.random.default_rng(3)
    cases = {}
    labels = random.integers(0, 7, 120)
    cases['seven classes'] = case(random.normal(0, 1.5, (120, 7)) + 2 * np.eye(7)[labels], labels)
    some = random.integers(0, 6, 80)  # one class without images, one that nothing is taken for
    scores = random.normal(0, 1, (80, 8)) + np.eye(8)[some]
    scores[:, 2] -= 20
    cases['classes without images, and never predicted'] = case(scores, some)
    sure = random.integers(0, 3, 60)
    cases['sure and wrong'] = case(random.normal(0, 9, (60, 3)), sure)
    cases['dead: all scores equal'] = case(np.zeros((40, 10)), np.repeat(np.arange(10), 4))
    versions = {one.__name__: one.__version__ for one in (sklearn, torchmetrics, torch)}
    OUT.write_text(json.dumps({'versions': versions, 'cases': cases}) + '\n')


main()
