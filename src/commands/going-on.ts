import type { Precision } from '../engine/engine.js';
import { CheckpointError } from '../errors.js';
import { totalSteps } from '../experiment/epochs.js';
import type { ExperimentPlan } from '../experiment/experiment-plan.js';
import type { Timeline } from '../experiment/timeline.js';
import { bestEvaluation } from '../run/best-evaluation.js';
import type { Checkpoint } from '../run/checkpoint.js';
import type { CheckpointState } from '../run/checkpoint-state.js';
import { readMetrics } from '../run/rows.js';
import type { Outdated } from '../train/config-changes.js';
import { initialScheduleState } from '../train/schedule.js';
import { beginning, type TrainingProgress } from '../train/standing.js';

/** Where a training begins: at its checkpoint, without what of it is outdated, or at zero. */
export function progressOf(from: Checkpoint | null, { evaluations }: Outdated): TrainingProgress {
  if (!from) return beginning();
  const { step, position, evaluated, schedule, best } = from.state;
  const memory = evaluations
    ? { schedule: { ...initialScheduleState(), scale: schedule.scale }, best: null }
    : { schedule, best };
  return { step, position, evaluated, ...memory };
}

/**
 * Whether a run has nothing left to do.
 *
 * @param end the last step to be done
 */
export function isDone(run: string, { step, evaluated }: CheckpointState, end: number): boolean {
  if (step !== end) return step > end;
  return (
    evaluated === step || readMetrics(run).some((row) => row.kind === 'val' && row.step === step)
  );
}

/**
 * The same in words, with the way on.
 *
 * @param end the last step to be done
 */
export function nothingLeft(
  run: string,
  { step }: CheckpointState,
  end: number,
  plan: ExperimentPlan,
  timeline: Timeline,
): string {
  const where = `nothing left to do: ${run} is at step ${step}`;
  const total = totalSteps(plan, timeline);
  if (step < total) return `${where} of ${total}, and is to stop after step ${end}`;
  const { epochs } = plan.config.training;
  const length = epochs === undefined ? `${total}` : `${total} (${epochs} epochs)`;
  const key = epochs === undefined ? 'training.steps' : 'training.epochs';
  const there = step === total ? ` of ${length}` : `, and the training ends at ${length}`;
  return `${where}${there}; for a longer one: --set ${key}=…`;
}

/** What a training has come to that has nothing left to do. */
export function nothingDone(
  run: string,
  { step, epoch, config }: CheckpointState,
  wholeSteps: number,
) {
  return {
    run,
    step,
    wholeSteps,
    epoch,
    interrupted: false,
    steps: 0,
    seconds: 0,
    best: bestEvaluation(run, readMetrics(run)),
    metric: config.evaluation.metric,
  };
}

export function checkPrecision({ state, path }: Checkpoint, now: Precision): void {
  const { precision } = state.engine;
  if (precision === now) return;
  throw new CheckpointError(
    `${path}: was trained in ${precision}, and would go on in ${now}`,
    `--set precision=${precision} goes on as before, --change-precision in ${now}`,
  );
}

export function checkClasses({ state, path }: Checkpoint, classes: readonly string[]): void {
  if (state.classes.join('\0') === classes.join('\0')) return;
  const gone = state.classes.filter((name) => !classes.includes(name));
  const added = classes.filter((name) => !state.classes.includes(name));
  throw new CheckpointError(
    `${path}: trained on other classes than the data have now: gone: ${gone.slice(0, 5).join(', ') || 'none'}; new: ${added.slice(0, 5).join(', ') || 'none'}`,
    'point data.root to the data that the run was trained on',
  );
}
