import type { ExperimentConfig } from '../config/experiment-schema.js';
import { printConfig } from '../config/print.js';
import type { EngineInfo } from '../engine/engine.js';
import type { ExperimentPlan } from '../experiment/experiment-plan.js';
import { lossNames } from '../experiment/moment.js';
import { newRun, RunFolder } from '../run/run-folder.js';
import type { RunLock } from '../run/run-lock.js';
import { addSession } from '../run/sessions.js';
import { rewind, setAside } from '../run/tidy.js';
import type { TrainingProgress } from '../train/standing.js';
import type { Resumed } from './resume.js';
import type { TrainingConfig } from './train-config.js';

export interface OpeningOptions {
  readonly resumed: Resumed | null;
  readonly plan: ExperimentPlan;
  readonly written: TrainingConfig['written'];
  /** The checkpoint's config, if it is another. */
  readonly before: ExperimentConfig | null;
  readonly progress: TrainingProgress;
  /** The user's choice of a folder. */
  readonly out: string | undefined;
  readonly command: string | null;
  readonly engine: EngineInfo;
  /** How many train together. */
  readonly ranks: number;
  /** Told of the lock of a new folder, at once. */
  readonly onLock: (lock: RunLock) => void;
}

/**
 * The folder of a training that is about to begin or to go on. Until then nothing in it has changed: only here is a run
 * taken back to its checkpoint.
 */
export function openRun(options: OpeningOptions): RunFolder {
  const { resumed, plan, progress, engine, command, ranks } = options;
  const from = resumed?.from;
  const losses = lossNames(plan);
  const now = printConfig(plan.config, options.written);
  let path: string;
  if (resumed) path = resumed.run;
  else {
    const { path: made, lock } = newRun(options.out, plan.config.name, new Date());
    options.onLock(lock);
    path = made;
  }
  let run: RunFolder;
  if (from) {
    setAside(path, from.damaged);
    rewind(path, from.checkpoint.path, progress);
    const before = options.before
      ? printConfig(options.before, from.checkpoint.state.written)
      : now;
    run = RunFolder.resume(path, { before, now }, losses, progress);
  } else run = RunFolder.create(path, now, losses);
  addSession(path, { step: progress.step, command, engine, ranks });
  return run;
}
