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
  readonly initializer: { type: 'he'; fanIn: number } | { type: 'zeros' } | { type: 'ones' };
  /** A running statistic: kept with the parameters, but it has no gradient and is not counted as one. */
  readonly state?: true;
}

interface Common {
  readonly name: string;
  readonly input: Shape;
  readonly output: Shape;
  /** Own parameters and running statistics; those of layers inside (branches, residual) are with them. */
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
/**
 * For each channel `weight * (x - mean) / sqrt(variance + epsilon) + bias`, then ReLU where asked for. Parameters in
 * this order: weight, bias, running mean, running variance. In training the statistics are the micro-batch's own;
 * at test time, and always where it is frozen, they are the running ones.
 */
export interface BatchNormPlan extends Common {
  readonly type: 'batchnorm';
  /** Share of a micro-batch's statistics in the running ones. */
  readonly momentum: number;
  readonly epsilon: number;
  readonly relu: boolean;
}
/** `x / (k + alpha / size * (sum of squares of the size channels around))^beta` */
export interface LrnPlan extends Common {
  readonly type: 'lrn';
  readonly size: number;
  readonly alpha: number;
  readonly beta: number;
  readonly k: number;
}
/** Paths side by side on the same input, joined along the channels. */
export interface BranchesPlan extends Common {
  readonly type: 'branches';
  readonly paths: readonly (readonly LayerPlan[])[];
}

/** `body(x) + shortcut(x)`, then ReLU where asked for. An empty shortcut passes its input on. */
export interface ResidualPlan extends Common {
  readonly type: 'residual';
  readonly body: readonly LayerPlan[];
  readonly shortcut: readonly LayerPlan[];
  readonly relu: boolean;
}

/** A layer of a type that was registered from outside; src/model/custom-layer.ts. */
export interface CustomPlan extends Common {
  readonly type: 'custom';
  /** The name that it was registered under. */
  readonly kind: string;
  /** As its definition made them; plain data. */
  readonly options: object;
}

export type LayerPlan =
  | ConvPlan
  | PoolPlan
  | FcPlan
  | DropoutPlan
  | ReluPlan
  | SppPlan
  | BatchNormPlan
  | LrnPlan
  | BranchesPlan
  | ResidualPlan
  | CustomPlan;

export interface NetworkPlan {
  readonly input: Shape;
  readonly classes: number;
  readonly segments: readonly { readonly name: string; readonly layers: readonly LayerPlan[] }[];
  readonly heads: readonly { readonly loss: string; readonly layers: readonly LayerPlan[] }[];
}

/** The paths inside a composite layer: chains of layers on the same input; none of another layer. */
export function pathsOf(layer: LayerPlan): readonly (readonly LayerPlan[])[] {
  if (layer.type === 'branches') return layer.paths;
  return layer.type === 'residual' ? [layer.body, layer.shortcut] : [];
}

/** A layer with every layer inside it, outermost first. */
export function flatten(layer: LayerPlan): LayerPlan[] {
  return [layer, ...pathsOf(layer).flat().flatMap(flatten)];
}

/** Parameters and running statistics. */
export function parametersOf(layers: readonly LayerPlan[]): ParameterPlan[] {
  return layers.flatMap(flatten).flatMap((layer) => layer.parameters);
}

export function trunkOf(network: NetworkPlan): LayerPlan[] {
  return network.segments.flatMap((segment) => segment.layers);
}

/** Whether a training step changes anything in this layer. */
export function isTrainable(layer: LayerPlan): boolean {
  return flatten(layer).some(
    (inner) => inner.parameters.some(({ state }) => !state) && !inner.frozen,
  );
}

export const volume = (shape: Shape): number => shape.reduce((product, size) => product * size, 1);
