import { oneForm } from '../data/index/unicode-forms.js';
import { DataError } from '../errors.js';
import { keyWords, murmur3 } from '../hash.js';
import type { Combine } from './combine.js';
import { logMeanExp, logSoftmax } from './log-probabilities.js';
import { aligned, part, type ScoreSet } from './score-set.js';

/**
 * Several models' scores of the same images as one; classes and images in the first member's order.
 *
 * @param weights of an average: one per member, adding up to 1
 * @throws DataError if members differ in classes or images
 */
export function ensemble(
  members: readonly ScoreSet[],
  combine: Combine,
  weights?: readonly number[],
): ScoreSet {
  const [first] = members as [ScoreSet, ...ScoreSet[]];
  const sets = alignedMembers(members);
  const rows = first.paths.map((_, image) => {
    const own = sets.map((set) => set.rows[image]!);
    return Float32Array.from(combine === 'product' ? product(own) : logMeanExp(own, weights));
  });
  return { ...first, source: members.map(({ source }) => source).join(' + '), rows };
}

export interface Fitted {
  weights: number[];
  /** The members' images that the fit did not see. */
  rest: ScoreSet[];
  /** Images of the fit. */
  images: number;
}

/**
 * Fits the weights of an average on a part of the images: those that a hash of their path puts into the first
 * `fraction`, so that the part depends on nothing else.
 *
 * @throws DataError if either part is empty
 */
export function fitOnPart(members: readonly ScoreSet[], fraction: number): Fitted {
  const sets = alignedMembers(members);
  const seen = (path: string): boolean => hashOf(path) < fraction;
  const fit = sets.map((set) => part(set, seen));
  const rest = sets.map((set) => part(set, (path) => !seen(path)));
  const [images, left] = [fit[0]!.paths.length, rest[0]!.paths.length];
  if (images === 0 || left === 0) {
    throw new DataError(
      `weights fitted on ${fraction} of ${images + left} images: ${images} images to fit on, ${left} to report`,
      'choose another fraction, or give --weights',
    );
  }
  return { weights: fitWeights(fit), rest, images };
}

/**
 * Weights of an average that minimise the mean −log probability of the true class, by expectation maximisation:
 * the problem is convex, and every step `wᵢ ← mean(wᵢpᵢ / Σⱼwⱼpⱼ)` lowers it.
 *
 * @param members aligned
 */
export function fitWeights(members: readonly ScoreSet[]): number[] {
  const [{ labels }] = members as [ScoreSet, ...ScoreSet[]];
  const p = [...labels].flatMap((label, image) => {
    const logs = members.map(({ rows }) => rows[image]![label]!);
    const highest = Math.max(...logs); // exp alone could be zero for all
    return Number.isFinite(highest) ? [logs.map((value) => Math.exp(value - highest))] : [];
  });
  let weights = members.map(() => 1 / members.length);
  for (let step = 0; step < STEPS && p.length > 0; step++) {
    const shares = weights.map(() => 0);
    for (const row of p) {
      const total = row.reduce((sum, value, i) => sum + weights[i]! * value, 0);
      for (const [i, value] of row.entries()) shares[i]! += (weights[i]! * value) / total;
    }
    const next = shares.map((share) => share / p.length);
    const change = Math.max(...next.map((weight, i) => Math.abs(weight - weights[i]!)));
    weights = next;
    if (change < PRECISION) break;
  }
  return weights;
}

const STEPS = 10_000;
const PRECISION = 1e-9;

function alignedMembers(members: readonly ScoreSet[]): ScoreSet[] {
  const [first, ...others] = members as [ScoreSet, ...ScoreSet[]];
  return [first, ...others.map((set) => aligned(set, first))];
}

function product(rows: readonly Float32Array[]): Float64Array {
  const sums = Float64Array.from(rows[0]!, (_, c) => rows.reduce((sum, row) => sum + row[c]!, 0));
  return logSoftmax(sums);
}

/** Uniform in [0, 1). */
const hashOf = (path: string): number =>
  murmur3(keyWords(['fit-weights', oneForm(path)]), 0) / 2 ** 32;
