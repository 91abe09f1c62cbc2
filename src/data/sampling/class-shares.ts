/** Shares of the classes, and plans of passes that keep to them. */
import { Random } from '../../random.js';
import type { ClassLists } from '../index/class-lists.js';
import { filledClasses, type PassPlan } from './pass-sampler.js';

/** Passes after which the counts of a constant share repeat; a share is exact to 1/2048 of a draw per pass. */
const CYCLE = 1024;

/** n_c^q / Σ n_k^q by class; 0 for a class without images. */
export function powerShares(lists: ClassLists, q: number): Float64Array {
  const { starts } = lists;
  const shares = new Float64Array(starts.length - 1);
  let sum = 0;
  for (const c of filledClasses(lists)) {
    shares[c] = (starts[c + 1]! - starts[c]!) ** q;
    sum += shares[c]!;
  }
  return shares.map((share) => share / sum);
}

/** The same shares in every pass, in integers: a cycle of passes has exactly `CYCLE` times the images. */
export function constant(
  lists: ClassLists,
  seed: number,
  shares: Float64Array,
): Pick<PassPlan, 'length' | 'before'> {
  const length = lists.images.length;
  const counts = largestRemainders(shares, CYCLE * length);
  const offset = offsets(lists, seed).map((value) => Math.floor(value * CYCLE));
  return {
    length,
    before: (pass, c) => {
      const cycle = Math.floor(pass / CYCLE);
      const within = pass - cycle * CYCLE;
      return cycle * counts[c]! + Math.floor((within * counts[c]! + offset[c]!) / CYCLE);
    },
  };
}

/** Integers in proportion to shares that add up to exactly `total` (Hamilton's method). */
function largestRemainders(shares: Float64Array, total: number): Float64Array {
  const counts = shares.map((share) => Math.floor(share * total));
  const missing = total - counts.reduce((sum, count) => sum + count, 0);
  const byRemainder = [...shares.keys()]
    .filter((c) => shares[c]! > 0)
    .sort((a, b) => shares[b]! * total - counts[b]! - (shares[a]! * total - counts[a]!) || a - b);
  for (let i = 0; i < missing; i++) counts[byRemainder[i % byRemainder.length]!]!++;
  return counts;
}

/** In [0, 1) by class: where its rounding begins, so that not all classes round up in the same pass. */
export function offsets({ starts }: ClassLists, seed: number): Float64Array {
  return Float64Array.from({ length: starts.length - 1 }, (_, c) =>
    new Random(seed, 'share', c).next(),
  );
}
