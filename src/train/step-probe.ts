import type { Gradient } from '../relay/layer.js';
import type { MicroBatch } from '../relay/step.js';

/** Looks at one training step without taking part in it. */
export interface StepProbe {
  /**
   * Before the step's own pass over a micro-batch.
   *
   * @param batch its images are borrowed
   */
  microBatch(batch: MicroBatch, microBatch: number): void;
  /** After the last micro-batch's probe, before clipping and the parameter's update: of the whole batch, borrowed. */
  gradient(gradient: Gradient): void;
}
