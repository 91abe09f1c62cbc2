import { amountOf, isInSteps } from '../config/duration.js';
import type { ScheduleConfig } from '../config/experiment-schema.js';
import type { LoadedConfig } from '../config/load.js';
import type { Metric } from '../config/metric.js';
import { ConfigError } from '../errors.js';
import { type Durations, decaysUntil } from '../experiment/decays.js';
import type { Timeline } from '../experiment/timeline.js';

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

/** @throws ConfigError if the schedule's lowest rate, or that of the warm-up's beginning, is above the full rate */
export function checkSchedule({ config, locate }: Pick<LoadedConfig, 'config' | 'locate'>): void {
  const { schedule, optimizer } = config;
  const { warmupFrom = 0 } = schedule;
  if (warmupFrom > optimizer.lr) {
    throw new ConfigError(
      `${locate(['schedule', 'warmupFrom'])}: schedule.warmupFrom: ${warmupFrom} is above optimizer.lr, ${optimizer.lr} (${locate(['optimizer', 'lr'])}): the warm-up would fall to it`,
      'lower schedule.warmupFrom, or raise optimizer.lr',
    );
  }
  if (!('minimum' in schedule) || schedule.minimum <= optimizer.lr) return;
  throw new ConfigError(
    `${locate(['schedule', 'minimum'])}: schedule.minimum: ${schedule.minimum} is above optimizer.lr, ${optimizer.lr} (${locate(['optimizer', 'lr'])}): the rate would rise to it`,
    'lower schedule.minimum, or raise optimizer.lr',
  );
}

/**
 * The learning rate of step `step` (0 first).
 *
 * With warm-up the rate first rises linearly, `lr * (step + 1) / warmup`, or from `warmupFrom` at step 0; the schedule
 * itself counts from step 0 for `step`, `multistep` and `plateau`, and from the end of the warm-up for `poly` and
 * `cosine`, unless they go `over` all. `per: epoch` is the rate of the epoch's first step throughout it.
 */
export function learningRate(
  schedule: ScheduleConfig,
  base: number,
  step: number,
  durations: Durations,
  state: ScheduleState,
): number {
  const { timeline, length } = durations;
  const { warmup, warmupFrom } = schedule;
  const epoch = Math.floor(timeline.epochAt(step) + EPOCH_ROUNDING);
  const byEpoch = schedule.per === 'epoch';
  const at = byEpoch ? timeline.stepAt(epoch) : step;
  if (at < timeline.stepAt(warmup)) {
    const next = byEpoch ? timeline.stepAt(epoch + 1) : step + 1;
    return warmupFrom === undefined
      ? base * timeline.share(0, warmup, next)
      : warmupFrom + (base - warmupFrom) * timeline.share(0, warmup, at);
  }
  const start = 'over' in schedule && schedule.over === 'all' ? 0 : warmup;
  const progress = timeline.share(start, length, at);
  const floor = 'minimum' in schedule ? Math.min(base, schedule.minimum) : 0;
  switch (schedule.type) {
    case 'constant':
      return base;
    case 'step':
    case 'multistep':
      return base * schedule.factor ** decays(schedule, at, byEpoch ? epoch : null, timeline);
    case 'plateau':
      return Math.max(floor, base * state.scale);
    case 'poly':
      return base * (1 - progress) ** schedule.power;
    case 'cosine':
      return floor + (base - floor) * 0.5 * (1 + Math.cos(Math.PI * progress));
  }
}

/** Steps are whole numbers, epochs sums of fractions. */
const EPOCH_ROUNDING = 1e-9;

/** @param epoch where an interval of epochs is counted in them, so that it need not be a whole number of steps; else null */
function decays(
  schedule: Extract<ScheduleConfig, { type: 'step' | 'multistep' }>,
  step: number,
  epoch: number | null,
  timeline: Timeline,
): number {
  if (epoch === null || schedule.type !== 'step' || isInSteps(schedule.every)) {
    return decaysUntil(schedule, step, timeline);
  }
  const every = amountOf(schedule.every);
  return Math.round((epoch - (epoch % every)) / every);
}

/** Errors are differences of percentages: what rounding of these may take off a fall of exactly `threshold`. */
const ROUNDING = 1e-9;

/**
 * Takes note of an evaluation. `plateau` divides the rate once the error has not fallen, by at least `threshold`, for
 * `patience` evaluations in a row (paper, §4: "when the validation error plateaus"). An equal error is none that fell.
 *
 * @param error by `metric`: in percent, or the loss
 * @param now.warming whether the warm-up is not over, or over only now: such an evaluation does not count
 */
export function afterEvaluation(
  schedule: ScheduleConfig,
  state: ScheduleState,
  error: number,
  { metric, warming }: { metric: Metric; warming: boolean },
): ScheduleState {
  if (schedule.type !== 'plateau' || warming) return state;
  const { best } = state;
  const better = best === null || (error < best && isEnough(schedule, best, error, metric));
  if (better) return { ...state, best: error, waited: 0 };
  if (state.waited + 1 < schedule.patience) return { ...state, waited: state.waited + 1 };
  return { ...state, scale: state.scale * schedule.factor, waited: 0 };
}

function isEnough(
  { threshold, thresholdOf }: Extract<ScheduleConfig, { type: 'plateau' }>,
  best: number,
  error: number,
  metric: Metric,
): boolean {
  if (thresholdOf === 'points') return best - error >= threshold - ROUNDING;
  const score = metric === 'loss' ? best : 100 - best;
  return best - error > threshold * score;
}
