import type { z } from 'zod';
import type { Engine, Shape, Tensor } from '../../engine/engine.js';
import type { Layer } from '../../relay/layer.js';
import type { ChannelAffine, Constant, GraphPlace } from './graph-builder.js';
import type { LayerMemory } from './layer-memory.js';
import type { AnyLayerPlan } from './layer-plan.js';
import type { Arrival, WeightLayout } from './weight-layout.js';

/**
 * All that relaybp knows about a type of layer: what a config says of it, what is planned from that, how it runs, what
 * its backward pass keeps, and how it is described, exported, tested at other sizes and imported. One file per type;
 * `layerTypes` lists them, and everything else looks up there.
 */
export interface LayerType<Spec, Plan extends AnyLayerPlan = AnyLayerPlan>
  extends LayerTraits<Plan> {
  /** What it is, for editors and docs/config.md. */
  readonly about: string;
  /**
   * What a config says under its key.
   *
   * @param layers a list of layers, for types that hold others
   */
  schema(layers: z.ZodType<LayerEntry[]>): z.ZodType<Spec>;
  /**
   * A list where an entry stands for several layers, each reading what the one before gives.
   *
   * @throws ConfigError naming the key path where sizes do not fit.
   */
  plan(spec: Spec, place: Place): Plan | readonly AnyLayerPlan[];
  forward(plan: Plan, x: Tensor, runtime: LayerRuntime): ReturnType<Layer['forward']>;
  /** The paths inside a composite layer: chains of layers on the same input. */
  paths?(plan: Plan): readonly (readonly AnyLayerPlan[])[];
  /** In training it uses the statistics of a micro-batch, unless it is frozen. */
  readonly batchStatistics?: true;
}

/** What a type says of itself besides; a type from outside need not. */
export interface LayerTraits<Plan extends AnyLayerPlan> {
  /** In a few words, for the table of `relaybp plan`: `conv 3x3 relu`. */
  describe(plan: Plan): string;
  /** What a pass keeps until its backward pass, to predict the memory of a step. */
  memory(plan: Plan, inside: (layer: AnyLayerPlan) => LayerMemory): LayerMemory;
  /**
   * The layer as it computes at test time, for other programs; what leaves it.
   *
   * @throws ExportError if they cannot express it
   */
  graph<V>(plan: Plan, x: V, place: GraphPlace<V>): V;
  /** What it computes at test time where that is one affine map per channel, else null; a layer before takes it in. */
  affine?(plan: Plan, constant: (name: string) => Constant): ChannelAffine | null;
  /**
   * The layer in a network that runs on images of another size than in training, where another shape arrives than in
   * training. Without it: as planned for that size; where a map arrives and a vector was planned, the same at each
   * position of the map.
   *
   * @param trained as planned for the size of training; its parameters are those that there are
   * @param planned as planned for the other size
   * @param input the shape that really arrives: a map where training had a vector, if a fc became a convolution
   * @returns a plan with the parameters of `trained`, which may be of other shapes with as many values
   * @throws ConfigError if it cannot take such an input
   */
  dense?(trained: Plan, planned: Plan, input: Shape, place: DensePlace): AnyLayerPlan;
  /** How other programs lay out the values of a parameter; null, and without it: as relaybp does. */
  layout?(plan: Plan, parameter: string): WeightLayout | null;
  /**
   * What leaves the layer, to know in which order other programs flatten it. Without it: its map, or what arrives.
   *
   * @param inside the same for a path inside it
   */
  leaving?(
    plan: Plan,
    arriving: Arrival,
    inside: (path: readonly AnyLayerPlan[], arriving: Arrival) => Arrival,
  ): Arrival;
}

/** Where a layer is planned for images of another size. */
export interface DensePlace {
  /** Number of classes of the data. */
  readonly classes: number;
  /** The same as `dense` for a chain of layers inside it. */
  inside(
    trained: readonly AnyLayerPlan[],
    planned: readonly AnyLayerPlan[],
    input: Shape,
  ): AnyLayerPlan[];
}

/** An entry of a layer list: exactly one key, the layer's type, has a value. */
export type LayerEntry = Readonly<Record<string, unknown>>;

type Path = readonly (string | number)[];

/** Where a layer is being planned. */
export interface Place {
  /** The input's shape without the batch. */
  readonly input: Shape;
  /** Key path in the config, for messages. */
  readonly path: Path;
  /** A segment or layer around it is frozen. */
  readonly frozen: boolean;
  /** Of the learning rate: the factors of the segment and of the layers around it, multiplied. */
  readonly lrFactor: number;
  /** The next stable name for a layer of this type: `conv3_1`; an explicit name takes its place. */
  name(type: string, given?: string): string;
  /** What `units: classes` stands for. */
  readonly classes: number;
  /** Plans layers one after another inside this one, named `<prefix>.conv1` and so on. */
  inside(
    prefix: string,
    entries: readonly LayerEntry[],
    at: Pick<Place, 'input' | 'path' | 'frozen' | 'lrFactor'>,
  ): AnyLayerPlan[];
}

/** What a layer's forward pass can use. */
export interface LayerRuntime {
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
  layer(plan: AnyLayerPlan): Layer;
}
