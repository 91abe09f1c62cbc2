import type { Tensor } from '../engine/engine.js';

/**
 * All that relay backpropagation needs to know about a layer.
 *
 * For a fixed forward pass a layer's backward is linear in the signal, the gradient of a loss with respect to the
 * layer's output. Several signals can therefore travel down side by side and part ways wherever their ranges end.
 */
export interface Layer {
  readonly name: string;
  /** Borrows `x`. The caller owns `y` and must `release` the pass exactly once. */
  forward(x: Tensor): { y: Tensor; pass: Pass };
}

/** One forward pass through a layer, remembered for going backward through it. */
export interface Pass {
  /**
   * Sends signals down through the layer; borrows them.
   *
   * @param signals gradients with respect to the output, each of the output's shape
   * @param carry for each signal, whether it goes on below this layer
   * @param parameters whether the layer's parameters are to be trained
   * @returns one input gradient per carried signal (null for the others), and one gradient per parameter, of the
   *   *sum* of all signals. The caller owns them.
   */
  backward(signals: readonly Tensor[], carry: readonly boolean[], parameters: boolean): Backward;
  release(): void;
}

export interface Backward {
  inputs: (Tensor | null)[];
  gradients: Gradient[];
}

/** The gradient of one parameter, named as in the checkpoint. */
export interface Gradient {
  parameter: string;
  value: Tensor;
}
