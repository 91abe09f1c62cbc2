/**
 * How much of which pixels of a row or column each pixel of the result takes, as Pillow computes it (Resample.c): the
 * filter is as wide as the shrinking wants it (antialiased), pixels beyond the edge do not count, and the two axes have
 * scales of their own. The cubic is Keys's with a = -0.5; OpenCV's and a PyTorch tensor's without antialiasing have -0.75.
 */
import type { Interpolation } from '../../config/resizing.js';

/** Along one axis. */
export interface PillowWeights {
  /** Source pixels that each pixel of the result takes at most; behind the last one weights are 0. */
  readonly taps: number;
  /** `[count]`: the first of them. */
  readonly starts: Int32Array;
  /** `[count]`: the one after the last of them. */
  readonly ends: Int32Array;
  /** `[count, taps]`: integers, 2^22 meaning 1. */
  readonly weights: Int32Array;
}

interface Filter {
  /** In pixels of the result. */
  readonly radius: number;
  readonly at: (x: number) => number;
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI));

const A = -0.5;

const FILTERS: Readonly<Record<Interpolation, Filter>> = {
  bilinear: { radius: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: {
    radius: 2,
    at: (signed) => {
      const x = Math.abs(signed);
      if (x < 1) return ((A + 2) * x - (A + 3)) * x * x + 1;
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * A : 0;
    },
  },
  lanczos3: { radius: 3, at: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

const ONE = 2 ** 22;

/** @param size pixels of the source @param resized pixels of the result */
export function pillowWeights(
  interpolation: Interpolation,
  size: number,
  resized: number,
): PillowWeights {
  const { radius, at } = FILTERS[interpolation];
  const scale = size / resized;
  const stretch = Math.max(scale, 1);
  const support = radius * stretch;
  const narrow = 1 / stretch;
  const taps = 2 * Math.ceil(support) + 1;
  const starts = new Int32Array(resized);
  const ends = new Int32Array(resized);
  const weights = new Int32Array(resized * taps);
  const exact = new Float64Array(taps);
  for (let i = 0; i < resized; i++) {
    const centre = (i + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(size, Math.trunc(centre + support + 0.5));
    let sum = 0;
    for (let k = 0; k < end - start; k++) {
      exact[k] = at((k + start - centre + 0.5) * narrow);
      sum += exact[k]!;
    }
    for (let k = 0; k < end - start; k++) {
      const share = sum === 0 ? exact[k]! : exact[k]! / sum;
      weights[i * taps + k] = Math.trunc(share * ONE + (share < 0 ? -0.5 : 0.5));
    }
    starts[i] = start;
    ends[i] = end;
  }
  return { taps, starts, ends, weights };
}
