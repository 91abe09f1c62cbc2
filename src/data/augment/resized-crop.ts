/** Random resized crop: a part of the image of random area and aspect ratio, resized to the crop. */

import { Random } from '../../random.js';
import type { Region } from '../images/image-part.js';
import type { Pixels } from '../images/preprocessing.js';
import type { AugmentationType } from './augmentation-type.js';

/** As torchvision's RandomResizedCrop draws it. */
export interface ResizedCrop {
  /** Smallest and largest share of the image's area. */
  scale: readonly [number, number];
  /** Smallest and largest width over height. */
  ratio: readonly [number, number];
}

export const resizedCrop: AugmentationType<ResizedCrop, ResizedCrop> = {
  about:
    'In training, a random part of the image of random size and aspect ratio is scaled to the crop (Inception), in place of a crop of fixed size.',

  schema(z) {
    const share = z.number().gt(0).lte(1);
    const positive = z.number().positive();
    return z
      .strictObject({
        scale: z
          .tuple([share, share])
          .default([0.08, 1])
          .describe("[smallest, largest] share of the image's area."),
        ratio: z
          .tuple([positive, positive])
          .default([0.75, 4 / 3])
          .describe('[smallest, largest] aspect ratio, width over height.'),
      })
      .refine(({ scale, ratio }) => scale[0] <= scale[1] && ratio[0] <= ratio[1], {
        error: 'scale and ratio are [smallest, largest]',
      });
  },

  region: (size, crop, { seed, position }) => chooseRegion(size, crop, seed, position),

  crop: (part, region, size) =>
    resizeRegion(
      part,
      { ...region, top: region.top - part.top, left: region.left - part.left },
      size,
    ),
};

const ATTEMPTS = 10;

/**
 * Draws a region from (seed, position): area uniform, aspect ratio log-uniform, place uniform. If ten draws do not
 * fit the image, the largest central region of an allowed aspect ratio is taken.
 */
export function chooseRegion(
  pixels: Pick<Pixels, 'height' | 'width'>,
  { scale, ratio }: ResizedCrop,
  seed: number,
  position: number,
): Region {
  const random = new Random(seed, 'resized-crop', position);
  const between = ([low, high]: readonly [number, number]): number =>
    low + (high - low) * random.next();
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const area = pixels.height * pixels.width * between(scale);
    const aspect = Math.exp(between([Math.log(ratio[0]), Math.log(ratio[1])]));
    const height = Math.round(Math.sqrt(area / aspect));
    const width = Math.round(Math.sqrt(area * aspect));
    if (height < 1 || width < 1 || height > pixels.height || width > pixels.width) continue;
    const top = random.int(pixels.height - height + 1);
    const left = random.int(pixels.width - width + 1);
    return { top, left, height, width };
  }
  return centralRegion(pixels, ratio);
}

function centralRegion(
  pixels: Pick<Pixels, 'height' | 'width'>,
  [low, high]: readonly [number, number],
): Region {
  const aspect = Math.min(Math.max(pixels.width / pixels.height, low), high);
  const height = Math.min(pixels.height, Math.max(1, Math.round(pixels.width / aspect)));
  const width = Math.min(pixels.width, Math.max(1, Math.round(pixels.height * aspect)));
  return {
    top: Math.floor((pixels.height - height) / 2),
    left: Math.floor((pixels.width - width) / 2),
    height,
    width,
  };
}

/**
 * Resizes a region, bilinear with aligned sample centres, without antialiasing.
 * @returns a new image of the given [height, width]
 */
export function resizeRegion(
  pixels: Pixels,
  region: Region,
  [height, width]: readonly [number, number],
): Pixels {
  const rows = samples(region.top, region.height, height);
  const columns = samples(region.left, region.width, width);
  const data = new Uint8Array(height * width * 3);
  const from = pixels.data;
  let at = 0;
  for (let y = 0; y < height; y++) {
    const upper = rows.low[y]! * pixels.width;
    const lower = rows.high[y]! * pixels.width;
    const down = rows.share[y]!;
    for (let x = 0; x < width; x++) {
      const left = columns.low[x]!;
      const right = columns.high[x]!;
      const across = columns.share[x]!;
      for (let c = 0; c < 3; c++, at++) {
        const a = from[(upper + left) * 3 + c]!;
        const b = from[(upper + right) * 3 + c]!;
        const d = from[(lower + left) * 3 + c]!;
        const e = from[(lower + right) * 3 + c]!;
        const top = a + (b - a) * across;
        data[at] = top + (d + (e - d) * across - top) * down + 0.5;
      }
    }
  }
  return { data, height, width };
}

/** For each output pixel the two input pixels around its centre, and the share of the second. */
function samples(start: number, size: number, count: number) {
  const low = new Int32Array(count);
  const high = new Int32Array(count);
  const share = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const at = Math.min(Math.max(((i + 0.5) * size) / count - 0.5, 0), size - 1);
    low[i] = start + Math.floor(at);
    high[i] = start + Math.min(Math.floor(at) + 1, size - 1);
    share[i] = at - Math.floor(at);
  }
  return { low, high, share };
}
