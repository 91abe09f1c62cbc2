import type { Tensor } from '../engine/engine.js';
import type { Gradient } from '../relay/layer.js';

/** Looks at one training step without taking part in it. */
export interface StepProbe {
  /**
   * Before the step's own pass over a micro-batch.
   *
   * @param images `[size, height, width, channels]`, borrowed
   * @param labels `[size]`; -1 does not count
   */
  microBatch(images: Tensor, labels: Int32Array, microBatch: number): void;
  /** After the last micro-batch's probe, before clipping and the parameter's update: of the whole batch, borrowed. */
  gradient(gradient: Gradient): void;
}
