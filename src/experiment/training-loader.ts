import type { ImageIndex } from '../data/index/image-index.js';
import { Loader, type LoaderOptions } from '../data/loader/loader.js';
import { beginningTimeline, samplerSpec } from './epochs.js';
import { type ExperimentPlan, microBatchesPerRank } from './experiment-plan.js';
import type { Normalization } from './input-normalization.js';
import type { Timeline } from './timeline.js';
import { augmentation } from './training-augmentation.js';

/**
 * The stream of training images of a config, in micro-batches, decoded ahead for two steps where that is not too much.
 *
 * @param position images drawn before
 * @param options.rank whose part of each batch it is
 * @param options.timeline of a training that goes on
 */
export function trainingLoader(
  plan: ExperimentPlan,
  images: ImageIndex,
  normalization: Normalization,
  position: number,
  options: Pick<LoaderOptions, 'cacheBytes'> & { rank?: number; timeline?: Timeline } = {},
): Loader {
  const { config, microBatch } = plan;
  const { timeline = beginningTimeline(plan, images), rank = 0, ...rest } = options;
  const perTurn = microBatchesPerRank(plan);
  return new Loader({
    dataset: images,
    sampler: samplerSpec(plan, timeline),
    start: position,
    batchSize: microBatch,
    share: { rank, ranks: plan.ranks, perTurn },
    buffers: Math.min(8, Math.max(4, Math.ceil(2 * perTurn))),
    preprocessing: normalization.preprocessing,
    augment: augmentation(config.data, normalization),
    seed: config.seed,
    onError: config.data.onError,
    ...rest,
  });
}
