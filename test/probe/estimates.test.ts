/** The estimators on vectors drawn with a known mean and spread, and their sums against plain ones. */
import { describe, expect, test } from 'vitest';
import {
  cosine,
  difference,
  noise,
  signal,
  signalToNoise,
} from '../../src/probe/signal-estimates.js';
import { type LayerSums, SignalAccumulator } from '../../src/probe/signal-sums.js';
import { Random } from '../../src/random.js';

/** Gradients of two losses in each of some batches, each `[size]`. */
type Batches = [Float32Array, Float32Array][];

function sumsOf(batches: Batches, sizes: readonly number[]): LayerSums {
  const sums = new SignalAccumulator(batches[0]![0].length, 2, sizes);
  for (const pair of batches) {
    pair.forEach((vector, loss) => {
      const half = vector.length >> 1; // in two parts, as parameters come one by one
      sums.add(loss, 0, vector.subarray(0, half));
      sums.add(loss, half, vector.subarray(half));
    });
    sums.endBatch();
  }
  return sums.sums();
}

/** Means `(mean, 0, 0, …)` and `(0, mean, 0, …)`, noise of deviation 1 in each value, half of it in common. */
function drawn(count: number, size: number, mean: number, random: Random): Batches {
  return Array.from({ length: count }, () => {
    const common = Float64Array.from({ length: size }, () => random.normal());
    const one = (at: number): Float32Array =>
      Float32Array.from(common, (shared, i) => {
        const own = Math.SQRT1_2 * (shared + random.normal());
        return (i === at ? mean : 0) + own;
      });
    return [one(0), one(1)];
  });
}

const single = (count: number): number[] => new Array<number>(count).fill(1);

test('sums over groups of several batches are those of the gradients, and without a group of the others', () => {
  const batches = drawn(7, 5, 1, new Random(1, 'sums'));
  const sizes = [2, 3, 2];
  const { all, without } = sumsOf(batches, sizes);
  const plain = (some: Batches): number[][] =>
    [0, 1].flatMap((a) =>
      [0, 1].map((b) => {
        const sum = (loss: number): number[] =>
          Array.from({ length: 5 }, (_, i) => some.reduce((s, pair) => s + pair[loss]![i]!, 0));
        const product = (x: ArrayLike<number>, y: ArrayLike<number>): number =>
          Array.from(x).reduce((s, value, i) => s + value * y[i]!, 0);
        return [
          product(sum(a), sum(b)),
          some.reduce((s, pair) => s + product(pair[a]!, pair[b]!), 0),
        ];
      }),
    );
  const found = ({ ofSums, ofBatches }: typeof all): number[][] =>
    [0, 1].flatMap((a) => [0, 1].map((b) => [ofSums[a]![b]!, ofBatches[a]![b]!]));
  const parts = [
    batches,
    batches.slice(2),
    [...batches.slice(0, 2), ...batches.slice(5)],
    batches.slice(0, 5),
  ];
  [all, ...without].forEach((sums, i) => {
    expect(sums.batches).toBe(parts[i]!.length);
    plain(parts[i]!).forEach((pair, j) => {
      expect(found(sums)[j]![0]).toBeCloseTo(pair[0]!, 4);
      expect(found(sums)[j]![1]).toBeCloseTo(pair[1]!, 4);
    });
  });
});

test('by hand: gradients 1, 1, 1, 1, -1 have signal 0.2, noise 0.8, signal to noise 0.5', () => {
  const batches = [1, 1, 1, 1, -1].map((value): [Float32Array, Float32Array] => [
    Float32Array.of(value),
    Float32Array.of(2 * value),
  ]);
  const sums = sumsOf(batches, single(5));
  expect(signal(sums.all, 0, 0)).toBeCloseTo(0.2, 12); // of 10 pairs 6 agree and 4 do not
  expect(noise(sums.all, 0)).toBeCloseTo(0.8, 12); // (4 * 0.4^2 + 1.6^2) / 4
  expect(signalToNoise(sums, 0).value).toBeCloseTo(0.5, 12);
  expect(cosine(sums, 0, 1).value).toBeCloseTo(1, 12);
  expect(difference(sums, 0, 1).value).toBeCloseTo(0, 12);
});

test('batches that are all the same have no noise to compare with, and none that cancel out a signal', () => {
  const same = sumsOf(
    [1, 1, 1, 1].map((value) => [Float32Array.of(value), Float32Array.of(0)]),
    single(4),
  );
  expect(signalToNoise(same, 0)).toEqual({ value: null, low: null, high: null });
  expect(signalToNoise(same, 1)).toEqual({ value: null, low: null, high: null });
  const apart = sumsOf(
    [1, -1, 1, -1].map((value) => [Float32Array.of(value), Float32Array.of(value)]),
    single(4),
  );
  expect(signalToNoise(apart, 0).value).toBe(0);
  expect(cosine(apart, 0, 1).value).toBeNull();
});

describe('many times over', () => {
  const [count, size, mean] = [16, 20, 2];
  /** ‖mean‖² and the noise, whose values have variance 1. */
  const truth = { signal: mean ** 2, noise: size, ratio: mean / Math.sqrt(size) };
  const random = new Random(7, 'trials');
  const trials = Array.from({ length: 1500 }, () =>
    sumsOf(drawn(count, size, mean, random), single(count)),
  );
  const average = (value: (sums: LayerSums) => number): [mean: number, error: number] => {
    const values = trials.map(value);
    const m = values.reduce((s, v) => s + v, 0) / values.length;
    const variance = values.reduce((s, v) => s + (v - m) ** 2, 0) / (values.length - 1);
    return [m, Math.sqrt(variance / values.length)];
  };

  test('signal, noise and the inner product of two signals are right in the mean', () => {
    const cases = [
      [(sums: LayerSums) => signal(sums.all, 0, 0), truth.signal],
      [(sums: LayerSums) => noise(sums.all, 0), truth.noise],
      [(sums: LayerSums) => signal(sums.all, 0, 1), 0], // though half of the noise is in common
    ] as const;
    for (const [value, expected] of cases) {
      const [found, error] = average(value);
      expect(Math.abs(found - expected)).toBeLessThan(4 * error);
    }
  });

  test('about 95 % of the intervals of signal to noise hold the true one', () => {
    const held = trials.filter((sums) => {
      const { low, high } = signalToNoise(sums, 0);
      return low! <= truth.ratio && truth.ratio <= high!;
    });
    expect(held.length / trials.length).toBeGreaterThan(0.92);
    expect(held.length / trials.length).toBeLessThan(0.98);
  });
});
