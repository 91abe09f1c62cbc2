import type { Targets } from '../engine/engine.js';

/** What a loss aims at, and how much each of its images counts: `factors` `[size]`. */
export interface WeightedTargets {
  readonly targets: Targets;
  readonly factors: Float64Array;
}

/**
 * Cross-entropy with a weight for each class, as PyTorch's `CrossEntropyLoss(weight)` has it before its reduction:
 * `-Σ weight[c] · target[c] · log softmax[c]`. Of a label that is its weight times the cross-entropy; of shares it is
 * the cross-entropy of `weight · target`, scaled to a sum of 1, times that sum.
 *
 * @param targets labels `[size]`, -1 for one that does not count, or shares of the classes `[size, classes]`
 * @param weights `[classes]`, positive
 */
export function weightedTargets(targets: Targets, weights: Float64Array): WeightedTargets {
  if (targets instanceof Int32Array) {
    return { targets, factors: Float64Array.from(targets, (label) => weights[label] ?? 0) };
  }
  const classes = weights.length;
  const factors = new Float64Array(targets.length / classes);
  const shares = new Float32Array(targets.length);
  for (let b = 0; b < factors.length; b++) {
    const row = targets.subarray(b * classes, (b + 1) * classes);
    const sum = row.reduce((total, share, c) => total + share * weights[c]!, 0);
    factors[b] = sum;
    if (sum > 0)
      shares.set(
        row.map((share, c) => (share * weights[c]!) / sum),
        b * classes,
      );
  }
  return { targets: shares, factors };
}
