import { toSteps } from '../config/duration.js';
import { epochSize } from '../data/epoch-size.js';
import type { ImageIndex } from '../data/image-index.js';
import type { SamplerRule, SamplerSpec } from '../data/sampler.js';
import type { ExperimentPlan } from '../plan/experiment.js';
import type { Durations } from './schedule.js';

/** How long an epoch and the training are, in steps: an epoch is what the sampler says, rounded up to whole batches. */
export function durations(plan: ExperimentPlan, images: ImageIndex): Durations {
  const { batchSize, epochs, steps } = plan.config.training;
  const stepsPerEpoch = Math.ceil(
    epochSize(
      sampler(plan, () => 1),
      images,
    ) / batchSize,
  );
  return {
    stepsPerEpoch,
    totalSteps: steps ?? Math.max(1, Math.round(epochs! * stepsPerEpoch)),
  };
}

/** In which order the images are drawn. */
export function samplerSpec(plan: ExperimentPlan, images: ImageIndex): SamplerSpec {
  return sampler(plan, (epochs) => {
    const { stepsPerEpoch, totalSteps } = durations(plan, images);
    const steps = epochs === undefined ? totalSteps : toSteps(epochs, stepsPerEpoch);
    return Math.max(1, steps) * plan.config.training.batchSize;
  });
}

/** @param draws how many draws a duration has; of the whole training where there is none */
function sampler(
  { config }: ExperimentPlan,
  draws: (duration: number | string | undefined) => number,
): SamplerSpec {
  const { seed } = config;
  const given = config.data.sampler;
  if (typeof given === 'string') return { kind: given, seed };
  if (given.kind !== 'progressive') return { ...given, seed };
  const rule: SamplerRule = { kind: 'progressive', over: draws(given.epochs) };
  return { ...rule, seed, epochSize: given.epochSize };
}
