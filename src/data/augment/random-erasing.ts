/** Random erasing (Zhong et al. 2020): a random rectangle of the input is overwritten. */
import { Random } from '../../random.js';
import type { Region } from '../images/image-part.js';
import { divisors, type Preprocessing } from '../images/preprocessing.js';
import { type AugmentationType, rangeOf } from './augmentation-type.js';

export interface RandomErasing {
  probability: number;
  /** Smallest and largest share of the area. */
  scale: readonly [number, number];
  /** Smallest and largest height over width. */
  ratio: readonly [number, number];
  /** 'mean': zero, once the mean is taken off; 'random': every value uniform in 0–255; or a value on that scale. */
  value: 'mean' | 'random' | number;
}

export const randomErasing: AugmentationType<RandomErasing, RandomErasing> = {
  about: 'Fills a random rectangle of the input (Zhong et al.), as torchvision draws it.',

  schema: (z) =>
    z.strictObject({
      probability: z
        .number()
        .min(0)
        .max(1)
        .default(0.5)
        .describe('Share of the images in which it happens.'),
      scale: rangeOf(z, z.number().gt(0).lte(1))
        .default([0.02, 0.33])
        .describe("[smallest, largest] share of the image's area."),
      ratio: rangeOf(z, z.number().positive())
        .default([0.3, 3.3])
        .describe('[smallest, largest] aspect ratio, height over width.'),
      value: z
        .union([z.enum(['mean', 'random']), z.number().min(0).max(255)], {
          error: 'value: mean, random, or a number from 0 to 255',
        })
        .default('mean')
        .describe(
          'What the rectangle is filled with: mean (zero once the mean is taken off), random (every value uniform from 0 to 255), or one value on the 0-255 scale.',
        ),
    }),

  finish({ out, offset, size, preprocessing }, erasing, { seed, position }) {
    const region = chooseErased(size, erasing, seed, position);
    if (region) erase(out, offset, size[1], region, erasing.value, preprocessing, seed, position);
  },
};

const ATTEMPTS = 10;

/**
 * Draws the rectangle of the image at a position as torchvision's RandomErasing does: area uniform, aspect ratio
 * log-uniform, place uniform; none if ten draws do not fit.
 */
export function chooseErased(
  [height, width]: readonly [number, number],
  { probability, scale, ratio }: RandomErasing,
  seed: number,
  position: number,
): Region | null {
  const random = new Random(seed, 'erasing', position);
  if (random.next() >= probability) return null;
  const between = ([low, high]: readonly [number, number]): number =>
    low + (high - low) * random.next();
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const area = height * width * between(scale);
    const aspect = Math.exp(between([Math.log(ratio[0]), Math.log(ratio[1])]));
    const h = Math.round(Math.sqrt(area * aspect));
    const w = Math.round(Math.sqrt(area / aspect));
    if (h >= height || w >= width) continue;
    const top = random.int(height - h + 1);
    const left = random.int(width - w + 1);
    return { top, left, height: h, width: w };
  }
  return null;
}

/**
 * Overwrites a rectangle of a network's input, which begins at `offset` in `out` and is `width` pixels wide.
 * 'random' draws from (seed, position), row by row.
 */
export function erase(
  out: Float32Array,
  offset: number,
  width: number,
  region: Region,
  value: RandomErasing['value'],
  preprocessing: Pick<Preprocessing, 'mean' | 'std'>,
  seed: number,
  position: number,
): void {
  const random = new Random(seed, 'erasing-values', position);
  const { mean } = preprocessing;
  const scales = divisors(preprocessing);
  for (let y = region.top; y < region.top + region.height; y++) {
    const first = (y * width + region.left) * 3;
    for (let at = first; at < first + region.width * 3; at++) {
      const c = at % 3;
      const base = mean.values[mean.kind === 'pixel' ? at : c]!;
      out[offset + at] =
        value === 'mean'
          ? 0
          : ((value === 'random' ? 255 * random.next() : value) - base) / scales[c]!;
    }
  }
}
