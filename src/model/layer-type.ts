import type { LayerSpec } from '../config/layers.js';
import type { Engine, Tensor } from '../engine/engine.js';
import type { Layer } from '../relay/layer.js';
import type { LayerPlan, Shape } from './plan.js';

/** Where a layer is being planned. */
export interface Place {
  /** The input's shape without the batch. */
  readonly input: Shape;
  /** Key path in the config, for messages. */
  readonly path: readonly (string | number)[];
  /** A segment or layer around it is frozen. */
  readonly frozen: boolean;
  /** The next stable name for a layer of this type: `conv3_1`; an explicit name takes its place. */
  name(type: string, given?: string): string;
  /** What `units: classes` stands for. */
  readonly classes: number;
  /** Plans layers one after another inside this one, named `<prefix>.conv1` and so on. */
  inside(
    prefix: string,
    specs: readonly LayerSpec[],
    frozen: boolean,
    path: readonly (string | number)[],
  ): LayerPlan[];
}

/** What a layer's forward pass can use. */
export interface Runtime {
  readonly engine: Engine;
  /** The parameter's value; borrowed. */
  parameter(name: string): Tensor;
  /** False at test time: batch normalization then uses its running statistics, and dropout passes its input on. */
  training(): boolean;
  /** Whether dropout drops; never at test time. */
  dropping(): boolean;
  /** Uniform random numbers in [0, 1) for a layer; the same for the same step and micro-batch. */
  random(layer: string): () => number;
  /** This forward pass repeats an earlier one of the same micro-batch; see `Layer.forward`. */
  readonly again: boolean;
  /** The layer inside another. */
  layer(plan: LayerPlan): Layer;
}

/** What to plan from one entry of a config's layer list, and how such a layer runs. One file per type. */
export interface LayerType<Spec, Plan extends LayerPlan> {
  /** @throws ConfigError naming the key path where sizes do not fit. */
  plan(spec: Spec, place: Place): Plan;
  forward(plan: Plan, x: Tensor, runtime: Runtime): ReturnType<Layer['forward']>;
}
