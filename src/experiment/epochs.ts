import type { Duration } from '../config/duration.js';
import type { ImageIndex } from '../data/index/image-index.js';
import { epochSize, type SamplerSpec, specOf } from '../data/sampling/sampler.js';
import type { ExperimentPlan } from './experiment-plan.js';
import { type PaceSize, Timeline } from './timeline.js';

/** How long an epoch is: what the sampler says, rounded up to whole batches. */
export function paceSize(plan: ExperimentPlan, images: ImageIndex): PaceSize {
  const { batchSize } = plan.config.training;
  const draws = epochSize(
    sampler(plan, () => 1),
    images,
  );
  return { stepsPerEpoch: Math.ceil(draws / batchSize), batchSize, images: images.count };
}

/** The time of a training that begins with these images. */
export const beginningTimeline = (plan: ExperimentPlan, images: ImageIndex): Timeline =>
  Timeline.begin(paceSize(plan, images));

/** How long the training is. */
export function lengthOf({ config }: ExperimentPlan): Duration {
  const { steps, epochs } = config.training;
  return steps === undefined ? epochs! : `${steps} steps`;
}

/** The same in steps, at least one. */
export const totalSteps = (plan: ExperimentPlan, timeline: Timeline): number =>
  Math.max(1, timeline.stepAt(lengthOf(plan)));

/** In which order the images are drawn. */
export function samplerSpec(plan: ExperimentPlan, timeline: Timeline): SamplerSpec {
  return sampler(plan, (duration = lengthOf(plan)) =>
    timeline.positionAt(Math.max(1, timeline.stepAt(duration))),
  );
}

/** @param draws how many draws a duration has; of the whole training where there is none */
function sampler(
  { config }: ExperimentPlan,
  draws: (duration: Duration | undefined) => number,
): SamplerSpec {
  return specOf(config.data.sampler, config.seed, draws);
}
