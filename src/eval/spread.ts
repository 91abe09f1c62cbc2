import { student95 } from './student.js';

/** Values that differ by chance: results of several seeds, say. */
export interface Spread {
  readonly n: number;
  readonly mean: number;
  /** Of the sample (n − 1); null of one value. */
  readonly deviation: number | null;
  /** 95 % interval of the mean, by Student's distribution: `mean ± t(n − 1) · deviation / √n`; null of one value. */
  readonly interval: [number, number] | null;
}

/** Null without values. */
export function spreadOf(values: readonly number[]): Spread | null {
  const n = values.length;
  if (n === 0) return null;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  if (n === 1) return { n, mean, deviation: null, interval: null };
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const deviation = Math.sqrt(squares / (n - 1));
  const half = (student95(n - 1) * deviation) / Math.sqrt(n);
  return { n, mean, deviation, interval: [mean - half, mean + half] };
}
