import type { ExperimentConfig } from '../config/schema.js';
import { ConfigError } from '../errors.js';
import { planNetwork } from './network.js';
import {
  type BranchesPlan,
  type ConvPlan,
  type FcPlan,
  type LayerPlan,
  type NetworkPlan,
  type ParameterPlan,
  type ResidualPlan,
  type Shape,
  trunkOf,
} from './plan.js';

/**
 * A trained network as it runs on images of another size (paper, §4: fully convolutional testing), as plain data.
 *
 * Every window is resolved anew for the size, with padding and rounding as the config declares them; SPP keeps its
 * bins, which grow with the map; `size: global` stays the whole map. A fully connected layer that reads a map of
 * another size than in training becomes a convolution of the trained map's size, and what follows it is applied at
 * each of its positions.
 */
export interface DensePlan {
  /** `[height, width, channels]` */
  readonly input: Shape;
  /** Trunk and primary head, one after another. Parameters have their trained names; a weight may be a reshaped view. */
  readonly layers: readonly LayerPlan[];
  /** `[classes]`, or a map of scores `[rows, columns, classes]`, to be averaged over its positions. */
  readonly output: Shape;
}

/** Trunk and head of one loss, as trained. */
export function chainOf(network: NetworkPlan, loss: string): LayerPlan[] {
  const head = network.heads.find((candidate) => candidate.loss === loss)!;
  return [...trunkOf(network), ...head.layers];
}

/**
 * @param trained the plan that the config gives for the training size
 * @param loss whose head is the output
 * @throws ConfigError if the network cannot take images of that size
 */
export function planDense(
  config: Pick<ExperimentConfig, 'model' | 'losses' | 'data'>,
  trained: NetworkPlan,
  loss: string,
  [height, width]: readonly [number, number],
): DensePlan {
  try {
    const planned = planNetwork({
      data: config.data,
      model: { ...config.model, input: [height, width, 3] },
      losses: config.losses.filter(({ name }) => name === loss),
    });
    const layers = denseChain(chainOf(trained, loss), chainOf(planned, loss), planned.input);
    return { input: planned.input, layers, output: layers.at(-1)!.output };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(
      `the network cannot take images of ${height}x${width} pixels: ${error.message}`,
      `test at other scales; it was trained at ${trained.input.slice(0, 2).join('x')}`,
    );
  }
}

/** @param input the shape that really arrives: a map where training had a vector, if a fc became a convolution */
function denseChain(
  trained: readonly LayerPlan[],
  planned: readonly LayerPlan[],
  input: Shape,
): LayerPlan[] {
  const layers: LayerPlan[] = [];
  planned.forEach((layer, i) => {
    layers.push(denseLayer(trained[i]!, layer, layers.at(-1)?.output ?? input));
  });
  return layers;
}

function denseLayer(trained: LayerPlan, planned: LayerPlan, input: Shape): LayerPlan {
  const positions = planned.input.length === 1 && input.length === 3;
  if (planned.type === 'fc') {
    if (positions) return asConvolution(trained as FcPlan, input, [1, 1]);
    if (planned.input.join() === trained.input.join()) return planned;
    return asConvolution(trained as FcPlan, input, trained.input.slice(0, 2) as [number, number]);
  }
  if (planned.type === 'branches') return denseBranches(trained as BranchesPlan, planned, input);
  if (planned.type === 'residual') return denseResidual(trained as ResidualPlan, planned, input);
  if (planned.type === 'custom') checkParameters(trained, planned);
  return positions
    ? { ...planned, input, output: [...input.slice(0, 2), ...planned.output] }
    : planned;
}

function checkParameters(trained: LayerPlan, planned: LayerPlan): void {
  const shapes = ({ parameters }: LayerPlan): string =>
    parameters.map(({ shape }) => `[${shape.join(', ')}]`).join(', ');
  if (shapes(trained) === shapes(planned)) return;
  throw new ConfigError(
    `the parameters of ${planned.name} depend on the size: ${shapes(trained)} in training, ${shapes(planned)} here`,
  );
}

/** A fully connected layer at every position of a map: the same weights `[in, out]` as `[height, width, channels, out]`. */
function asConvolution(fc: FcPlan, input: Shape, kernel: readonly [number, number]): ConvPlan {
  const [height, width, channels] = input as [number, number, number];
  const [rows, columns] = [height - kernel[0] + 1, width - kernel[1] + 1];
  if (rows < 1 || columns < 1) {
    throw new ConfigError(
      `${fc.name} was trained on a ${kernel.join('x')} map; here the map is only ${height}x${width}`,
    );
  }
  const [units] = fc.output as [number];
  const [weight, ...bias] = fc.parameters as [ParameterPlan, ...ParameterPlan[]];
  const filter: ParameterPlan = {
    ...weight,
    shape: [...kernel, channels, units],
    axes: ['height', 'width', 'in', 'out'],
  };
  return {
    type: 'conv',
    name: fc.name,
    input,
    output: [rows, columns, units],
    parameters: [filter, ...bias],
    multiplyAdds: rows * columns * fc.multiplyAdds,
    frozen: fc.frozen,
    window: { kernel, stride: [1, 1], padding: [0, 0, 0, 0] },
    relu: fc.relu,
  };
}

function denseBranches(trained: BranchesPlan, planned: BranchesPlan, input: Shape): BranchesPlan {
  const paths = planned.paths.map((path, i) => denseChain(trained.paths[i]!, path, input));
  const outputs = paths.map((path) => path.at(-1)!.output);
  checkSizes(planned.name, outputs);
  const channels = outputs.reduce((sum, output) => sum + output.at(-1)!, 0);
  return { ...planned, input, output: [...outputs[0]!.slice(0, -1), channels], paths };
}

function denseResidual(trained: ResidualPlan, planned: ResidualPlan, input: Shape): ResidualPlan {
  const body = denseChain(trained.body, planned.body, input);
  const shortcut = denseChain(trained.shortcut, planned.shortcut, input);
  const output = body.at(-1)!.output;
  checkSizes(planned.name, [output, shortcut.at(-1)?.output ?? input]);
  return { ...planned, input, output, body, shortcut };
}

function checkSizes(name: string, outputs: readonly Shape[]): void {
  const maps = new Set(outputs.map((output) => output.slice(0, -1).join('x') || 'a vector'));
  if (maps.size === 1) return;
  throw new ConfigError(`the paths of ${name} end in different sizes: ${[...maps].join(', ')}`);
}
