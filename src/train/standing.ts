import type { ScheduleConfig } from '../config/experiment-schema.js';
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
 * @param result of the primary head, percent
 * @param counts whether the uninterrupted training would be evaluated now, too
 * @returns where the training stands then, and whether no evaluation before was as good
 */
export function afterValidation(
  { progress, best }: Standing,
  result: { readonly top1: number; readonly top1_err: number },
  { counts, schedule }: { counts: boolean; schedule: ScheduleConfig },
): { standing: Standing; improved: boolean } {
  const { step } = progress;
  const now = { top1: result.top1, step };
  const isBetter = (than: TrainingProgress['best']): boolean =>
    than === null || now.top1 > than.top1;
  const improved = isBetter(best);
  const counting = counts
    ? {
        ...progress,
        evaluated: step,
        schedule: afterEvaluation(schedule, progress.schedule, result.top1_err),
        best: isBetter(progress.best) ? now : progress.best,
      }
    : progress;
  return {
    standing: { progress: counting, evaluated: step, best: improved ? now : best },
    improved,
  };
}
