import type { Average } from './protocol.js';

/** `log Σ exp(values)` without overflow; NaN if any value is. */
export function logSumExp(values: ArrayLike<number>): number {
  let highest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i++) {
    if (Number.isNaN(values[i]!)) return Number.NaN;
    highest = Math.max(highest, values[i]!);
  }
  if (!Number.isFinite(highest)) return highest;
  let total = 0;
  for (let i = 0; i < values.length; i++) total += Math.exp(values[i]! - highest);
  return highest + Math.log(total);
}

/** Natural logarithms of the softmax of one row of logits. */
export function logSoftmax(logits: ArrayLike<number>): Float64Array {
  const total = logSumExp(logits);
  return Float64Array.from(logits, (value) => value - total);
}

/**
 * One row of log-probabilities from the logits of an image's inputs, equally weighted.
 *
 * @param rows logits `[classes]` of each input
 */
export function averageInputs(rows: readonly ArrayLike<number>[], average: Average): Float64Array {
  if (average === 'softmax') return logMeanExp(rows.map(logSoftmax));
  const means = Float64Array.from(rows[0]!, (_, c) => {
    return rows.reduce((sum, row) => sum + row[c]!, 0) / rows.length;
  });
  return logSoftmax(means);
}

/**
 * Logarithms of a weighted mean of probabilities.
 *
 * @param rows log-probabilities `[classes]`
 * @param weights that add up to 1; without them all are equal
 */
export function logMeanExp(
  rows: readonly ArrayLike<number>[],
  weights: readonly number[] = rows.map(() => 1 / rows.length),
): Float64Array {
  if (rows.length === 1) return Float64Array.from(rows[0]!);
  const logWeights = weights.map(Math.log);
  return Float64Array.from(rows[0]!, (_, c) => {
    return logSumExp(rows.map((row, i) => row[c]! + logWeights[i]!));
  });
}
