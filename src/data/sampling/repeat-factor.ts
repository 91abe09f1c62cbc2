import type { ClassLists } from '../index/class-lists.js';
import { offsets } from './class-shares.js';
import { type PassPlan, passSampler } from './pass-sampler.js';
import type { SamplerType } from './sampler-type.js';

export interface RepeatFactorRule {
  kind: 'repeat-factor';
  /** Share of the images below which the images of a class are repeated. */
  threshold: number;
}

export const repeatFactor: SamplerType<RepeatFactorRule, RepeatFactorRule> = {
  schema: ({ z, kind }) =>
    z.strictObject({
      kind: kind(
        'repeat-factor',
        'Images of a class with the share f of all images max(1, sqrt(threshold / f)) times per epoch.',
      ),
      threshold: z
        .number()
        .gt(0)
        .lte(1)
        .describe('The share of all images below which the images of a class are repeated.'),
    }),
  /** The sum of the repeats, rounded. */
  epochSize: ({ threshold }, { count, sizes }) =>
    Math.round(sizes().reduce((sum, size) => sum + size * repeats(threshold, size, count), 0)),
  at({ threshold }, images) {
    const lists = images.lists();
    return passSampler(lists, images.seed, repeatFactorPlan(lists, images.seed, threshold)).at;
  },
};

/** Repeats of each image of a class of `size` out of `count` images: max(1, √(threshold / (size / count))). */
function repeats(threshold: number, size: number, count: number): number {
  return Math.max(1, Math.sqrt((threshold * count) / size));
}

/**
 * Repeat-factor sampling (Gupta et al. 2019, "LVIS", §"Training details"): with f_c the share of class c among the
 * images, each of its images is drawn r_c = max(1, √(threshold / f_c)) times per epoch. The fraction of r_c is rounded
 * at random for each image and epoch; how many are rounded up is the same in every epoch, but for one image of a class.
 */
function repeatFactorPlan(lists: ClassLists, seed: number, threshold: number): PassPlan {
  const factors = repeatFactors(lists, threshold);
  const sizes = factors.map((_, c) => lists.starts[c + 1]! - lists.starts[c]!);
  const offset = offsets(lists, seed);
  return {
    length: factors.reduce((sum, factor, c) => sum + factor * sizes[c]!, 0),
    images: 'anew',
    before: (pass, c) => {
      const whole = Math.floor(factors[c]!);
      const rest = Math.floor(pass * sizes[c]! * (factors[c]! - whole) + offset[c]!);
      return pass * sizes[c]! * whole + rest;
    },
  };
}

/** r_c = max(1, √(threshold / f_c)) by class; 0 for a class without images. */
function repeatFactors({ images, starts }: ClassLists, threshold: number): Float64Array {
  return Float64Array.from({ length: starts.length - 1 }, (_, c) => {
    const size = starts[c + 1]! - starts[c]!;
    return size === 0 ? 0 : repeats(threshold, size, images.length);
  });
}
