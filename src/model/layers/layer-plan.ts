import type { Shape } from '../../engine/engine.js';

/**
 * A layer as plain data: enough to rebuild it, its padding and its parameters exactly, in any framework.
 * Shapes are without the batch: `[height, width, channels]` or `[units]`.
 */
export interface AnyLayerPlan {
  /** Its layer type's key in `layerTypes`. */
  readonly type: string;
  readonly name: string;
  readonly input: Shape;
  readonly output: Shape;
  /** Own parameters and running statistics; those of layers inside (branches, residual) are with them. */
  readonly parameters: readonly ParameterPlan[];
  /** Of one image's forward pass, layers inside included. */
  readonly multiplyAdds: number;
  /** The parameters are not trained. */
  readonly frozen: boolean;
  /** Their learning rate is so many times the schedule's; absent where it is that. */
  readonly lrFactor?: number;
}

export interface ParameterPlan {
  /** As in the checkpoint: `conv1_1.weight`. */
  readonly name: string;
  readonly shape: Shape;
  readonly axes: readonly string[];
  /** `he`: normal with standard deviation `sqrt(2 / fanIn)`. */
  readonly initializer: { type: 'he'; fanIn: number } | { type: 'zeros' } | { type: 'ones' };
  /** A running statistic: kept with the parameters, but it has no gradient and is not counted as one. */
  readonly state?: true;
}

export const volume = (shape: Shape): number => shape.reduce((product, size) => product * size, 1);
