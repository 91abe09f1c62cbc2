import type { Engine } from '../engine/engine.js';
import { Random } from '../random.js';
import type { Layer } from '../relay/layer.js';
import type { LayerPlan } from './layers/table.js';
import { buildLayer } from './network.js';
import type { Parameters } from './parameters.js';

/** A network that can run: layers by name over an engine and its parameters. Owns nothing. */
export class NetworkRuntime {
  private readonly layers: Map<string, Layer>;
  private mode: 'test' | 'training' | 'training without dropout' = 'test';
  private key: number[] = [];

  constructor(
    readonly engine: Engine,
    plans: readonly LayerPlan[],
    parameters: Pick<Parameters, 'value'>,
    seed: number,
  ) {
    const runtime = {
      engine,
      parameter: (name: string) => parameters.value(name),
      training: () => this.mode !== 'test',
      dropping: () => this.mode === 'training',
      random: (layer: string) => {
        const random = new Random(seed, 'dropout', layer, ...this.key);
        return () => random.next();
      },
    };
    this.layers = new Map(plans.map((plan) => [plan.name, buildLayer(plan, runtime)]));
  }

  /** Training mode for one micro-batch; dropout masks derive from the seed, the layer, and these two numbers. */
  train(step: number, microBatch: number): void {
    this.mode = 'training';
    this.key = [step, microBatch];
  }

  /** Training mode, but dropout passes everything on: a function of the images alone, to be checked elsewhere. */
  trainWithoutDropout(): void {
    this.mode = 'training without dropout';
  }

  /** Test mode: dropout passes everything on, and batch normalization uses its running statistics. */
  test(): void {
    this.mode = 'test';
  }

  layer(name: string): Layer {
    const layer = this.layers.get(name);
    if (!layer) throw new Error(`no layer "${name}"`);
    return layer;
  }
}
