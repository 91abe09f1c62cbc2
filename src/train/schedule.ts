import type { ScheduleConfig } from '../config/experiment-schema.js';
import type { LoadedConfig } from '../config/load.js';
import { ConfigError } from '../errors.js';
import { type Durations, decaysUntil } from '../experiment/decays.js';

/** What a schedule remembers between evaluations; saved in checkpoints. Only `plateau` uses it. */
export interface ScheduleState {
  /** Product of the reductions so far. */
  scale: number;
  /** Lowest validation error so far, percent, or loss; null before the first evaluation. */
  best: number | null;
  /** Evaluations since the last improvement. */
  waited: number;
}

export const initialScheduleState = (): ScheduleState => ({ scale: 1, best: null, waited: 0 });

/** @throws ConfigError if the schedule's lowest rate is above the rate that it starts from */
export function checkSchedule({ config, locate }: Pick<LoadedConfig, 'config' | 'locate'>): void {
  const { schedule, optimizer } = config;
  if (!('minimum' in schedule) || schedule.minimum <= optimizer.lr) return;
  throw new ConfigError(
    `${locate(['schedule', 'minimum'])}: schedule.minimum: ${schedule.minimum} is above optimizer.lr, ${optimizer.lr} (${locate(['optimizer', 'lr'])}): the rate would rise to it`,
    'lower schedule.minimum, or raise optimizer.lr',
  );
}

/**
 * The learning rate of step `step` (0 first).
 *
 * With warm-up the rate first rises linearly, `lr * (step + 1) / warmup`; the schedule itself counts from step 0 for
 * `step`, `multistep` and `plateau`, and from the end of the warm-up for `poly` and `cosine`.
 */
export function learningRate(
  schedule: ScheduleConfig,
  base: number,
  step: number,
  durations: Durations,
  state: ScheduleState,
): number {
  const { timeline, length } = durations;
  const { warmup } = schedule;
  const warm = timeline.share(0, warmup, step + 1);
  if (step < timeline.stepAt(warmup)) return base * warm;
  const progress = timeline.share(warmup, length, step);
  const floor = 'minimum' in schedule ? Math.min(base, schedule.minimum) : 0;
  switch (schedule.type) {
    case 'constant':
      return base;
    case 'step':
    case 'multistep':
      return base * schedule.factor ** decaysUntil(schedule, step, timeline);
    case 'plateau':
      return Math.max(floor, base * state.scale);
    case 'poly':
      return base * (1 - progress) ** schedule.power;
    case 'cosine':
      return floor + (base - floor) * 0.5 * (1 + Math.cos(Math.PI * progress));
  }
}

/** Errors are differences of percentages: what rounding of these may take off a fall of exactly `threshold`. */
const ROUNDING = 1e-9;

/**
 * Takes note of an evaluation. `plateau` divides the rate once the error has not fallen, by at least `threshold`, for
 * `patience` evaluations in a row (paper, §4: "when the validation error plateaus"). An equal error is none that fell.
 *
 * @param error by `evaluation.metric`: in percent, or the loss
 */
export function afterEvaluation(
  schedule: ScheduleConfig,
  state: ScheduleState,
  error: number,
): ScheduleState {
  if (schedule.type !== 'plateau') return state;
  const { best } = state;
  const better = best === null || (error < best && best - error >= schedule.threshold - ROUNDING);
  if (better) return { ...state, best: error, waited: 0 };
  if (state.waited + 1 < schedule.patience) return { ...state, waited: state.waited + 1 };
  return { ...state, scale: state.scale * schedule.factor, waited: 0 };
}
