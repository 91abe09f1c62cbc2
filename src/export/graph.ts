import type { Affine, Constant, GraphBuilder } from '../model/layers/graph-builder.js';
import { type AnyLayerPlan, volume } from '../model/layers/layer-plan.js';
import { layerType } from '../model/layers/table.js';
import { parametersOf } from '../model/network-plan.js';
import type { ExportModel } from './exported-model.js';

/**
 * Builds the network as it computes at test time, from normalized images to logits: a map of scores is averaged over
 * its positions.
 */
export function buildNetwork<V>(
  builder: GraphBuilder<V>,
  { chain, weights, graph }: Pick<ExportModel, 'chain' | 'weights' | 'graph'>,
  input: V,
): V {
  // A weight may be a reshaped view: a fully connected layer is a convolution at other sizes.
  const shapes = new Map(parametersOf(chain).map(({ name, shape }) => [name, shape]));
  const constant = (name: string): Constant => {
    const tensor = weights.get(name);
    if (!tensor) throw new Error(`no weight "${name}"`);
    return { name, shape: shapes.get(name) ?? tensor.shape, read: () => tensor.values };
  };
  const scores = buildChain({ builder, constant, fold: graph.foldBatchNorm }, chain, input);
  const output = chain.at(-1)!.output;
  if (output.length === 1) return scores;
  const [rows, columns, classes] = output as [number, number, number];
  const window = {
    kind: 'average',
    kernel: [rows, columns],
    stride: [1, 1],
    padding: [0, 0, 0, 0],
    counted: [0, 0, 0, 0],
  } as const;
  const mean = builder.pool('scores_mean', scores, window, output);
  return builder.flatten('scores', mean, [1, 1, classes]);
}

interface Building<V> {
  readonly builder: GraphBuilder<V>;
  constant(name: string): Constant;
  /** Whether a batch normalization right after a layer with weights becomes part of them. */
  readonly fold: boolean;
}

/** Dropout is nothing. */
function buildChain<V>(building: Building<V>, chain: readonly AnyLayerPlan[], input: V): V {
  const { builder, constant, fold } = building;
  let x = input;
  for (let at = 0; at < chain.length; at++) {
    const layer = chain[at]!;
    const next = chain[at + 1];
    let taken = 0;
    const arriving = x;
    x = layerType(layer).graph(layer, arriving, {
      builder,
      constant,
      inside: (path) => buildChain(building, path, arriving),
      takeAffine() {
        const affine = fold && next && layerType(next).affine?.(next, constant);
        if (!affine) return null;
        taken = 1;
        return { ...affine, name: next.name };
      },
    });
    at += taken;
  }
  return x;
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
