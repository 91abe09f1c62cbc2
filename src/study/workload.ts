import { isInSteps, toSteps } from '../config/duration.js';
import { beginningTimeline, lengthOf, totalSteps } from '../experiment/epochs.js';
import type { ExperimentPlan } from '../experiment/experiment-plan.js';
import { memoryPlan } from '../experiment/step-memory.js';
import { totals } from '../plan/cost.js';
import type { StudyImages } from './study-data.js';

/** What a run takes, by its plan. */
export interface Workload {
  /** Of a training step, for one image. */
  readonly stepMultiplyAdds: number;
  /** Over those of standard BP on the same trunk. */
  readonly relativeToStandardBp: number;
  /** Of the network at test time, for one image. */
  readonly testMultiplyAdds: number;
  /** Optimizer steps; null where that depends on images that are not here. */
  readonly steps: number | null;
  /** Of the whole training, its evaluations included; null as `steps`. */
  readonly multiplyAdds: number | null;
  /** Predicted peak of the process, bytes. */
  readonly memory: number;
}

/** Images that are not here: how many there are for training, null if nobody says. Evaluations are not counted then. */
export interface Missing {
  readonly training: number | null;
}

export function workloadOf(plan: ExperimentPlan, images: StudyImages | Missing): Workload {
  const counted = totals(plan);
  const { batchSize } = plan.config.training;
  const steps = stepsOf(plan, images);
  const training = steps === null ? null : steps * batchSize * counted.step.multiplyAdds;
  const tested = 'val' in images ? evaluatedImages(plan, images, steps ?? 0) : 0;
  const forward = counted.multiplyAdds + counted.auxiliaryMultiplyAdds;
  return {
    stepMultiplyAdds: counted.step.multiplyAdds,
    relativeToStandardBp: counted.relativeToStandardBp,
    testMultiplyAdds: counted.multiplyAdds,
    steps,
    multiplyAdds: training === null ? null : training + tested * forward,
    memory: memoryPlan(plan).peak,
  };
}

function stepsOf(plan: ExperimentPlan, images: StudyImages | Missing): number | null {
  if ('train' in images) return totalSteps(plan, beginningTimeline(plan, images.train));
  const length = lengthOf(plan);
  const { training } = images;
  if (!isInSteps(length) && training === null) return null;
  const epoch = Math.ceil((training ?? 0) / plan.config.training.batchSize);
  return Math.max(1, toSteps(length, epoch));
}

/** Over all evaluations of a training. */
function evaluatedImages(plan: ExperimentPlan, images: StudyImages, steps: number): number {
  const timeline = beginningTimeline(plan, images.train);
  const every = Math.max(1, timeline.stepAt(plan.config.evaluation.every));
  return Math.ceil(steps / every) * images.val.count;
}
