/** How many draws count as an epoch. */
import type { ImageIndex } from '../index/image-index.js';
import type { SamplerSpec } from './sampler.js';

/**
 * A number of draws; 'images': as many as there are images; 'longest-class': the classes that have images times the
 * images of the largest, so that under balanced sampling every image is drawn at least once.
 */
export type EpochSize = number | 'images' | 'longest-class';

/** Draws of one epoch; under repeat-factor sampling the sum of the repeats, rounded. */
export function epochSize(
  spec: SamplerSpec,
  { labels, classes, count }: Pick<ImageIndex, 'labels' | 'classes' | 'count'>,
): number {
  if (spec.kind === 'sequential') return count;
  const rule = spec.epochSize ?? 'images';
  const sizes = (): Int32Array => {
    const found = new Int32Array(classes.length);
    for (const label of labels) found[label]!++;
    return found.filter((size) => size > 0);
  };
  if (spec.kind === 'repeat-factor') {
    const { threshold } = spec;
    return Math.round(
      sizes().reduce((sum, size) => sum + size * repeatFactor(threshold, size, count), 0),
    );
  }
  if (typeof rule === 'number') return rule;
  if (rule === 'images') return count;
  const filled = sizes();
  return filled.length * filled.reduce((most, size) => Math.max(most, size), 0);
}

/** Repeats of each image of a class of `size` out of `count` images: max(1, √(threshold / (size / count))). */
export function repeatFactor(threshold: number, size: number, count: number): number {
  return Math.max(1, Math.sqrt((threshold * count) / size));
}
