import { loadConfig } from '../config/load.js';
import type { ImageIndex } from '../data/index/image-index.js';
import { openEngine } from '../engine/select.js';
import { classWeightsOf } from '../experiment/class-factors.js';
import { cacheDir, indexCache } from '../experiment/data-cache.js';
import { type ExperimentPlan, planExperiment } from '../experiment/experiment-plan.js';
import { openTrainingImages } from '../experiment/images.js';
import { normalization } from '../experiment/input-normalization.js';
import { inPhase, phaseOf } from '../experiment/moment.js';
import { softTargets } from '../experiment/targets.js';
import { trainingLoader } from '../experiment/training-loader.js';
import { writeOutput } from '../files.js';
import { encodeSafetensors } from '../safetensors.js';
import { batchGradients, type HostBatch } from '../train/batch-gradients.js';
import { DEFAULT_ENGINE } from './defaults.js';
import { type Hooks, listening } from './hooks.js';
import { type ConfigOptions, checkOutput, type EngineOptions } from './options.js';

export interface GradCommandOptions extends ConfigOptions, EngineOptions {
  /** Safetensors file to write. */
  out: string;
  /** Also each loss's own gradients. */
  byLoss?: boolean;
  /** Of a training whose losses change: the number of the phase, from 1; default: the first. */
  phase?: number;
}

/**
 * `relaybp grad`: the gradients of the first training batch at the initial weights, with the batch and the weights,
 * as a safetensors file (docs/grad.md). Dropout is off, so that the numbers can be checked elsewhere; batch normalization
 * uses the statistics of each micro-batch, as in training.
 */
export async function gradCommand(
  file: string,
  options: GradCommandOptions,
  hooks: Hooks = {},
): Promise<{ tensors: number; losses: Record<string, number> }> {
  const { notice } = listening(hooks);
  const { out, byLoss = false, phase = 1, engine: choice = DEFAULT_ENGINE } = options;
  checkOutput('--out', out);
  const loaded = loadConfig(file, options.set);
  const whole = planExperiment(loaded);
  const planned = inPhase(whole, phaseOf(whole, phase));
  const { data } = planned.config;
  const images = await openTrainingImages(data, notice, indexCache({ onNotice: notice }));
  const plan = { ...planned, classWeights: classWeightsOf(loaded, images) };
  const batch = await firstBatch(plan, images, notice);
  const { precision, convolution } = plan.config;
  const engine = await openEngine(choice, { precision, convolution, onNotice: notice });
  const { tensors, losses } = batchGradients(plan, engine, batch, byLoss);
  writeOutput(out, encodeSafetensors(tensors, { config: plan.config.name }));
  return { tensors: tensors.size, losses };
}

/** The batch that training would begin with, put together from its micro-batches. */
async function firstBatch(
  plan: ExperimentPlan,
  images: ImageIndex,
  notice: (line: string) => void,
): Promise<HostBatch> {
  const { data, training } = plan.config;
  const normalized = await normalization(data, images, { cacheDir: cacheDir(), onNotice: notice });
  const loader = trainingLoader(plan, images, normalized, 0);
  const parts: HostBatch[] = [];
  try {
    for (let at = 0; at < training.batchSize; at += plan.microBatch) {
      const batch = (await loader.next())!;
      parts.push({
        images: batch.images.slice(),
        labels: batch.labels.slice(),
        targets: softTargets(batch, plan.network.classes, training.labelSmoothing),
      });
      batch.release();
    }
  } finally {
    await loader.close();
  }
  const targets = parts.flatMap((part) => part.targets ?? []);
  return {
    images: joined(parts.map(({ images }) => images)),
    labels: Int32Array.from(parts.flatMap(({ labels }) => [...labels])),
    targets: targets.length > 0 ? joined(targets) : null,
  };
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
