/** Networks that say nothing, and what is said of them. */
import { describe, expect, it } from 'vitest';
import { EvaluationTally } from '../../src/eval/evaluation-report.js';
import { SilentScores } from '../../src/eval/silent-scores.js';
import { placeOf } from '../../src/eval/topk.js';

const notices = (...rows: number[][]): string[] => {
  const scores = new SilentScores();
  for (const row of rows) scores.add(Float32Array.from(row));
  return scores.notices();
};

describe('scores that say nothing', () => {
  it('are not those of a network that works', () => {
    expect(notices([1, 2], [2, 1], [1, 2])).toEqual([]);
    expect(notices([1, 2])).toEqual([]);
    expect(notices()).toEqual([]);
  });

  it('are equal ones for all classes, told once for all images', () => {
    expect(notices([1, 1, 1], [0, 0, 0])).toEqual([
      'all 2 images have equal scores for all 3 classes: the network says nothing about them, and the first class counts as its answer',
    ]);
    expect(notices([1, 2], [0, 0])[0]).toMatch(/^1 of 2 images have equal scores/);
    expect(notices([1], [1]), 'one class').toEqual([
      'all 2 images have the same scores: what the network says does not depend on them',
    ]);
  });

  it('are the same ones for every image, but for rounding', () => {
    expect(notices([1, 2], [1 + 1e-6, 2], [1, 2])).toEqual([
      'all 3 images have the same scores: what the network says does not depend on them',
    ]);
    expect(notices([1, 2], [1.001, 2])).toEqual([]);
  });

  it('are those that are not numbers', () => {
    const { NaN: none, NEGATIVE_INFINITY: never } = Number;
    expect(notices([1, none], [1, 2], [none, none])).toEqual([
      '2 of 3 images have scores that are not numbers: they count as wrong',
    ]);
    expect(notices([never, 0], [0, never])).toEqual([]);
  });
});

describe('a dead network', () => {
  it('has the accuracy of the classes that come first, which is chance where all have as many images', () => {
    const classes = Array.from({ length: 20 }, (_, i) => `c${i}`);
    const tally = new EvaluationTally(classes);
    for (let i = 0; i < 100; i++) tally.add(new Float32Array(20).fill(-Math.log(20)), i % 20);
    const { top1, top5, macro, calibration } = tally.report();
    expect([top1, top5, macro.recall]).toEqual([5, 25, 5]);
    expect(calibration.ece, 'it says 5 %, and is right in 5 %').toBeCloseTo(0, 5);
    expect(tally.notices()).toHaveLength(1);
  });

  it('whose scores are no numbers is never right, however few the classes', () => {
    for (const count of [1, 2, 4, 5, 30]) {
      const classes = Array.from({ length: count }, (_, i) => `c${i}`);
      const tally = new EvaluationTally(classes);
      const row = new Float32Array(count).fill(Number.NaN);
      for (let label = 0; label < count; label++) {
        tally.add(row, label);
        expect(placeOf(row, label)).toBeGreaterThan(5);
      }
      const { top1, top5, macro, calibration } = tally.report();
      expect([top1, top5, macro.precision, macro.recall, macro.f1]).toEqual([0, 0, 0, 0, 0]);
      expect(calibration.ece).toBeNull();
      expect(tally.notices()).toHaveLength(1);
    }
  });
});
