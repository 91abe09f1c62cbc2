/** Random crop, mirror and colour shift (paper, "data and training"); what else there is, one file each. */

import { Random } from '../../random.js';
import type { Pixels, Triple, View } from '../images/preprocessing.js';
import type { Mixing } from './mixing.js';
import type { AugmentationRules } from './table.js';

/** Principal components of the training set's RGB values, pixels on the 0–1 scale. */
export interface PcaColor {
  /** Eigenvectors: `vectors[i]` is the [r, g, b] of component i, of length 1. */
  vectors: readonly [Triple, Triple, Triple];
  /** Eigenvalues of the covariance on the 0–1 scale, largest first. */
  values: Triple;
}

export interface Augmentation extends AugmentationRules {
  /** Mirror half of the images. */
  flip: boolean;
  color: PcaColor | null;
  /** Pairs of images are mixed; default: none. */
  mixing?: Mixing | null;
}

/**
 * How the image at a position is cut and changed. Everything is drawn from (seed, position), always
 * in the order row, column, mirror, α₁, α₂, α₃, so that switching one augmentation off does not
 * change the others.
 * @param size [height, width] of the crop
 */
export function chooseView(
  pixels: Pick<Pixels, 'height' | 'width'>,
  size: readonly [number, number],
  augmentation: Augmentation,
  seed: number,
  position: number,
): View {
  const random = new Random(seed, 'augment', position);
  const top = random.int(Math.max(1, pixels.height - size[0] + 1));
  const left = random.int(Math.max(1, pixels.width - size[1] + 1));
  const mirror = random.next() < 0.5;
  const alphas: Triple = [random.normal(), random.normal(), random.normal()];
  const { flip, color } = augmentation;
  return { top, left, flip: flip && mirror, shift: color ? colorShift(color, alphas) : [0, 0, 0] };
}

/** Standard deviation of the α of the colour shift, as in the paper. */
const ALPHA = 0.1;

/**
 * AlexNet's colour shift: Σᵢ pᵢ · αᵢ · λᵢ, with αᵢ = 0.1 × `normals[i]`.
 *
 * λ are eigenvalues on the 0–1 scale, so the sum is multiplied by 255 to fit the pixels here.
 * @returns what to add to [r, g, b], 0–255 scale
 */
export function colorShift(color: PcaColor, normals: Triple): Triple {
  const channel = (c: 0 | 1 | 2): number => {
    let sum = 0;
    for (const i of [0, 1, 2] as const) {
      sum += color.vectors[i][c] * normals[i] * ALPHA * color.values[i];
    }
    return 255 * sum;
  };
  return [channel(0), channel(1), channel(2)];
}
