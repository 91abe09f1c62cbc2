import type { Mixed } from '../data/loader/worker-protocol.js';

/** A batch's labels, and what the images were mixed with. */
interface Labelled {
  /** `[size]`; -1 does not count. */
  readonly labels: Int32Array;
  readonly mixed?: Mixed | null;
}

/**
 * What the network is to say of each image, where that is more than its label: `[size, classes]`, the classes' shares,
 * or zeros in a row that does not count. An image that keeps the share λ of its own has the target λ of its own label
 * and 1 − λ of the other's; smoothing ε makes t into (1 − ε) · t + ε / classes (Szegedy et al. 2016, §7).
 *
 * @returns null if the labels say it all
 */
export function softTargets(
  { labels, mixed }: Labelled,
  classes: number,
  smoothing: number,
): Float32Array | null {
  if (!mixed && smoothing === 0) return null;
  const targets = new Float64Array(labels.length * classes);
  labels.forEach((label, i) => {
    if (label < 0) return;
    const row = targets.subarray(i * classes, (i + 1) * classes);
    const share = mixed ? mixed.shares[i]! : 1;
    row.fill(smoothing / classes);
    row[label]! += (1 - smoothing) * share;
    if (mixed) row[mixed.labels[i]!]! += (1 - smoothing) * (1 - share);
  });
  return Float32Array.from(targets);
}

/** Of each image the label that has the larger part in it, its own if they are equal. */
export function dominantLabels({ labels, mixed }: Labelled): Int32Array {
  if (!mixed) return labels;
  return labels.map((label, i) => (mixed.shares[i]! >= 0.5 ? label : mixed.labels[i]!));
}
