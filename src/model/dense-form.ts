import type { ExperimentConfig } from '../config/experiment-schema.js';
import type { Shape } from '../engine/engine.js';
import { ConfigError } from '../errors.js';
import type { AnyLayerPlan } from './layers/layer-plan.js';
import type { DensePlace } from './layers/layer-type.js';
import { type LayerPlan, layerType } from './layers/table.js';
import { planNetwork } from './network.js';
import { type NetworkPlan, trunkOf } from './network-plan.js';

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
    const place = placeOf(planned.classes);
    const chain = place.inside(chainOf(trained, loss), chainOf(planned, loss), planned.input);
    const layers = chain as LayerPlan[];
    return { input: planned.input, layers, output: layers.at(-1)!.output };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(
      `the network cannot take images of ${height}x${width} pixels: ${error.message}`,
      `test at other scales; it was trained at ${trained.input.slice(0, 2).join('x')}`,
    );
  }
}

function placeOf(classes: number): DensePlace {
  const place: DensePlace = {
    classes,
    inside(trained, planned, input) {
      const layers: AnyLayerPlan[] = [];
      planned.forEach((layer, i) => {
        layers.push(denseLayer(trained[i]!, layer, layers.at(-1)?.output ?? input, place));
      });
      return layers;
    },
  };
  return place;
}

/** @param input the shape that really arrives: a map where training had a vector, if a fc became a convolution */
function denseLayer(
  trained: AnyLayerPlan,
  planned: AnyLayerPlan,
  input: Shape,
  place: DensePlace,
): AnyLayerPlan {
  if (input.join() === trained.input.join()) return trained;
  const { dense } = layerType(planned);
  if (dense) return dense(trained, planned, input, place);
  const positions = planned.input.length === 1 && input.length === 3;
  return positions
    ? { ...planned, input, output: [...input.slice(0, 2), ...planned.output] }
    : planned;
}
