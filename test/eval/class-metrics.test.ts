/** Metrics by class and calibration against scikit-learn and torchmetrics (scripts/reference-metrics.py), and by hand. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CalibrationTally } from '../../src/eval/calibration.js';
import { classMetrics, macroAverages } from '../../src/eval/class-metrics.js';
import { EvaluationTally } from '../../src/eval/evaluation-report.js';
import { logSoftmax } from '../../src/eval/log-probabilities.js';

interface Reference {
  logits: number[][];
  labels: number[];
  precision: (number | null)[];
  recall: (number | null)[];
  f1: (number | null)[];
  macro: { precision: number; recall: number; f1: number };
  balancedAccuracy: number;
  top1: number;
  top5: number;
  ece: number;
}

const { cases } = JSON.parse(
  readFileSync(new URL('../fixtures/metrics.json', import.meta.url), 'utf8'),
) as { cases: Record<string, Reference> };

describe.each(Object.entries(cases))('%s', (_, reference) => {
  const classes = reference.logits[0]!.map((_, i) => `c${i}`);
  const tally = new EvaluationTally(classes);
  for (const [i, logits] of reference.logits.entries()) {
    tally.add(Float32Array.from(logSoftmax(Float32Array.from(logits))), reference.labels[i]!);
  }
  const report = tally.report();

  it('precision, recall and F1 of each class are those of scikit-learn', () => {
    for (const key of ['precision', 'recall', 'f1'] as const) {
      for (const [i, value] of reference[key].entries()) {
        const found = report.perClass[i]![key];
        if (value === null) expect(found, `${key} ${i}`).toBeNull();
        else expect(found, `${key} ${i}`).toBeCloseTo(100 * value, 9);
      }
    }
  });

  it('macro averages are, too, over the classes that have images', () => {
    for (const key of ['precision', 'recall', 'f1'] as const) {
      expect(report.macro[key], key).toBeCloseTo(100 * reference.macro[key], 9);
    }
    expect(report.macro.recall).toBeCloseTo(100 * reference.balancedAccuracy, 9);
  });

  it('top-1 and top-5 are, too', () => {
    expect(report.top1).toBeCloseTo(100 * reference.top1, 9);
    expect(report.top5).toBeCloseTo(100 * reference.top5, 9);
  });

  it('the calibration error is that of torchmetrics', () => {
    expect(report.calibration.ece).toBeCloseTo(100 * reference.ece, 4);
  });
});

describe('by hand', () => {
  it('precision 2/3, recall 2/4, F1 4/7', () => {
    const { precision, recall, f1 } = classMetrics({ images: 4, right: 2, predicted: 3 });
    expect([precision, recall, f1].map((value) => value!.toFixed(6))).toEqual([
      ...['66.666667', '50.000000', '57.142857'],
    ]);
  });

  it('without images or predictions there is no metric, and no average', () => {
    const none = { images: 0, right: 0, predicted: 0 };
    expect(classMetrics(none)).toEqual({ precision: null, recall: null, f1: null });
    expect(classMetrics({ ...none, predicted: 2 })).toEqual({ precision: 0, recall: null, f1: 0 });
    expect(macroAverages([none])).toEqual({ precision: null, recall: null, f1: null });
  });

  it('four images at 90 %, three of them right: off by 15 points', () => {
    const tally = new CalibrationTally();
    for (const right of [true, true, true, false]) tally.add(0.9, right);
    const { ece, bins } = tally.result();
    expect(ece).toBeCloseTo(15, 9);
    expect(bins).toHaveLength(15);
    const full = bins.filter(({ images }) => images > 0);
    expect(full).toHaveLength(1);
    expect(full[0]).toMatchObject({ images: 4, accuracy: 75 });
    expect(full[0]!.from).toBeLessThanOrEqual(90);
    expect(full[0]!.to).toBeGreaterThan(90);
  });

  it('a probability of 1 is in the last bin; without images there is no error', () => {
    const tally = new CalibrationTally();
    expect(tally.result().ece).toBeNull();
    tally.add(1, true);
    expect(tally.result().bins.at(-1)).toMatchObject({ images: 1, confidence: 100, accuracy: 100 });
  });
});
