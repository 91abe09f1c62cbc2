import { describe, expect, it } from 'vitest';
import { Confusion } from '../../src/eval/confusion.js';
import { EvaluationTally, perClassCsv } from '../../src/eval/evaluation-report.js';
import { paired } from '../../src/eval/paired.js';
import { wilson } from '../../src/eval/wilson.js';

const close = (found: readonly number[], expected: readonly number[], digits: number): void => {
  expect(found).toHaveLength(expected.length);
  for (const [i, value] of expected.entries()) expect(found[i]).toBeCloseTo(value, digits);
};

describe('wilson', () => {
  it('agrees with published values', () => {
    // Newcombe 1998, Statistics in Medicine 17:857, Table I, method 3.
    close(wilson(81, 263), [0.2553, 0.3662], 4);
    close(wilson(15, 148), [0.0624, 0.1605], 4);
    close(wilson(0, 20), [0, 0.1611], 4);
    close(wilson(1, 29), [0.0061, 0.1718], 4);
    close(wilson(29, 29), [0.883, 1], 4);
  });

  it('of nothing is everything', () => {
    expect(wilson(0, 0)).toEqual([0, 1]);
  });
});

describe('paired', () => {
  it('difference and interval from the images that only one has right', () => {
    // a = 1, b = 3 of 10: d = 20 points; √(4 − 4/10) / 10 = 0.189737; × 1.959964 = 0.371877
    const one = [true, false, false, false, true, true, true, false, false, false];
    const two = [false, true, true, true, true, true, true, false, false, false];
    const { interval, ...rest } = paired(one, two);
    expect(rest).toEqual({ images: 10, onlyA: 1, onlyB: 3, difference: 20 });
    close(interval, [20 - 37.1877, 20 + 37.1877], 3);
    expect(paired(two, one).difference).toBe(-20);
  });

  it('without any difference the interval is a point', () => {
    expect(paired([true, false], [true, false])).toMatchObject({ difference: 0, interval: [0, 0] });
  });
});

it('confusion counts by label and prediction', () => {
  const confusion = new Confusion(['a', 'b,c']);
  confusion.add(0, 1);
  confusion.add(0, 1);
  confusion.add(1, 1);
  expect(confusion.matrix()).toEqual([
    [0, 2],
    [0, 1],
  ]);
  expect(Buffer.concat([...confusion.csv()]).toString()).toBe('label,a,"b,c"\na,0,2\n"b,c",0,1\n');
});

describe('tally', () => {
  it('reports per class, with intervals, and what is taken for what', () => {
    const tally = new EvaluationTally(['a', 'b', 'c']);
    const row = (...p: number[]): Float32Array => Float32Array.from(p, Math.log);
    tally.add(row(0.5, 0.25, 0.25), 0);
    tally.add(row(0.25, 0.5, 0.25), 0);
    tally.add(row(0.25, 0.5, 0.25), 1);
    tally.add(row(Number.NaN, Number.NaN, Number.NaN), 1);
    const report = tally.report();
    expect(report).toMatchObject({ images: 4, top1: 50, top1_err: 50, top5: 75, top5_err: 25 });
    close(report.top1_err_interval, [15.0036, 84.9964], 3);
    expect(report.perClass.map(({ images, top1, top5 }) => [images, top1, top5])).toEqual([
      [2, 50, 100],
      [2, 50, 50],
      [0, null, null],
    ]);
    expect(tally.confusion.matrix()).toEqual([
      [1, 1, 0],
      [0, 1, 0],
      [0, 0, 0],
    ]);
    expect(perClassCsv(report).split('\n')[3]).toBe('c,0,,,0.0000,100.0000,,');
  });
});
