import type { Shape } from '../../engine/engine.js';
import { ConfigError } from '../../errors.js';
import type { ConvPlan } from './conv.js';
import type { AnyLayerPlan, ParameterPlan } from './layer-plan.js';

/**
 * A fully connected layer at every position of a map: the same weights `[in, out]` as `[height, width, channels, out]`.
 *
 * @param layer as trained: a weight `[in, out]`, perhaps a bias
 * @param kernel of the map that it was trained on
 * @throws ConfigError if the map is smaller, or no map at all
 */
export function asConvolution(
  layer: AnyLayerPlan & { readonly relu?: boolean },
  input: Shape,
  kernel: readonly [number, number],
): ConvPlan {
  if (input.length !== 3) {
    throw new ConfigError(
      `${layer.name} reads [${layer.input.join(', ')}] in training, and [${input.join(', ')}] here`,
    );
  }
  const [height, width, channels] = input as [number, number, number];
  const [rows, columns] = [height - kernel[0] + 1, width - kernel[1] + 1];
  if (rows < 1 || columns < 1) {
    throw new ConfigError(
      `${layer.name} was trained on a ${kernel.join('x')} map; here the map is only ${height}x${width}`,
    );
  }
  const [units] = layer.output as [number];
  const [weight, ...bias] = layer.parameters as [ParameterPlan, ...ParameterPlan[]];
  const filter: ParameterPlan = {
    ...weight,
    shape: [...kernel, channels, units],
    axes: ['height', 'width', 'in', 'out'],
  };
  return {
    type: 'conv',
    name: layer.name,
    input,
    output: [rows, columns, units],
    parameters: [filter, ...bias],
    multiplyAdds: rows * columns * layer.multiplyAdds,
    frozen: layer.frozen,
    window: { kernel, stride: [1, 1], padding: [0, 0, 0, 0] },
    relu: layer.relu ?? false,
  };
}
