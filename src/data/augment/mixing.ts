/**
 * Mixup (Zhang et al. 2018, "mixup: beyond empirical risk minimization") and CutMix (Yun et al. 2019, "CutMix:
 * regularization strategy to train strong classifiers with localizable features").
 *
 * Images are mixed in pairs of positions, and both of a pair by the same draw, as timm's `mode='pair'` does. So what a
 * position gives does not depend on how positions are grouped into batches and micro-batches.
 */
import { Random, symmetricBeta } from '../../random.js';
import type { Region } from '../images/image-part.js';

export interface Mixing {
  /** Of the Beta distribution; null: no mixup, no CutMix. Not both null. */
  mixup: { alpha: number } | null;
  cutmix: { alpha: number } | null;
  /** Share of the pairs that are mixed. */
  probability: number;
  /** Share of the mixed pairs that CutMix mixes, where both are given. */
  switchProbability: number;
  /** Positions between the two of a pair: the images that a class is drawn at a time, or 1. */
  distance: number;
}

/** How the two images of a pair become two others. `share` is the part of its own that each keeps. */
export type Mix = { kind: 'mixup'; share: number } | { kind: 'cutmix'; share: number; box: Region };

/** Of runs of `distance` positions, each even one is paired with the odd one after it, position by position. */
export function partnerOf(position: number, distance: number): number {
  return Math.floor(position / distance) % 2 === 0 ? position + distance : position - distance;
}

/** Draws how the pair of a position is mixed, the same for both of it; null: not at all. */
export function chooseMix(
  [height, width]: readonly [number, number],
  { mixup, cutmix, probability, switchProbability, distance }: Mixing,
  seed: number,
  position: number,
): Mix | null {
  const pair = Math.min(position, partnerOf(position, distance));
  const random = new Random(seed, 'mix', pair);
  if (random.next() >= probability) return null;
  const cut = random.next() < (mixup && cutmix ? switchProbability : cutmix ? 1 : 0);
  const share = symmetricBeta((cut ? cutmix : mixup)!.alpha, random);
  return cut ? cutBox([height, width], share, random) : { kind: 'mixup', share };
}

/** The authors' rand_bbox: a box of 1 − share of the area around a uniform centre, cut off at the image's edges. */
function cutBox([height, width]: readonly [number, number], drawn: number, random: Random): Mix {
  const side = Math.sqrt(1 - drawn);
  const x = random.int(width);
  const y = random.int(height);
  const span = (centre: number, size: number): [number, number] => {
    const half = Math.floor(Math.floor(size * side) / 2);
    return [Math.max(0, centre - half), Math.min(size, centre + half)];
  };
  const [left, right] = span(x, width);
  const [top, bottom] = span(y, height);
  const box = { top, left, height: bottom - top, width: right - left };
  return { kind: 'cutmix', share: 1 - (box.height * box.width) / (height * width), box };
}

/**
 * Mixes `own` with `other` into `own`, inputs `[height, width, 3]`; with `both` at the same time `other` with `own`
 * into `other`.
 */
export function mixInto(
  own: Float32Array,
  other: Float32Array,
  mix: Mix,
  width: number,
  both: boolean,
): void {
  if (mix.kind === 'mixup') {
    const { share } = mix;
    for (let i = 0; i < own.length; i++) {
      const [a, b] = [own[i]!, other[i]!];
      own[i] = share * a + (1 - share) * b;
      if (both) other[i] = share * b + (1 - share) * a;
    }
    return;
  }
  const { top, left, height } = mix.box;
  for (let y = top; y < top + height; y++) {
    const from = (y * width + left) * 3;
    const to = from + mix.box.width * 3;
    for (let i = from; i < to; i++) {
      const a = own[i]!;
      own[i] = other[i]!;
      if (both) other[i] = a;
    }
  }
}
