import type { ScheduleConfig } from '../config/experiment-schema.js';
import { isBetter, type Metric } from '../config/metric.js';
import type { HeadResult } from '../eval/evaluate.js';
import type { CheckpointState } from '../run/checkpoint-state.js';
import { afterEvaluation, initialScheduleState } from './schedule.js';

/** Where a training stands; all of it is in a checkpoint. */
export type TrainingProgress = Pick<
  CheckpointState,
  'step' | 'position' | 'evaluated' | 'schedule' | 'best'
>;

export const beginning = (): TrainingProgress => ({
  step: 0,
  position: 0,
  evaluated: 0,
  schedule: initialScheduleState(),
  best: null,
});

/** Where a training stands, with evaluations that only a stop has brought about: a resumed training makes them anew. */
export interface Standing {
  /** What goes on: such an evaluation does not count in it. */
  readonly progress: TrainingProgress;
  /** The step of the last evaluation, and the best one, whether they count or not. */
  readonly evaluated: number;
  readonly best: TrainingProgress['best'];
}

/** @returns the same after an optimizer step on so many images */
export function afterStep({ progress, ...evaluations }: Standing, images: number): Standing {
  const { step, position } = progress;
  return { progress: { ...progress, step: step + 1, position: position + images }, ...evaluations };
}

/**
 * @param result of the primary head
 * @param warming whether the warm-up is not over before this step
 * @param counts whether the uninterrupted training would be evaluated now, too
 * @returns where the training stands then, and whether no evaluation before was as good by the metric
 */
export function afterValidation(
  { progress, best }: Standing,
  { top1, top5, loss, ...errors }: HeadResult,
  {
    counts,
    schedule,
    metric,
    warming,
  }: { counts: boolean; schedule: ScheduleConfig; metric: Metric; warming: boolean },
): { standing: Standing; improved: boolean } {
  const { step } = progress;
  const now = { top1, top5, loss, step };
  const isBest = (before: TrainingProgress['best']): boolean => {
    const than = before?.[metric];
    return than === undefined || isBetter(metric, now[metric], than);
  };
  const improved = isBest(best);
  const error = { top1: errors.top1_err, top5: errors.top5_err, loss }[metric];
  const counting = counts
    ? {
        ...progress,
        evaluated: step,
        schedule: afterEvaluation(schedule, progress.schedule, error, { metric, warming }),
        best: isBest(progress.best) ? now : progress.best,
      }
    : progress;
  return {
    standing: { progress: counting, evaluated: step, best: improved ? now : best },
    improved,
  };
}
