import { isInSteps } from '../config/duration.js';
import { beginningTimeline, lengthOf, totalSteps } from '../experiment/epochs.js';
import type { ExperimentPlan } from '../experiment/experiment-plan.js';
import { hungriest } from '../experiment/moment.js';
import { memoryPlan } from '../experiment/step-memory.js';
import { Timeline } from '../experiment/timeline.js';
import { totals, trainingMultiplyAdds } from '../plan/cost.js';
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
  const timeline = timelineOf(plan, images);
  const steps = timeline && totalSteps(plan, timeline);
  const training = timeline && steps && batchSize * trainingMultiplyAdds(plan, steps, timeline);
  const tested = 'val' in images ? evaluatedImages(plan, images, steps ?? 0) : 0;
  const forward = counted.multiplyAdds + counted.auxiliaryMultiplyAdds;
  return {
    stepMultiplyAdds: counted.step.multiplyAdds,
    relativeToStandardBp: counted.relativeToStandardBp,
    testMultiplyAdds: counted.multiplyAdds,
    steps,
    multiplyAdds: training === null ? null : training + tested * forward,
    memory: memoryPlan(hungriest(plan)).peak,
  };
}

/** Null where times are in epochs, and nobody says how many images there are. */
function timelineOf(plan: ExperimentPlan, images: StudyImages | Missing): Timeline | null {
  if ('train' in images) return beginningTimeline(plan, images.train);
  const { training } = images;
  const times = [lengthOf(plan), ...plan.phases.slice(1).map(({ from }) => from)];
  if (training === null && !times.every(isInSteps)) return null;
  const { batchSize } = plan.config.training;
  const stepsPerEpoch = Math.ceil((training ?? batchSize) / batchSize);
  return Timeline.begin({ stepsPerEpoch, batchSize, images: training ?? batchSize });
}

/** Over all evaluations of a training. */
function evaluatedImages(plan: ExperimentPlan, images: StudyImages, steps: number): number {
  const timeline = beginningTimeline(plan, images.train);
  const every = Math.max(1, timeline.stepAt(plan.config.evaluation.every));
  return Math.ceil(steps / every) * images.val.count;
}
