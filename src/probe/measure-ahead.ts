import type { ImageIndex } from '../data/index/image-index.js';
import type { Normalization } from '../experiment/input-normalization.js';
import type { Timeline } from '../experiment/timeline.js';
import { trainingLoader } from '../experiment/training-loader.js';
import type { SignalRow } from '../run/signal-row.js';
import type { SignalMoment } from '../train/signal-meter.js';
import { measureSignals } from './measure-signals.js';

/** What a training draws its batches from. */
export interface TrainingImages {
  readonly train: ImageIndex;
  readonly normalization: Normalization;
  readonly timeline: Timeline;
}

/** Signals at a moment of a training, over the batches that it takes next: by a loader that is there for this alone. */
export async function measureAhead(
  { train, normalization, timeline }: TrainingImages,
  { position, onBatch, ...moment }: SignalMoment,
  batches: number,
): Promise<SignalRow> {
  const options = { timeline, cacheBytes: 0 }; // no image comes a second time
  const loader = trainingLoader(moment.plan, train, normalization, position, options);
  try {
    return await measureSignals(
      { ...moment, next: async () => (await loader.next())! },
      batches,
      onBatch,
    );
  } finally {
    await loader.close();
  }
}
