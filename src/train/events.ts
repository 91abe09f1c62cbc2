import type { HeadResult } from '../eval/evaluate.js';

/** What a training tells whoever watches it. The trainer itself prints nothing. */
export interface TrainEvents {
  /** Before the first step. */
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
}

export interface LoggedRow extends StepProgress {
  top5: number;
}

/** Tells two watchers of everything; the second may leave out what it does not want to know. */
export function both(first: TrainEvents, second: Partial<TrainEvents>): TrainEvents {
  return {
    start: (facts) => {
      first.start(facts);
      second.start?.(facts);
    },
    step: (progress) => {
      first.step(progress);
      second.step?.(progress);
    },
    logged: (row) => {
      first.logged(row);
      second.logged?.(row);
    },
    evaluating: (images, total) => {
      first.evaluating(images, total);
      second.evaluating?.(images, total);
    },
    evaluated: (...result) => {
      first.evaluated(...result);
      second.evaluated?.(...result);
    },
    checkpoint: (path) => {
      first.checkpoint(path);
      second.checkpoint?.(path);
    },
    notice: (line) => {
      first.notice(line);
      second.notice?.(line);
    },
  };
}
