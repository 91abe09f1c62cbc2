import { Z95 } from './wilson.js';

/** Two classifiers on the same images; differences are B − A. */
export interface Paired {
  images: number;
  /** Images that only A, and only B, has right. */
  onlyA: number;
  onlyB: number;
  /** Accuracy of B minus accuracy of A, percentage points. */
  difference: number;
  /** 95 % interval of the difference, percentage points. */
  interval: [number, number];
}

/**
 * The mean of one difference for each image, in percentage points, with its normal interval: with mean m and variance
 * `v = Σ(d − m)²/n` of n images, `m ± z √(v/n)`.
 *
 * @param differences of each image, from −1 to 1
 */
export function meanDifference(
  differences: readonly number[],
): Pick<Paired, 'difference' | 'interval'> {
  const images = differences.length;
  if (images === 0) return { difference: 0, interval: [-100, 100] };
  const sum = differences.reduce((total, one) => total + one, 0);
  const squares = differences.reduce((total, one) => total + one * one, 0);
  const difference = (100 * sum) / images;
  const half = (100 * Z95 * Math.sqrt(squares - sum ** 2 / images)) / images;
  return { difference, interval: [difference - half, difference + half] };
}

/**
 * The paired difference of two proportions with its normal interval (the variance that McNemar's test rests on):
 * with b = `onlyB` and a = `onlyA` of n images, `d = (b − a)/n ± z √(a + b − (b − a)²/n) / n`.
 *
 * @param a whether A has each image right; `b` likewise, in the same order
 */
export function paired(a: readonly boolean[], b: readonly boolean[]): Paired {
  return {
    images: a.length,
    onlyA: a.filter((right, i) => right && !b[i]).length,
    onlyB: b.filter((right, i) => right && !a[i]).length,
    ...meanDifference(a.map((right, i) => Number(b[i]) - Number(right))),
  };
}
