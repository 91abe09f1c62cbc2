import type { LrnOptions, PoolWindow, Shape, Window } from '../../engine/engine.js';
import type { AnyLayerPlan } from './layer-plan.js';

/** A constant of a graph. Its values are asked for once, when they are written. */
export interface Constant {
  readonly name: string;
  readonly shape: Shape;
  read(): Float32Array;
}

/** Values per channel of a map `[height, width, channels]` or of a vector. */
export interface Affine {
  readonly scale: Constant;
  /** `[channels]`, or of the whole input's shape. */
  readonly shift: Constant;
}

/** What a layer does to each channel of its input, with a ReLU after it where asked for. */
export interface ChannelAffine extends Affine {
  readonly relu: boolean;
}

/** A layer's parameters, and whether a ReLU follows. */
export interface DenseOptions {
  weight: Constant;
  bias: Constant | null;
  relu: boolean;
}
export interface ConvOptions extends DenseOptions {
  window: Window;
}

/**
 * What a format must be able to express, in relaybp's layouts: maps are `[height, width, channels]`, filters
 * `[height, width, in, out]`, fully connected weights `[in, out]`, shapes are without the batch. `V` stands for a
 * value in the graph. `name` is unique among the nodes that compute something.
 */
export interface GraphBuilder<V> {
  conv(name: string, x: V, options: ConvOptions): V;
  dense(name: string, x: V, options: DenseOptions): V;
  pool(name: string, x: V, window: PoolWindow, input: Shape): V;
  /** `x * scale + shift` */
  affine(name: string, x: V, values: Affine, input: Shape): V;
  lrn(name: string, x: V, options: LrnOptions): V;
  relu(name: string, x: V): V;
  add(name: string, x: V, y: V): V;
  /** Along the channels. */
  concat(name: string, xs: readonly V[], output: Shape): V;
  /** A map as a vector, row-major: height, width, channels. */
  flatten(name: string, x: V, input: Shape): V;
}

/** Where a layer's graph is built. */
export interface GraphPlace<V> {
  readonly builder: GraphBuilder<V>;
  /** The values of a parameter. */
  constant(parameter: string): Constant;
  /** A path inside the layer; what leaves it. */
  inside(path: readonly AnyLayerPlan[]): V;
  /** What the layer after this one does to each channel, if it does just that: it is then done here, and left out. */
  takeAffine(): (ChannelAffine & { readonly name: string }) | null;
}
