import type { ImageIndex } from '../data/image-index.js';
import { Loader, type LoaderOptions } from '../data/loader.js';
import type { ExperimentPlan } from '../plan/experiment.js';
import { augmentation, type Normalization } from './data.js';
import { samplerSpec } from './sampling.js';

/**
 * The stream of training images of a config, in micro-batches, decoded ahead for two steps where that is not too much.
 *
 * @param position images drawn before
 */
export function trainingLoader(
  plan: ExperimentPlan,
  images: ImageIndex,
  normalization: Normalization,
  position: number,
  options: Pick<LoaderOptions, 'cacheBytes'> = {},
): Loader {
  const { config, microBatch } = plan;
  return new Loader({
    dataset: images,
    sampler: samplerSpec(plan, images),
    start: position,
    slot: microBatch,
    slots: Math.min(8, Math.max(4, Math.ceil((2 * config.training.batchSize) / microBatch))),
    preprocessing: normalization.preprocessing,
    augment: augmentation(config.data, normalization),
    seed: config.seed,
    onError: config.data.onError,
    ...options,
  });
}
