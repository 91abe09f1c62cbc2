import type { Rows, Tensor } from '../engine/engine.js';

/**
 * All that relay backpropagation needs to know about a layer.
 *
 * For a fixed forward pass a layer's backward is linear in the signal, the gradient of a loss with respect to the
 * layer's output. Several signals can therefore travel down side by side and part ways wherever their ranges end.
 */
export interface Layer {
  readonly name: string;
  /**
   * Borrows `x`. The caller owns `y` and must `release` the pass exactly once.
   *
   * @param again the same input went through this layer before in the same micro-batch: gives the same output and the
   *   same pass, and changes nothing else (running statistics)
   */
  forward(x: Tensor, again?: boolean): { y: Tensor; pass: Pass };
}

/** One forward pass through a layer, remembered for going backward through it. */
export interface Pass {
  /**
   * Sends signals down through the layer; takes them over. Signals need not come together: those that come first
   * wait inside for the parameters' gradient, and go on below at once.
   *
   * @param signals gradients with respect to the output, each of the output's shape
   * @param carry for each signal, whether it goes on below this layer
   * @param gradients receives the gradient of every parameter, of the *sum* of all signals that ever came, after the
   *   input gradients are taken: it may change the parameters. `later` if more signals come, null if none is wanted
   * @returns one input gradient per carried signal (null for the others); the caller owns them
   */
  backward(
    signals: readonly Tensor[],
    carry: readonly boolean[],
    gradients: GradientSink | 'later' | null,
  ): (Tensor | null)[];
  release(): void;
}

export interface GradientSink {
  /** Whether gradients may come in rows, where that saves memory. */
  readonly inRows: boolean;
  /** Other signals come through the same pass after these, for gradients of their own. */
  readonly more?: boolean;
  /** Borrows the gradient's value. */
  take(gradient: Gradient): void;
}

/** The gradient of one parameter, named as in the checkpoint. */
export interface Gradient {
  readonly parameter: string;
  readonly value: Tensor;
  /** The value is these rows of it; the others come by themselves. Without it the value is the whole. */
  readonly rows?: Rows;
}
