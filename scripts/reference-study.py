"""Reference values for test/study/statistics.test.ts: quantiles, intervals and paired differences by SciPy.

    pip install scipy==1.17.1 && python3 scripts/reference-study.py

Writes test/fixtures/study/statistics.json.
"""

import json
from pathlib import Path

import numpy as np
from scipy import stats

OUT = Path(__file__).parent.parent / 'test/fixtures/study/statistics.json'


def mean_interval(values):
    """95 % interval of the mean, and its sample deviation."""
    values = np.asarray(values, dtype=float)
    deviation = values.std(ddof=1)
    low, high = stats.t.interval(0.95, len(values) - 1, loc=values.mean(), scale=stats.sem(values))
    return {'mean': values.mean(), 'deviation': deviation, 'interval': [low, high]}


def image_interval(of, to):
    """Normal interval of the mean over the images, each by its mean over the seeds. of, to: [seeds, images], booleans."""
    each = (of.astype(float) - to.astype(float)).mean(axis=0)
    error = each.std(ddof=0) / np.sqrt(len(each))
    low, high = stats.norm.interval(0.95, loc=each.mean(), scale=error)
    return {'difference': 100 * each.mean(), 'interval': [100 * low, 100 * high]}


def main():
    random = np.random.default_rng(1)
    freedoms = [1, 2, 3, 4, 5, 6, 7, 8, 9, 14, 15, 29, 30, 99, 100, 999, 1000]
    points = [(t, freedom) for freedom in (1, 2, 3, 4, 7, 10, 33) for t in (0.0, 0.1, 0.7, 1.96, 3.5, 12.0)]
    samples = [random.normal(40, 3, n).round(4).tolist() for n in (2, 3, 4, 5, 8, 20)]
    of = random.random((3, 60)) < 0.6
    to = random.random((3, 60)) < 0.45
    first, second = of.mean(axis=1) * 100, to.mean(axis=1) * 100
    result = {
        'scipy': __import__('scipy').__version__,
        'quantiles': [[freedom, stats.t.ppf(0.975, freedom)] for freedom in freedoms],
        'within': [[t, freedom, stats.t.cdf(t, freedom) - stats.t.cdf(-t, freedom)] for t, freedom in points],
        'samples': [{'values': values, **mean_interval(values)} for values in samples],
        'paired': {
            'of': of.astype(int).tolist(),
            'to': to.astype(int).tolist(),
            'seeds': mean_interval(first - second),
            'images': image_interval(of, to),
        },
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(result) + '\n')


main()
