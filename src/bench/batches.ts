import type { Batch } from '../data/loader/loader.js';
import { cacheDir, indexCache } from '../experiment/data-cache.js';
import type { ExperimentPlan } from '../experiment/experiment-plan.js';
import { openTrainingImages } from '../experiment/images.js';
import { normalization } from '../experiment/input-normalization.js';
import { trainingLoader } from '../experiment/training-loader.js';
import { volume } from '../model/layers/layer-plan.js';
import { Random } from '../random.js';

/** Where the images of a benchmark come from. */
export interface BenchBatches {
  /** The next micro-batch. */
  next(): Promise<Batch>;
  close(): Promise<void>;
}

/** The same normally distributed images and random labels again and again: nothing to decode, nothing to wait for. */
export function syntheticSource({ network, microBatch, config }: ExperimentPlan): BenchBatches {
  const random = new Random(config.seed, 'bench');
  const images = Float32Array.from({ length: microBatch * volume(network.input) }, () =>
    random.normal(),
  );
  const labels = Int32Array.from({ length: microBatch }, () => random.int(network.classes));
  const indices = Int32Array.from({ length: microBatch }, (_, i) => i);
  const batch: Batch = { images, labels, indices, size: microBatch, release() {} };
  return { next: async () => batch, close: async () => {} };
}

/**
 * The training images of the config, decoded and augmented as a training does.
 *
 * @param imageCache whether decoded images are kept in memory for the next time, as in a training
 */
export async function configSource(
  plan: ExperimentPlan,
  imageCache: boolean,
  onNotice: (line: string) => void,
): Promise<BenchBatches> {
  const { data } = plan.config;
  const indexes = indexCache({ onNotice });
  const images = await openTrainingImages(data, onNotice, indexes);
  const normalized = await normalization(data, images, { cacheDir: cacheDir(), onNotice });
  const loader = trainingLoader(plan, images, normalized, 0, imageCache ? {} : { cacheBytes: 0 });
  return {
    async next() {
      const batch = await loader.next();
      if (!batch) throw new Error('the training data ended');
      return batch;
    },
    close: () => loader.close(),
  };
}
