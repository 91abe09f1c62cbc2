import type { Engine } from '../engine/engine.js';
import { TrainingError } from '../errors.js';
import type { ExperimentPlan } from '../experiment/experiment-plan.js';
import { type Normalization, normalizationTensors } from '../experiment/input-normalization.js';
import { allFinite } from '../finite.js';
import type { Parameters } from '../model/parameters.js';
import { type CheckpointTensors, type TensorCheck, writeCheckpoint } from '../run/checkpoint.js';
import type { CheckpointState } from '../run/checkpoint-state.js';
import { pointTo, pruneCheckpoints } from '../run/run-checkpoints.js';
import { type RunFolder, writeResults } from '../run/run-folder.js';
import { version } from '../version.js';
import { optimizerTensors } from './optimizer-state.js';

/** What to do about numbers that are not finite, where there is a checkpoint that does not have them. */
export const DIVERGED =
  'no checkpoint was written, earlier ones are untouched; lower optimizer.lr, add schedule.warmup, or check data.mean and data.std';

/** What of a training a checkpoint is made of. */
export interface CheckpointParts {
  readonly plan: ExperimentPlan;
  readonly engine: Engine;
  readonly parameters: Parameters;
  readonly normalization: Normalization;
  /** What is known besides: progress, epoch, paces, classes, how paths were written. */
  readonly state: Omit<CheckpointState, 'formatVersion' | 'relaybp' | 'seed' | 'engine' | 'config'>;
}

/**
 * Writes a checkpoint of the step, lets `last` name it, and removes those that are no longer kept.
 *
 * @param best the lines of `validation.csv` if this is the best evaluation so far, which `best` then names
 * @returns its path
 * @throws TrainingError if a value is not finite, CheckpointError if it cannot be written; both change nothing
 */
export function saveCheckpoint(
  run: RunFolder,
  saved: CheckpointParts,
  best: string | null,
): string {
  const { plan, parameters, normalization } = saved;
  const { config } = plan;
  const { name, library, device, precision } = saved.engine.info;
  const state: CheckpointState = {
    formatVersion: 1,
    relaybp: version,
    ...saved.state,
    seed: config.seed,
    engine: { name, library, device, precision },
    config,
  };
  const tensors: CheckpointTensors = {
    weights: parameters.snapshot(),
    optimizer: optimizerTensors(config.optimizer, parameters),
    ...(config.optimizer.ema ? { ema: parameters.snapshotSlot('ema') } : {}),
    normalization: normalizationTensors(normalization),
  };
  const path = writeCheckpoint(run.path, state, tensors, expectFiniteAt(state.step));
  run.keepConfig();
  pointTo(run.path, 'last', path);
  if (best !== null) {
    writeResults(path, best);
    pointTo(run.path, 'best', path);
  }
  pruneCheckpoints(run.path, config.checkpoint.keep, state.best ? [`step-${state.best.step}`] : []);
  return path;
}

const KINDS = {
  weights: 'the weight',
  optimizer: "the optimizer's state",
  ema: 'the moving average of',
  normalization: 'the normalization',
} as const;

/** Values that are not finite must not take the place of good ones. */
const expectFiniteAt =
  (step: number): TensorCheck =>
  (file, name, values) => {
    if (allFinite(values)) return;
    throw new TrainingError(`step ${step}: ${KINDS[file]} ${name} is not finite`, DIVERGED);
  };
