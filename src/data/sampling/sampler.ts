/**
 * Samplers: in which order the images are drawn.
 *
 * A sampler is a pure function from a position (0, 1, 2, … over the whole run) to an image. Its
 * permutations derive from the seed, the list and the pass, so the only state to save in a
 * checkpoint is the position. Current permutations are cached, at most one per list, so that
 * going through the positions in order costs constant time each; memory is 4 bytes per image.
 * Formulas and sources: docs/data.md.
 */

import { type ClassLists, classLists } from '../index/class-lists.js';
import type { ImageIndex } from '../index/image-index.js';
import type { At, EpochSize } from './sampler-type.js';
import { asMapping, type SamplerConfig, type SamplerRule, samplerType } from './table.js';

/** What a sampler is made from; plain data that a worker can receive. */
export type SamplerSpec = SamplerRule & {
  /** Not used by 'sequential'. */
  seed: number;
  /** Default: the number of images. Not used by 'sequential' and 'repeat-factor'. */
  epochSize?: EpochSize;
};

/**
 * Of what a config says.
 *
 * @param draws how many draws a duration has; of the whole training where there is none
 */
export function specOf(
  sampler: SamplerConfig,
  seed: number,
  draws: (duration?: string | number) => number,
): SamplerSpec {
  const config = asMapping(sampler);
  const rule = samplerType(config).rule?.(config, draws) ?? config;
  return { ...rule, epochSize: config.epochSize, seed } as SamplerSpec;
}

export interface Sampler {
  /** Positions that count as one epoch. */
  readonly epochSize: number;
  readonly at: At;
}

/** @param lists of the index's labels, if the caller has them already */
export function createSampler(spec: SamplerSpec, index: ImageIndex, lists?: ClassLists): Sampler {
  const { seed } = spec;
  const at = samplerType(spec).at(spec, {
    seed,
    count: index.count,
    lists: () => lists ?? classLists(index.labels, index.classes.length),
  });
  return { epochSize: epochSize(spec, index), at };
}

/** Draws of one epoch. */
export function epochSize(
  spec: SamplerSpec,
  { labels, classes, count }: Pick<ImageIndex, 'labels' | 'classes' | 'count'>,
): number {
  const sizes = (): Int32Array => {
    const found = new Int32Array(classes.length);
    for (const label of labels) found[label]!++;
    return found.filter((size) => size > 0);
  };
  const own = samplerType(spec).epochSize?.(spec, { count, sizes });
  if (own !== undefined) return own;
  const rule = spec.epochSize ?? 'images';
  if (typeof rule === 'number') return rule;
  if (rule === 'images') return count;
  const filled = sizes();
  return filled.length * filled.reduce((most, size) => Math.max(most, size), 0);
}
