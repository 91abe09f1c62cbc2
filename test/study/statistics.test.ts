/** The numbers of a study's table against SciPy (scripts/reference-study.py) and by hand. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { meanDifference, paired } from '../../src/eval/paired.js';
import { spreadOf } from '../../src/eval/spread.js';
import { student95, studentWithin } from '../../src/eval/student.js';
import type { Combination } from '../../src/study/combinations.js';
import { compared, pairLabel, pairsOf, type Tested } from '../../src/study/comparisons.js';
import type { RunEvaluation } from '../../src/study/evaluation.js';
import { type Metric, type StudyConfig, studySchema } from '../../src/study/study-schema.js';

interface Interval {
  mean: number;
  deviation: number;
  interval: [number, number];
}
const reference = JSON.parse(
  readFileSync(
    fileURLToPath(new URL('../fixtures/study/statistics.json', import.meta.url)),
    'utf8',
  ),
) as {
  quantiles: [number, number][];
  within: [number, number, number][];
  samples: ({ values: number[] } & Interval)[];
  paired: {
    of: number[][];
    to: number[][];
    seeds: Interval;
    images: { difference: number; interval: [number, number] };
  };
};

describe("Student's distribution", () => {
  it.each(reference.quantiles)(
    'with %i degrees of freedom: 95 %% within ±%d',
    (freedom, quantile) => {
      expect(student95(freedom) / quantile).toBeCloseTo(1, 10);
    },
  );

  it('has the probabilities of SciPy', () => {
    for (const [t, freedom, probability] of reference.within) {
      expect(studentWithin(t, freedom), `${t}, ${freedom}`).toBeCloseTo(probability, 12);
    }
  });

  it('by hand: of one degree of freedom it is Cauchy, tan(0.95 π/2)', () => {
    expect(student95(1)).toBeCloseTo(Math.tan((0.95 * Math.PI) / 2), 9);
  });
});

describe('a mean over seeds', () => {
  it.each(reference.samples)(
    'of $values.length values',
    ({ values, mean, deviation, interval }) => {
      const found = spreadOf(values)!;
      expect(found.n).toBe(values.length);
      expect(found.mean).toBeCloseTo(mean, 9);
      expect(found.deviation).toBeCloseTo(deviation, 9);
      expect(found.interval![0]).toBeCloseTo(interval[0], 9);
      expect(found.interval![1]).toBeCloseTo(interval[1], 9);
    },
  );

  it('of one value has no interval, of none is none', () => {
    expect(spreadOf([3])).toEqual({ n: 1, mean: 3, deviation: null, interval: null });
    expect(spreadOf([])).toBeNull();
  });
});

const STUDY = studySchema.parse({
  version: 1,
  name: 's',
  axes: [
    { name: 'method', variants: [{ name: 'bp', label: 'standard BP' }, { name: 'relay' }] },
    { name: 'depth', variants: [{ name: '10' }, { name: '19' }] },
  ],
  seeds: [1, 2, 3],
  table: { baseline: { method: 'bp' } },
}) as StudyConfig;
const combination = (method: string, depth: string): Combination => {
  return { id: `${method}_${depth}`, label: `${method}, ${depth}`, variants: { method, depth } };
};
const [bp, relay] = [combination('bp', '10'), combination('relay', '10')];
const of = (metric: Metric): StudyConfig => ({ ...STUDY, table: { ...STUDY.table, metric } });

/** A test with these images right. */
function tested(right: readonly (number | boolean)[], paths?: string[]): RunEvaluation {
  const top1 = (100 * right.filter(Boolean).length) / right.length;
  return {
    formatVersion: 1,
    protocol: {},
    step: 1,
    skipped: 0,
    loss: 1,
    top1,
    top5: 100,
    classes: ['a', 'b'],
    paths: paths ?? right.map((_, i) => `${i}.jpg`),
    labels: right.map(() => 0),
    ranks: right.map((one) => (one ? 1 : 2)),
    notes: [],
  };
}
const bySeed = (rows: readonly (readonly (number | boolean)[])[]): Tested =>
  new Map(rows.map((row, i) => [i + 1, tested(row)]));

describe('a paired difference', () => {
  const { of: ofRows, to: toRows, seeds, images } = reference.paired;

  it('by seed and by image is that of SciPy', () => {
    const found = compared(of('top1'), { of: relay, to: bp }, [bySeed(ofRows), bySeed(toRows)]);
    expect(found.seeds).toEqual([1, 2, 3]);
    expect(found.difference!.mean).toBeCloseTo(seeds.mean, 9);
    expect(found.difference!.interval![0]).toBeCloseTo(seeds.interval[0], 9);
    expect(found.difference!.interval![1]).toBeCloseTo(seeds.interval[1], 9);
    expect(found.images!.images).toBe(60);
    expect(found.images!.difference).toBeCloseTo(images.difference, 9);
    expect(found.images!.interval[0]).toBeCloseTo(images.interval[0], 9);
    expect(found.images!.interval[1]).toBeCloseTo(images.interval[1], 9);
  });

  it('of errors is the same with the other sign', () => {
    const pair = { of: relay, to: bp };
    const accuracy = compared(of('top1'), pair, [bySeed(ofRows), bySeed(toRows)]);
    const error = compared(of('top1_err'), pair, [bySeed(ofRows), bySeed(toRows)]);
    expect(error.difference!.mean).toBeCloseTo(-accuracy.difference!.mean, 9);
    expect(error.images!.interval[0]).toBeCloseTo(-accuracy.images!.interval[1], 9);
    expect(error.verdict).toBe(accuracy.verdict);
  });

  it('of one seed is by image what compare says', () => {
    const [a, b] = [toRows[0]!.map(Boolean), ofRows[0]!.map(Boolean)];
    const one = compared(of('top1'), { of: relay, to: bp }, [bySeed([b]), bySeed([a])]);
    const { difference, interval, onlyA, onlyB } = paired(a, b);
    expect(one.images).toMatchObject({ difference, onlyOf: onlyB, onlyTo: onlyA });
    expect(one.images!.interval).toEqual(interval);
    expect(one.verdict).toBe('one seed');
  });

  it('by image by hand: +1, +1, 0, −1 of four images', () => {
    // Mean 1/4, variance (3/4 − 1/16) = 11/16, its error √(11/16/4).
    const { difference, interval } = meanDifference([1, 1, 0, -1]);
    expect(difference).toBe(25);
    const half = 100 * 1.959963984540054 * Math.sqrt(11 / 64);
    expect(interval[0]).toBeCloseTo(25 - half, 9);
    expect(interval[1]).toBeCloseTo(25 + half, 9);
  });

  it('takes the seeds that both have, and images by their paths', () => {
    const one: Tested = new Map([
      [1, tested([1, 0, 0], ['a', 'b', 'c'])],
      [3, tested([1, 1, 0], ['a', 'b', 'c'])],
    ]);
    const other: Tested = new Map([
      [2, tested([1, 1, 1], ['a', 'b', 'c'])],
      [3, tested([1, 0, 0], ['c', 'b', 'a'])],
    ]);
    const found = compared(of('top1'), { of: relay, to: bp }, [one, other]);
    expect(found.seeds).toEqual([3]);
    expect(found.images).toMatchObject({ onlyOf: 2, onlyTo: 1 });
    const others: Tested = new Map([[3, tested([1, 0, 0], ['x', 'y', 'z'])]]);
    expect(compared(of('top1'), { of: relay, to: bp }, [one, others]).images).toBeNull();
  });
});

describe('what is said of it', () => {
  const many = (share: number): number[] =>
    Array.from({ length: 200 }, (_, i) => Number(i < 200 * share));
  const said = (ours: number[], theirs: number[], metric: Metric = 'top1') =>
    compared(of(metric), { of: relay, to: bp }, [bySeed(ours.map(many)), bySeed(theirs.map(many))])
      .verdict;

  it.each<[string, number[], number[], string]>([
    ['both intervals above zero', [0.8, 0.82, 0.81], [0.5, 0.51, 0.52], 'better'],
    ['both below', [0.5, 0.51, 0.52], [0.8, 0.82, 0.81], 'worse'],
    ['the seeds differ too much', [0.9, 0.5, 0.7], [0.5, 0.5, 0.5], 'no difference shown'],
    ['too few images for it', [0.51, 0.515, 0.51], [0.505, 0.51, 0.505], 'no difference shown'],
    ['nothing differs', [0.5, 0.5, 0.5], [0.5, 0.5, 0.5], 'no difference shown'],
    ['one seed', [0.9], [0.1], 'one seed'],
  ])('%s', (_, ours, theirs, verdict) => {
    expect(said(ours, theirs)).toBe(verdict);
  });

  it('an error that is lower is better', () => {
    expect(said([0.8, 0.82, 0.81], [0.5, 0.51, 0.52], 'top1_err')).toBe('better');
  });

  it('nothing without a seed that both have', () => {
    const pair = { of: relay, to: bp };
    expect(compared(of('top1'), pair, [new Map(), new Map()]).verdict).toBe('not known');
  });
});

describe('baselines', () => {
  const all = ['bp', 'relay'].flatMap((method) =>
    ['10', '19'].map((depth) => combination(method, depth)),
  );

  it('are the same but for the axes that are named', () => {
    const pairs = pairsOf(STUDY, all);
    expect(pairs.map((pair) => [pair.of.id, pair.to.id])).toEqual([
      ['relay_10', 'bp_10'],
      ['relay_19', 'bp_19'],
    ]);
    expect(pairLabel(STUDY, pairs[1]!)).toBe('relay against standard BP, 19');
  });

  it('may be several, and are left out where there is none', () => {
    const several = {
      ...STUDY,
      table: {
        ...STUDY.table,
        baseline: [{ method: 'bp', depth: '10' }, { depth: '19' }] as Record<string, string>[],
      },
    };
    const left = all.filter(({ id }) => id !== 'relay_19');
    expect(pairsOf(several, left).map((pair) => `${pair.of.id} ${pair.to.id}`)).toEqual([
      'bp_19 bp_10',
      'relay_10 bp_10',
      'bp_10 bp_19',
    ]);
  });
});
