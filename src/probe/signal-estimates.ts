/**
 * What a few batches say of a loss's gradient in a layer (docs/probe.md has the formulas).
 *
 * g: the gradient of a batch; its mean over all batches that there could be is the signal, the rest is noise.
 */
import { student95 } from '../eval/student.js';
import type { Estimate } from '../run/signal-row.js';
import type { LayerSums, SignalSums } from './signal-sums.js';

/** `<mean of g of loss a, mean of g of loss b>`, unbiased: the mean of `<g, g'>` over pairs of different batches. */
export function signal({ batches, ofSums, ofBatches }: SignalSums, a: number, b: number): number {
  return (ofSums[a]![b]! - ofBatches[a]![b]!) / (batches * (batches - 1));
}

/** Mean squared distance of g from its mean, unbiased. */
export function noise({ batches, ofSums, ofBatches }: SignalSums, a: number): number {
  return (ofBatches[a]![a]! - ofSums[a]![a]! / batches) / (batches - 1);
}

/** Norm of the mean of g / root of the noise; zero where the estimated square is not above zero. */
export function signalToNoise(sums: LayerSums, a: number): Estimate {
  const ratio = (some: SignalSums): number => signal(some, a, a) / noise(some, a);
  const { value, low, high } = jackknife(sums, ratio);
  return { value: root(value), low: root(low), high: root(high) };
}

/** Of loss a less that of loss b. */
export function difference(sums: LayerSums, a: number, b: number): Estimate {
  const ratio = (some: SignalSums, loss: number): number =>
    Math.sqrt(Math.max(0, signal(some, loss, loss) / noise(some, loss)));
  return jackknife(sums, (some) => ratio(some, a) - ratio(some, b));
}

/** Between the means of g of two losses. */
export function cosine(sums: LayerSums, a: number, b: number): Estimate {
  const estimate = jackknife(
    sums,
    (some) =>
      signal(some, a, b) / Math.sqrt(positive(signal(some, a, a)) * positive(signal(some, b, b))),
  );
  return within(estimate, -1, 1);
}

/** Between the two losses' g of a batch, mean over the batches. */
export function batchCosine(sums: LayerSums, a: number, b: number): Estimate {
  return within(
    jackknife(sums, ({ cosines, batches }) => cosines[a]![b]! / batches),
    -1,
    1,
  );
}

/** Mean over the batches of mean |g|, times `weight`. */
export function magnitude(sums: LayerSums, a: number, weight: number): Estimate {
  const estimate = jackknife(
    sums,
    ({ magnitudes, batches }) => (weight * magnitudes[a]!) / batches,
  );
  return within(estimate, 0, Number.POSITIVE_INFINITY);
}

/**
 * A statistic of all batches, and its 95 % interval by the jackknife over groups of batches: Student's quantile times
 * the root of `(groups - 1) / groups * sum of squares` of what leaving out one group changes.
 *
 * @param statistic what is no finite number is not known
 */
function jackknife({ all, without }: LayerSums, statistic: (sums: SignalSums) => number): Estimate {
  const value = statistic(all);
  if (!Number.isFinite(value)) return { value: null, low: null, high: null };
  const replicates = without.map(statistic);
  const groups = replicates.length;
  const mean = replicates.reduce((sum, one) => sum + one, 0) / groups;
  const squares = replicates.reduce((sum, one) => sum + (one - mean) ** 2, 0);
  const half = student95(groups - 1) * Math.sqrt(((groups - 1) / groups) * squares);
  if (!Number.isFinite(half)) return { value, low: null, high: null };
  return { value, low: value - half, high: value + half };
}

const root = (square: number | null): number | null =>
  square === null ? null : Math.sqrt(Math.max(0, square));

const positive = (square: number): number => (square > 0 ? square : Number.NaN);

function within({ value, low, high }: Estimate, least: number, most: number): Estimate {
  const bounded = (x: number | null): number | null =>
    x === null ? null : Math.min(most, Math.max(least, x));
  return { value: bounded(value), low: bounded(low), high: bounded(high) };
}
