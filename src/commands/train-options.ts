import type { Metric } from '../config/metric.js';
import type { BestEvaluation } from '../run/best-evaluation.js';
import type { ChangeOptions } from '../train/config-changes.js';
import type { TrainEvents } from '../train/events.js';
import type { TrainResult } from '../train/trainer.js';
import type { Hooks } from './hooks.js';
import type { ConfigOptions, EngineOptions } from './options.js';

export interface TrainCommandOptions extends ConfigOptions, EngineOptions, ChangeOptions {
  /** Run folder; `runs/<name>-<date>` unless given. */
  out?: string;
  /** Go on with a run: `last`, `best`, or the path of a run or a checkpoint. */
  resume?: string;
  /** Stop after this step. */
  maxSteps?: number;
  /** Three steps, a small evaluation, one checkpoint. */
  fastDevRun?: boolean;
  /** Seconds that a rank waits for others, where several train together; default: `RANK_TIMEOUT`. */
  rankTimeout?: number;
  /** Make the index of the images anew, whatever is kept. */
  rebuildIndex?: boolean;
  /** What was typed, for the run's sessions; default: nothing was. */
  command?: string | null;
}

export interface TrainHooks extends Hooks {
  /** Told of what happens while it trains; `notice` has the same lines as that of all commands. */
  readonly events?: Partial<TrainEvents>;
}

export interface TrainCommandResult extends Omit<TrainResult, 'best'> {
  /** Done this time; none where nothing was left to do. */
  steps: number;
  /** Spent on it this time. */
  seconds: number;
  best: BestEvaluation | null;
  /** What it is the best by. */
  metric: Metric;
}

/** A few steps, a little evaluation, one checkpoint: does everything work? */
export const FAST = { steps: 3, images: 64 };
