import type { Engine } from '../engine/engine.js';
import { Random } from '../random.js';
import type { Layer } from '../relay/layer.js';
import { buildLayer } from './network.js';
import type { Parameters } from './parameters.js';
import type { LayerPlan } from './plan.js';

/** A network that can run: layers by name over an engine and its parameters. Owns nothing. */
export class NetworkRuntime {
  private readonly layers: Map<string, Layer>;
  private training = false;
  private key: number[] = [];

  constructor(
    readonly engine: Engine,
    plans: readonly LayerPlan[],
    parameters: Pick<Parameters, 'value'>,
    seed: number,
  ) {
    const self = this;
    const runtime = {
      engine,
      parameter: (name: string) => parameters.value(name),
      get training() {
        return self.training;
      },
      random: (layer: string) => {
        const random = new Random(seed, 'dropout', layer, ...self.key);
        return () => random.next();
      },
    };
    this.layers = new Map(plans.map((plan) => [plan.name, buildLayer(plan, runtime)]));
  }

  /** Training mode for one micro-batch; dropout masks derive from the seed, the layer, and these two numbers. */
  train(step: number, microBatch: number): void {
    this.training = true;
    this.key = [step, microBatch];
  }

  /** Test mode: dropout passes everything on. */
  test(): void {
    this.training = false;
  }

  layer(name: string): Layer {
    const layer = this.layers.get(name);
    if (!layer) throw new Error(`no layer "${name}"`);
    return layer;
  }
}
