import type { Combination } from './combinations.js';
import type { Outcome } from './outcome.js';
import type { Candidate } from './study-runs.js';
import type { Metric, Scalar, Values } from './study-schema.js';
import { isHigherBetter } from './trial-results.js';

/** One trial: what it came to, null while it has not ended. */
export interface TrialResult {
  readonly seed: number;
  readonly state: Outcome['state'] | null;
  /** Of the study's metric; null of a trial that did not finish. */
  readonly value: number | null;
}

/** The trials of one candidate. */
export interface TriedCandidate {
  readonly candidate: Candidate;
  readonly trials: readonly TrialResult[];
  /** Over the seeds; null where one of them has no value. */
  readonly mean: number | null;
}

/** A tuned value that is the lowest or the highest of those tried: a better one may lie beyond. */
export interface Edge {
  readonly key: string;
  readonly value: Scalar;
  readonly side: 'lowest' | 'highest';
}

/** What the trials of a combination have come to. */
export interface Tuning {
  readonly combination: Combination;
  readonly tried: readonly TriedCandidate[];
  /** Whether all trials have ended. */
  readonly over: boolean;
  /** The best; null while trials go on, and where none has finished. Of equal ones the first. */
  readonly chosen: Candidate | null;
  /** Others that are as good as the chosen one. */
  readonly equals: readonly Candidate[];
  readonly edges: readonly Edge[];
}

/** @param results of each candidate, its trials in the order of the seeds */
export function tuningOf(
  combination: Combination,
  results: readonly { candidate: Candidate; trials: readonly TrialResult[] }[],
  metric: Metric,
): Tuning {
  const tried = results.map((one) => ({ ...one, mean: meanOf(one.trials) }));
  const over = tried.every(({ trials }) => trials.every(({ state }) => state !== null));
  const sign = isHigherBetter(metric) ? 1 : -1;
  const finished = tried.filter(({ mean }) => mean !== null);
  const best =
    over && finished.length > 0 ? Math.max(...finished.map((one) => sign * one.mean!)) : null;
  const [chosen = null, ...equals] = finished
    .filter(({ mean }) => best !== null && sign * mean! === best)
    .map(({ candidate }) => candidate);
  const edges = chosen
    ? edgesOf(
        chosen.values,
        tried.map(({ candidate }) => candidate.values),
      )
    : [];
  return { combination, tried, over, chosen, equals, edges };
}

function meanOf(trials: readonly TrialResult[]): number | null {
  const values = trials.flatMap(({ value }) => (value === null ? [] : [value]));
  if (values.length < trials.length) return null;
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Of numbers alone: other values have no order. */
function edgesOf(chosen: Values, tried: readonly Values[]): Edge[] {
  return Object.entries(chosen).flatMap(([key, value]): Edge[] => {
    const all = [...new Set(tried.map((values) => values[key]))];
    const numbers = all.filter((one) => typeof one === 'number');
    if (typeof value !== 'number' || numbers.length < all.length || numbers.length < 2) return [];
    if (value === Math.min(...numbers)) return [{ key, value, side: 'lowest' }];
    return value === Math.max(...numbers) ? [{ key, value, side: 'highest' }] : [];
  });
}
