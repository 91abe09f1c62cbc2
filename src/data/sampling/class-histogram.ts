/** How the images of a data set are spread over its classes. */
import { classCounts, type ImageIndex } from '../index/image-index.js';

export interface ClassHistogram {
  /** Classes with at least one image, the largest first; equal ones as in the list of classes. */
  counts: { name: string; images: number }[];
  /** Classes without images: samplers never draw them. */
  empty: string[];
  /** Images of a class, over the classes that have any: least, quantiles and most. */
  quantiles: Record<Quantile, number>;
  /** Images of the largest class over those of the smallest that has any. */
  imbalance: number;
}

const QUANTILES = { min: 0, p10: 0.1, p25: 0.25, median: 0.5, p75: 0.75, p90: 0.9, max: 1 };
export type Quantile = keyof typeof QUANTILES;

/** @param index of at least one image. Undecodable ones count: only reading them tells. */
export function classHistogram(index: ImageIndex): ClassHistogram {
  const all = Array.from(classCounts(index), (images, c) => ({ name: index.classes[c]!, images }));
  const counts = all.filter(({ images }) => images > 0).sort((a, b) => b.images - a.images);
  const ascending = counts.map(({ images }) => images).reverse();
  const entries = Object.entries(QUANTILES).map(([name, q]) => [name, quantile(ascending, q)]);
  return {
    counts,
    empty: all.filter(({ images }) => images === 0).map(({ name }) => name),
    quantiles: Object.fromEntries(entries) as Record<Quantile, number>,
    imbalance: counts[0]!.images / counts.at(-1)!.images,
  };
}

/** With linear interpolation between the two nearest, as numpy's default. @param sorted ascending, not empty */
function quantile(sorted: readonly number[], q: number): number {
  const at = q * (sorted.length - 1);
  const low = Math.floor(at);
  const below = sorted[low]!;
  return below + (at - low) * ((sorted[low + 1] ?? below) - below);
}
