import type { Affine, Constant, GraphBuilder } from '../model/layers/graph-builder.js';
import { type AnyLayerPlan, volume } from '../model/layers/layer-plan.js';
import { layerType } from '../model/layers/table.js';
import type { NamedTensor } from '../safetensors.js';

/**
 * Builds a chain of layers as they compute at test time. A batch normalization right after a convolution becomes
 * part of its weights; dropout is nothing.
 */
export function buildChain<V>(
  builder: GraphBuilder<V>,
  chain: readonly AnyLayerPlan[],
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
    let taken = 0;
    const arriving = x;
    x = layerType(layer).graph(layer, arriving, {
      builder,
      constant,
      inside: (path) => buildChain(builder, path, weights, arriving),
      takeAffine() {
        const affine = next && layerType(next).affine?.(next, constant);
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
