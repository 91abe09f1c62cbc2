import type { LrnOptions, PoolWindow, Window } from '../engine/engine.js';
import { ExportError } from '../errors.js';
import type { LayerPlan, Shape } from '../model/plan.js';
import { volume } from '../model/plan.js';
import type { NamedTensor } from '../safetensors.js';

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

/**
 * Builds a chain of layers as they compute at test time. A batch normalization right after a convolution becomes
 * part of its weights; dropout is nothing.
 */
export function buildChain<V>(
  builder: GraphBuilder<V>,
  chain: readonly LayerPlan[],
  weights: ReadonlyMap<string, NamedTensor>,
  input: V,
): V {
  const constant = (name: string): Constant => {
    const tensor = weights.get(name);
    if (!tensor) throw new Error(`no weight "${name}"`);
    return { name, shape: tensor.shape, read: () => tensor.values };
  };
  let x = input;
  for (let at = 0; at < chain.length; at++) {
    const layer = chain[at]!;
    const next = chain[at + 1];
    if (layer.type === 'conv' && !layer.relu && next?.type === 'batchnorm') {
      const [weight, bias = null] = layer.parameters.map(({ name }) => constant(name));
      const folded = fold(weight!, bias, normalization(next, constant), next.name);
      x = builder.conv(layer.name, x, { ...folded, window: layer.window, relu: next.relu });
      at += 1;
    } else
      x = buildLayer(builder, layer, constant, (path) => buildChain(builder, path, weights, x), x);
  }
  return x;
}

function buildLayer<V>(
  builder: GraphBuilder<V>,
  layer: LayerPlan,
  constant: (name: string) => Constant,
  inside: (path: readonly LayerPlan[]) => V,
  x: V,
): V {
  const { name, input, output } = layer;
  switch (layer.type) {
    case 'conv': {
      const [weight, bias = null] = layer.parameters.map((parameter) => constant(parameter.name));
      return builder.conv(name, x, { ...layer, weight: weight!, bias });
    }
    case 'fc': {
      const [weight, bias = null] = layer.parameters.map((parameter) => constant(parameter.name));
      const flat = input.length === 1 ? x : builder.flatten(`${name}_input`, x, input);
      return builder.dense(name, flat, { weight: weight!, bias, relu: layer.relu });
    }
    case 'maxpool':
    case 'avgpool':
      return builder.pool(name, x, layer.window, input);
    case 'spp': {
      const [, , channels] = input as [number, number, number];
      const levels = layer.levels.map(({ bins, window }) => {
        const pooled = builder.pool(`${name}_${bins}x${bins}`, x, window, input);
        return builder.flatten(`${name}_${bins}x${bins}_flat`, pooled, [bins, bins, channels]);
      });
      return levels.length === 1 ? levels[0]! : builder.concat(name, levels, output);
    }
    case 'batchnorm': {
      const y = builder.affine(name, x, normalization(layer, constant), input);
      return layer.relu ? builder.relu(`${name}_relu`, y) : y;
    }
    case 'lrn':
      return builder.lrn(name, x, layer);
    case 'relu':
      return builder.relu(name, x);
    case 'dropout':
      return x;
    case 'branches':
      return builder.concat(name, layer.paths.map(inside), output);
    case 'residual': {
      const sum = builder.add(name, inside(layer.body), inside(layer.shortcut));
      return layer.relu ? builder.relu(`${name}_relu`, sum) : sum;
    }
    case 'custom':
      throw new ExportError(
        `${name}: layers of your own (here "${layer.kind}") cannot be exported: other programs do not know them`,
        'take --format safetensors, which holds the weights alone',
      );
  }
}

/** Batch normalization by the running statistics: `scale = weight / sqrt(variance + epsilon)`. */
function normalization(
  layer: Extract<LayerPlan, { type: 'batchnorm' }>,
  constant: (name: string) => Constant,
): Affine {
  const [weight, bias, mean, variance] = layer.parameters.map(({ name }) => constant(name).read());
  const factors = Float64Array.from(
    weight!,
    (value, c) => value / Math.sqrt(variance![c]! + layer.epsilon),
  );
  const shape = [factors.length];
  return {
    scale: { name: `${layer.name}.scale`, shape, read: () => Float32Array.from(factors) },
    shift: {
      name: `${layer.name}.shift`,
      shape,
      read: () => Float32Array.from(factors, (factor, c) => bias![c]! - mean![c]! * factor),
    },
  };
}

/** A convolution with what follows it for each of its output channels. */
function fold(
  weight: Constant,
  bias: Constant | null,
  { scale, shift }: Affine,
  name: string,
): { weight: Constant; bias: Constant } {
  const factors = scale.read();
  const channels = factors.length;
  return {
    weight: {
      name: weight.name,
      shape: weight.shape,
      read: () => weight.read().map((value, i) => value * factors[i % channels]!),
    },
    bias: {
      name: bias?.name ?? `${name}.shift`,
      shape: [channels],
      read() {
        const before = bias?.read();
        return shift.read().map((value, c) => value + (before ? before[c]! * factors[c]! : 0));
      },
    },
  };
}

/** How pixels become input: `(pixel - mean) / std`. @param size `[height, width]` of the input */
export function inputNormalization(
  mean: ArrayLike<number>,
  std: readonly [number, number, number],
  size: readonly [number, number],
): Affine {
  const shape = mean.length === 3 ? [3] : [...size, 3];
  if (mean.length !== volume(shape)) throw new Error(`a mean of ${mean.length} values`);
  return {
    scale: { name: 'input.scale', shape: [3], read: () => Float32Array.from(std, (s) => 1 / s) },
    shift: {
      name: 'input.shift',
      shape,
      read: () => Float32Array.from(mean, (value, i) => -value / std[i % 3]!),
    },
  };
}
