/**
 * How much of which pixels of a row or column each pixel of the result takes. As in libvips, which resizes what the fast
 * decoder does not: shrinking by Lanczos with three lobes, as wide as the shrinking wants it (antialiased); enlarging by
 * Catmull and Rom's cubic. Beyond the edge the outermost pixel goes on.
 *
 * Pixels are squares whose centres lie at halves. So it is in shrinking; in enlarging libvips takes for a pixel of the
 * result its corner, not its centre, which moves the picture by half of one of its pixels. That is kept, so that a file is
 * decoded alike by both.
 */

import { once } from '../../once.js';

/** Along one axis. */
export interface FilterWeights {
  /** Pixels of the result. */
  count: number;
  /** Source pixels that each of them takes, an even number; beyond the last pixel of the source their weights are 0. */
  taps: number;
  /** `[count]`: the first of them, an even number. */
  starts: Int32Array;
  /** `[count, taps]`: integers whose sum is 16384. */
  weights: Int16Array;
}

/** Those of the sizes that came last; a data set mostly has few sizes. */
const recent = new Map<string, FilterWeights>();
const MOST_RECENT = 64;

/**
 * @param size pixels of the source
 * @param resized pixels of the result
 * @param scale source pixels to a pixel of the result, the same on both axes. In shrinking the result's centre is the
 *   source's; as `resized` is a whole number it may show a little more or less than the source
 */
export function filterWeights(size: number, resized: number, scale: number): FilterWeights {
  const key = `${size} ${resized} ${scale}`;
  const known = recent.get(key);
  if (known) return known;
  if (recent.size === MOST_RECENT)
    for (const oldest of recent.keys()) {
      recent.delete(oldest);
      break;
    }
  const weights = computeWeights(size, resized, scale);
  recent.set(key, weights);
  return weights;
}

/** What means 1. */
const ONE = 1 << 14;
const LOBES = 3;
/** Places of the table for a distance of 1. */
const STEPS = 1024;

function computeWeights(size: number, resized: number, scale: number): FilterWeights {
  const shrinks = scale > 1;
  const radius = shrinks ? LOBES * scale : 2;
  const step = (shrinks ? 1 / scale : 1) * STEPS;
  const table = shrinks ? lanczos() : cubic();
  const used = Math.ceil(2 * radius);
  const taps = 2 * Math.ceil((used + 1) / 2);
  const starts = new Int32Array(resized);
  const weights = new Int16Array(resized * taps);
  const exact = new Float64Array(taps);
  const last = size - 1;
  const shift = shrinks ? (size - scale * resized + scale - 1) / 2 : -0.5;
  for (let i = 0; i < resized; i++) {
    const centre = i * scale + shift;
    const from = Math.ceil(centre - radius);
    const start = Math.max(0, Math.min(from, size - used)) & ~1;
    exact.fill(0);
    let sum = 0;
    for (let k = 0, at = from; k < used; k++, at++) {
      const weight = valueAt(table, Math.abs(at - centre) * step);
      sum += weight;
      exact[Math.min(Math.max(at, 0), last) - start]! += weight;
    }
    starts[i] = start;
    round(exact, ONE / sum, weights, i * taps);
  }
  return { count: resized, taps, starts, weights };
}

/** Whole numbers in place of fractions; the largest takes what is left over, so that a plain area stays as it is. */
function round(exact: Float64Array, scale: number, weights: Int16Array, first: number): void {
  let left = ONE;
  let largest = 0;
  for (let k = 0; k < exact.length; k++) {
    const weight = Math.round(exact[k]! * scale);
    weights[first + k] = weight;
    left -= weight;
    if (exact[k]! > exact[largest]!) largest = k;
  }
  weights[first + largest]! += left;
}

/** Between two places of a table in proportion; 0 beyond its end. */
function valueAt(table: Float64Array, at: number): number {
  const below = Math.trunc(at);
  if (below >= table.length - 1) return 0;
  const value = table[below]!;
  return value + (table[below + 1]! - value) * (at - below);
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

const tabulated = (radius: number, f: (x: number) => number): Float64Array =>
  Float64Array.from({ length: radius * STEPS + 1 }, (_, i) => f(i / STEPS));

const lanczos = once(() => tabulated(LOBES, (x) => sinc(x) * sinc(x / LOBES)));

const cubic = once(() =>
  tabulated(2, (x) =>
    x < 1 ? 1.5 * x ** 3 - 2.5 * x ** 2 + 1 : -0.5 * x ** 3 + 2.5 * x ** 2 - 4 * x + 2,
  ),
);
