/** The shares of the classes under the samplers of the literature, as plans of passes. */
import { Random } from '../../random.js';
import type { ClassLists } from '../index/class-lists.js';
import { repeatFactor } from './epoch-size.js';
import { filledClasses, type PassPlan } from './pass-sampler.js';

/** Passes after which the counts of a constant share repeat; a share is exact to 1/2048 of a draw per pass. */
const CYCLE = 1024;

/**
 * Power-law sampling: a draw is of class c with probability p_c = n_c^q / Σ n_k^q, n_c being its number of images.
 * q = 1 is instance-balanced, 0.5 square-root, 0 class-balanced sampling (Kang et al. 2020, "Decoupling representation
 * and classifier for long-tailed recognition", eq. 1; Mahajan et al. 2018, "Exploring the limits of weakly supervised
 * pretraining", for the square root). The images of a class are drawn from reshuffled lists, as class-aware sampling
 * draws them, where the authors draw with replacement.
 *
 * @param q from 0 to 1: then a class has at least about one draw per pass
 */
export function powerPlan(lists: ClassLists, seed: number, q: number): PassPlan {
  return { ...constant(lists, seed, powerShares(lists, q)), images: 'in-turn' };
}

/**
 * Progressively balanced sampling (Kang et al. 2020, eq. 2): p(t) = (1 − t/T) · p_IB + (t/T) · p_CB, from
 * instance-balanced to class-balanced. t is the number of draws before a pass, so the shares change once per pass, and
 * stay class-balanced from T on.
 *
 * @param over T in draws
 */
export function progressivePlan(lists: ClassLists, seed: number, over: number): PassPlan {
  const length = lists.images.length;
  const instances = powerShares(lists, 1);
  const balanced = powerShares(lists, 0);
  const passes = Math.ceil(over / length); // from this one on t ≥ T
  const offset = offsets(lists, seed);
  const after = constant(lists, seed, balanced);
  const rising = (pass: number, c: number): number => {
    const [from, to] = [instances[c]!, balanced[c]!];
    // Σ over the passes before of from + (to − from) · t/T, with t = length · 0, 1, …
    const risen = ((length / over) * pass * (pass - 1)) / 2;
    return Math.floor(length * (pass * from + risen * (to - from)) + offset[c]!);
  };
  return {
    length,
    images: 'in-turn',
    before: (pass, c) =>
      pass <= passes ? rising(pass, c) : rising(passes, c) + after.before(pass - passes, c),
  };
}

/**
 * Repeat-factor sampling (Gupta et al. 2019, "LVIS", §"Training details"): with f_c the share of class c among the
 * images, each of its images is drawn r_c = max(1, √(threshold / f_c)) times per epoch. The fraction of r_c is rounded
 * at random for each image and epoch; how many are rounded up is the same in every epoch, but for one image of a class.
 */
export function repeatFactorPlan(lists: ClassLists, seed: number, threshold: number): PassPlan {
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
    return size === 0 ? 0 : repeatFactor(threshold, size, images.length);
  });
}

/** n_c^q / Σ n_k^q by class; 0 for a class without images. */
function powerShares(lists: ClassLists, q: number): Float64Array {
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
function constant(
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
function offsets({ starts }: ClassLists, seed: number): Float64Array {
  return Float64Array.from({ length: starts.length - 1 }, (_, c) =>
    new Random(seed, 'share', c).next(),
  );
}
