import { DataError } from '../errors.js';
import { meanDifference } from '../eval/paired.js';
import { alignment, type ImageList } from '../eval/score-set.js';
import { spreadOf } from '../eval/spread.js';
import { type Combination, labelOf, matches, variantsOf } from './combinations.js';
import type { RunEvaluation } from './evaluation.js';
import { metricOf } from './metric-values.js';
import type { Metric, StudyConfig } from './study-schema.js';
import type { TableComparison } from './table-schema.js';
import { isHigherBetter } from './trial-results.js';

/** The tested final runs of a combination, by seed. */
export type Tested = ReadonlyMap<number, RunEvaluation>;

/** What is compared with what. */
export interface Pair {
  readonly of: Combination;
  readonly to: Combination;
}

/** Each combination with its baseline: the same but for the axes that a baseline names. */
export function pairsOf(study: StudyConfig, combinations: readonly Combination[]): Pair[] {
  return [study.table.baseline ?? []].flat().flatMap((baseline) =>
    combinations.flatMap((of): Pair[] => {
      if (matches(of.variants, baseline)) return [];
      const wanted = { ...of.variants, ...baseline };
      const to = combinations.find(({ variants }) => matches(variants, wanted));
      return to ? [{ of, to }] : [];
    }),
  );
}

/** `relay against standard BP, 10 convolutions` */
export function pairLabel(study: StudyConfig, { of, to }: Pair): string {
  const [one, other] = [variantsOf(study, of), variantsOf(study, to)];
  const differ = one.map((variant, i) => variant !== other[i]);
  const text = (variants: typeof one, wanted: boolean): string =>
    variants
      .filter((_, i) => differ[i] === wanted)
      .map(labelOf)
      .join(', ');
  const same = text(one, false);
  return `${text(one, true)} against ${text(other, true)}${same === '' ? '' : `, ${same}`}`;
}

/** The paired differences, seed by seed and image by image. */
export function compared(
  study: StudyConfig,
  pair: Pair,
  [of, to]: readonly [Tested, Tested],
): TableComparison {
  const { metric } = study.table;
  const seeds = study.seeds.filter((seed) => of.has(seed) && to.has(seed));
  const pairs = seeds.map((seed) => [of.get(seed)!, to.get(seed)!] as const);
  const differences = pairs.map(([a, b]) => metricOf(a, metric) - metricOf(b, metric));
  const difference = spreadOf(differences);
  const images = imageDifference(pairs, metric);
  return {
    of: pair.of.id,
    to: pair.to.id,
    label: pairLabel(study, pair),
    seeds,
    difference,
    images,
    verdict: verdictOf(difference, images, metric),
  };
}

function verdictOf(
  difference: TableComparison['difference'],
  images: TableComparison['images'],
  metric: Metric,
): TableComparison['verdict'] {
  if (!difference) return 'not known';
  if (!difference.interval) return 'one seed';
  const intervals = [difference.interval, ...(images ? [images.interval] : [])];
  const above = intervals.every(([low]) => low > 0);
  const below = intervals.every(([, high]) => high < 0);
  if (!above && !below) return 'no difference shown';
  return above === isHigherBetter(metric) ? 'better' : 'worse';
}

/** Of top-1 and top-5: how many ranks count as right. */
const RIGHT: Partial<Record<Metric, { k: number; sign: 1 | -1 }>> = {
  top1: { k: 1, sign: 1 },
  top1_err: { k: 1, sign: -1 },
  top5: { k: 5, sign: 1 },
  top5_err: { k: 5, sign: -1 },
};

/** @returns null of a loss, without seeds, and where the two were tested on different images */
function imageDifference(
  pairs: readonly (readonly [RunEvaluation, RunEvaluation])[],
  metric: Metric,
): TableComparison['images'] {
  const right = RIGHT[metric];
  const first = pairs[0]?.[0];
  if (!right || !first) return null;
  const { k, sign } = right;
  const sums = new Float64Array(first.paths.length);
  for (const [of, to] of pairs) {
    for (const [one, weight] of [
      [of, 1],
      [to, -1],
    ] as const) {
      const order = orderOf(one, first);
      if (!order) return null;
      order.forEach((image, i) => {
        if (one.ranks[image]! <= k) sums[i]! += weight;
      });
    }
  }
  const { difference, interval } = meanDifference([...sums].map((sum) => sum / pairs.length));
  const signed = interval.map((end) => sign * end).sort((a, b) => a - b) as [number, number];
  return {
    images: sums.length,
    onlyOf: sums.filter((sum) => sum > 0).length,
    onlyTo: sums.filter((sum) => sum < 0).length,
    difference: sign * difference,
    interval: signed,
  };
}

/** Where each image of `to` is in a test; null where they are not the same images. */
function orderOf(test: RunEvaluation, to: RunEvaluation): readonly number[] | null {
  if (
    test.paths.every((path, i) => path === to.paths[i]) &&
    test.paths.length === to.paths.length
  ) {
    return [...test.paths.keys()];
  }
  try {
    return alignment(listOf(test), listOf(to)).order;
  } catch (error) {
    if (error instanceof DataError) return null;
    throw error;
  }
}

const listOf = ({ classes, paths, labels }: RunEvaluation): ImageList => {
  return { source: 'a run', classes, paths, labels: Int32Array.from(labels) };
};
