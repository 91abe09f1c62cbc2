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
 * The paired difference of two proportions with its normal interval (the variance that McNemar's test rests on):
 * with b = `onlyB` and a = `onlyA` of n images, `d = (b − a)/n ± z √(a + b − (b − a)²/n) / n`.
 *
 * @param a whether A has each image right; `b` likewise, in the same order
 */
export function paired(a: readonly boolean[], b: readonly boolean[]): Paired {
  const images = a.length;
  const onlyA = a.filter((right, i) => right && !b[i]).length;
  const onlyB = b.filter((right, i) => right && !a[i]).length;
  if (images === 0) return { images, onlyA, onlyB, difference: 0, interval: [-100, 100] };
  const difference = (100 * (onlyB - onlyA)) / images;
  const spread = onlyA + onlyB - (onlyB - onlyA) ** 2 / images;
  const half = (100 * Z95 * Math.sqrt(spread)) / images;
  return { images, onlyA, onlyB, difference, interval: [difference - half, difference + half] };
}
