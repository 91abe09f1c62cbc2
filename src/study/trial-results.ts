import type { MetricsRow } from '../run/rows.js';
import type { Metric, StudyConfig } from './study-schema.js';

/** Of which more is better; of the others less. */
const HIGHER: ReadonlySet<Metric> = new Set(['top1', 'top5']);

export const isHigherBetter = (metric: Metric): boolean => HIGHER.has(metric);

/**
 * What a training's evaluations say: the last one, or the one with the highest top-1, the first of equal ones.
 *
 * @param primary the loss that `loss` is of
 * @returns null without an evaluation
 */
export function trialResult(
  rows: readonly MetricsRow[],
  checkpoint: StudyConfig['evaluation']['checkpoint'],
  metric: Metric,
  primary: string,
): number | null {
  const evaluated = rows.filter(({ kind }) => kind === 'val');
  const row =
    checkpoint === 'last'
      ? evaluated.at(-1)
      : evaluated.reduce<MetricsRow | undefined>(
          (best, one) => (best === undefined || Number(one.top1) > Number(best.top1) ? one : best),
          undefined,
        );
  const value = row?.[metric === 'loss' ? `loss.${primary}` : metric];
  return typeof value === 'number' ? value : null;
}
