import type { PoolWindow, Window } from '../engine/engine.js';

/**
 * A network as plain data: enough to rebuild it, its padding and its parameters exactly, in any framework.
 * Shapes are without the batch: `[height, width, channels]` or `[units]`.
 */

export type Shape = readonly number[];

export interface ParameterPlan {
  /** As in the checkpoint: `conv1_1.weight`. */
  readonly name: string;
  readonly shape: Shape;
  readonly axes: readonly string[];
  /** `he`: normal with standard deviation `sqrt(2 / fanIn)`. */
  readonly initializer: { type: 'he'; fanIn: number } | { type: 'zeros' };
}

interface Common {
  readonly name: string;
  readonly input: Shape;
  readonly output: Shape;
  /** Own parameters; those of layers inside (branches) are with them. */
  readonly parameters: readonly ParameterPlan[];
  /** Of one image's forward pass, layers inside included. */
  readonly multiplyAdds: number;
  /** The parameters are not trained. */
  readonly frozen: boolean;
}

export interface ConvPlan extends Common {
  readonly type: 'conv';
  readonly window: Window;
  readonly relu: boolean;
}
export interface PoolPlan extends Common {
  readonly type: 'maxpool' | 'avgpool';
  readonly window: PoolWindow;
}
/** Reads its input flattened row-major: height, width, channels. */
export interface FcPlan extends Common {
  readonly type: 'fc';
  readonly relu: boolean;
}
export interface DropoutPlan extends Common {
  readonly type: 'dropout';
  readonly rate: number;
}
export interface ReluPlan extends Common {
  readonly type: 'relu';
}
/** Spatial pyramid pooling: each level max-pooled to bins x bins and flattened row-major, then joined in order. */
export interface SppPlan extends Common {
  readonly type: 'spp';
  readonly levels: readonly { readonly bins: number; readonly window: PoolWindow }[];
}
/** Paths side by side on the same input, joined along the channels. */
export interface BranchesPlan extends Common {
  readonly type: 'branches';
  readonly paths: readonly (readonly LayerPlan[])[];
}

export type LayerPlan =
  | ConvPlan
  | PoolPlan
  | FcPlan
  | DropoutPlan
  | ReluPlan
  | SppPlan
  | BranchesPlan;

export interface NetworkPlan {
  readonly input: Shape;
  readonly classes: number;
  readonly segments: readonly { readonly name: string; readonly layers: readonly LayerPlan[] }[];
  readonly heads: readonly { readonly loss: string; readonly layers: readonly LayerPlan[] }[];
}

/** A layer with every layer inside it, outermost first. */
export function flatten(layer: LayerPlan): LayerPlan[] {
  return layer.type === 'branches' ? [layer, ...layer.paths.flat().flatMap(flatten)] : [layer];
}

export function parametersOf(layers: readonly LayerPlan[]): ParameterPlan[] {
  return layers.flatMap(flatten).flatMap((layer) => layer.parameters);
}

export function trunkOf(network: NetworkPlan): LayerPlan[] {
  return network.segments.flatMap((segment) => segment.layers);
}

/** Whether a training step changes anything in this layer. */
export function isTrainable(layer: LayerPlan): boolean {
  return flatten(layer).some((inner) => inner.parameters.length > 0 && !inner.frozen);
}

export const volume = (shape: Shape): number => shape.reduce((product, size) => product * size, 1);
