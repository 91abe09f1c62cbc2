import type { HeadResult } from '../eval/evaluate.js';
import type { GradientRow } from '../run/gradient-row.js';
import type { MetricsRow } from '../run/rows.js';

/** What a training tells whoever watches it. The trainer itself prints nothing. */
export interface TrainEvents {
  /** Before the first step, when the run folder is open. */
  start(facts: TrainFacts): void;
  /** After every step. */
  step(progress: StepProgress): void;
  /** Every `training.logEvery`; means over the steps since the last one. */
  logged(row: LoggedRow): void;
  evaluating(images: number, total: number): void;
  evaluated(
    step: number,
    epoch: number,
    heads: Map<string, HeadResult>,
    seconds: number,
    best: boolean,
  ): void;
  /** After a row of metrics.jsonl is written (docs/run-folder.md). */
  metrics(row: MetricsRow): void;
  /** After a row of gradients.jsonl is written. */
  gradients(row: GradientRow): void;
  checkpoint(path: string): void;
  /** A line that the user should see once. */
  notice(line: string): void;
}

/** What is known before the first step. */
export interface TrainFacts {
  /** The run folder. */
  run: string;
  /** Steps done before, by a training that was stopped. */
  step: number;
  /** The step that this training ends at: by `maxSteps` before the end of the whole one. */
  totalSteps: number;
  /** Steps of the whole training, as the config has it. */
  wholeSteps: number;
  /** After `step` and `totalSteps`. */
  epoch: number;
  epochs: number;
  /** For training. */
  images: number;
  engine: string;
  /** Name of the loss whose head is the network's output. */
  primary: string;
}

export interface StepProgress {
  step: number;
  totalSteps: number;
  epoch: number;
  lr: number;
  /** Of the primary head, percent, over the last steps. */
  top1: number;
  /** Of the primary head. */
  loss: number;
  /** Of every head. */
  losses: Map<string, number>;
  imagesPerSecond: number;
  /** Share of the time spent waiting for data, 0 to 1. */
  dataWait: number;
  /** Share of the time spent waiting for other ranks, 0 to 1; 0 for a process alone. */
  rankWait: number;
}

export interface LoggedRow extends StepProgress {
  top5: number;
  /** Of the losses whose weight changes over the training, in the last step. */
  weights: Map<string, number>;
  /** Of several ranks, by rank: what each waited for. */
  ranks?: readonly RankRates[];
}

/** Shares of the time, 0 to 1. */
export interface RankRates {
  rank: number;
  host: string;
  dataWait: number;
  rankWait: number;
}

/** Tells several watchers of everything, in their order; each may leave out what it does not want to know. */
export function together(watchers: readonly Partial<TrainEvents>[]): TrainEvents {
  const all = (tell: (watcher: Partial<TrainEvents>) => void): void => watchers.forEach(tell);
  return {
    start: (facts) => all((one) => one.start?.(facts)),
    step: (progress) => all((one) => one.step?.(progress)),
    logged: (row) => all((one) => one.logged?.(row)),
    evaluating: (images, total) => all((one) => one.evaluating?.(images, total)),
    evaluated: (...result) => all((one) => one.evaluated?.(...result)),
    metrics: (row) => all((one) => one.metrics?.(row)),
    gradients: (row) => all((one) => one.gradients?.(row)),
    checkpoint: (path) => all((one) => one.checkpoint?.(path)),
    notice: (line) => all((one) => one.notice?.(line)),
  };
}
