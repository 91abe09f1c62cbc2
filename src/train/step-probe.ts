import type { Tensor } from '../engine/engine.js';

/** Looks at one training step without taking part in it. */
export interface StepProbe {
  /**
   * After the step's own pass over a micro-batch.
   *
   * @param images `[size, height, width, channels]`, borrowed
   * @param labels `[size]`; -1 does not count
   */
  microBatch(images: Tensor, labels: Int32Array, microBatch: number): void;
  /** Before clipping and the update. @param gradients of the whole batch by parameter, borrowed */
  gradients(gradients: ReadonlyMap<string, Tensor>): void;
}
