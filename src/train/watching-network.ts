import type { Engine, Tensor } from '../engine/engine.js';
import type { LayerPlan } from '../model/layers/table.js';
import { flatten } from '../model/network-plan.js';
import { NetworkRuntime } from '../model/network-runtime.js';
import type { Parameters } from '../model/parameters.js';

/**
 * A second network over the weights of one that is trained: it runs in training mode with the same dropout masks, and
 * keeps the running statistics of batch normalization to itself, so that the training goes on to the very same numbers.
 */
export class WatchingNetwork {
  readonly network: NetworkRuntime;
  private readonly statistics = new Map<string, Tensor>();

  constructor(
    private readonly engine: Engine,
    layers: readonly LayerPlan[],
    parameters: Pick<Parameters, 'value'>,
    seed: number,
  ) {
    for (const { name, shape } of layers.flatMap(flatten).flatMap(followedStatistics)) {
      this.statistics.set(name, engine.zeros(shape));
    }
    const values = { value: (name: string) => this.statistics.get(name) ?? parameters.value(name) };
    this.network = new NetworkRuntime(engine, layers, values, seed);
  }

  dispose(): void {
    for (const tensor of this.statistics.values()) this.engine.dispose(tensor);
  }
}

/** Running statistics that a training pass changes; those of frozen layers are only read. */
function followedStatistics(layer: LayerPlan) {
  return layer.frozen ? [] : layer.parameters.filter(({ state }) => state);
}
