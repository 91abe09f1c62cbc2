import { type Pace, type PaceSize, Timeline } from '../experiment/timeline.js';
import type { CheckpointState } from '../run/checkpoint-state.js';

type Point = Pick<CheckpointState, 'step' | 'epoch'> & {
  paces: readonly Pace[];
  config: { training: { batchSize: number } };
};

/** The time of a training that goes on after a checkpoint, with batches and images of now. */
export function resumedTimeline(state: Point, now: PaceSize): Timeline {
  return timelineUntil(state, now).goingOn(state.step, now);
}

/** Where the pace has changed: what it was and what it is. */
export function describePaceChange(timeline: Timeline, step: number): string | null {
  const [before, now] = timeline.paces.slice(-2);
  if (!before || !now || now.step !== step) return null;
  const images =
    before.images === now.images || before.images === 0
      ? ''
      : `; the training set has ${now.images} images, not ${before.images}`;
  return `from here on an epoch has ${now.stepsPerEpoch} steps of ${now.batchSize} images, not ${Math.round(before.stepsPerEpoch)} of ${before.batchSize}${images}: going on at epoch ${now.epoch.toFixed(2)}, ${now.position} images drawn`;
}

/** Versions that kept no paces had one alone: it follows from the epochs done, which were kept with four decimals. */
function timelineUntil({ step, epoch, paces, config }: Point, now: PaceSize): Timeline {
  if (paces.length > 0) return new Timeline(paces);
  const { batchSize } = config.training;
  const isNow =
    batchSize === now.batchSize && Number((step / now.stepsPerEpoch).toFixed(4)) === epoch;
  if (step === 0 || epoch === 0 || isNow) return Timeline.begin(now);
  return Timeline.begin({ stepsPerEpoch: step / epoch, batchSize, images: 0 });
}
