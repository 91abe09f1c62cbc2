import { withOverrides } from '../config/load.js';
import type { Preprocessing } from '../data/images/preprocessing.js';
import type { Engine, PrecisionChoice } from '../engine/engine.js';
import { CheckpointError } from '../errors.js';
import { DenseNetwork } from '../eval/dense-network.js';
import { planExperiment } from '../experiment/experiment-plan.js';
import { readNormalization } from '../experiment/input-normalization.js';
import { type Checkpoint, weightsOf } from '../run/checkpoint.js';
import { chooseCheckpoint } from '../run/choose.js';
import { newestRun } from '../run/run-folder.js';
import { type CheckpointChoice, MODEL_DEFAULTS } from './defaults.js';
import type { EngineOptions } from './options.js';

/** Options of every command that runs trained networks. */
export interface ModelOptions extends EngineOptions {
  precision?: PrecisionChoice;
  /** Which checkpoint of a run. */
  checkpoint?: CheckpointChoice;
  /** Test with the moving average of the weights. */
  ema?: boolean;
  batchSize?: number;
}

/** A trained network, ready to score images. `close` frees it. */
export interface Model {
  checkpoint: Checkpoint;
  preprocessing: Preprocessing & { crop: number };
  network: DenseNetwork;
  /** Whose head is the network's output. */
  loss: string;
  batchSize: number;
  /** May be called more than once. */
  close(): void;
}

/** @throws CheckpointError if its weights are damaged */
export function openModel(
  checkpoint: Checkpoint,
  engine: Engine,
  options: Pick<ModelOptions, 'ema' | 'batchSize'>,
): Model {
  const { path, state } = checkpoint;
  const plan = planExperiment(withOverrides(state.config, `${path}/state.json`));
  const { config, microBatch } = plan;
  const normalization = checkpoint.tensors('normalization');
  const { preprocessing } = readNormalization(config.data, normalization, path);
  const weights = weightsOf(checkpoint, { ema: options.ema ?? false });
  const loss = plan.primary.name;
  const network = new DenseNetwork(engine, config, plan.network, loss, weights);
  return {
    checkpoint,
    preprocessing: { ...preprocessing, crop: config.data.crop },
    network,
    loss,
    batchSize: options.batchSize ?? config.evaluation.batchSize ?? microBatch,
    close: () => network.dispose(),
  };
}

/**
 * The checkpoint of a run folder, a checkpoint itself, or without a target that of the newest run. In place of a
 * damaged `last` the newest intact one, with a notice.
 */
export function checkpointOf(
  target: string | undefined,
  { checkpoint: which = MODEL_DEFAULTS.checkpoint, ema }: Pick<ModelOptions, 'checkpoint' | 'ema'>,
  notice: (line: string) => void,
): Checkpoint {
  const run = target ?? newestRun();
  if (run === undefined) {
    throw new CheckpointError(
      'no run with a checkpoint under runs/',
      'name one: relaybp eval <run>',
    );
  }
  const needs = ['normalization', ema ? 'ema' : 'weights'] as const;
  const { checkpoint } = chooseCheckpoint(run, which, notice, needs);
  if (target === undefined) notice(`evaluating the newest run: ${checkpoint.path}`);
  return checkpoint;
}
