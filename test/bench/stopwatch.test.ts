/** The stopwatch sees every layer of a step, changes nothing, and leaves nothing behind. */
import { expect, test } from 'vitest';
import { syntheticSource } from '../../src/bench/batches.js';
import { Stopwatch } from '../../src/bench/stopwatch.js';
import type { Engine } from '../../src/engine/engine.js';
import { NetworkRuntime } from '../../src/model/network-runtime.js';
import { Parameters } from '../../src/model/parameters.js';
import { trainStep } from '../../src/train/train-step.js';
import { onEveryEngine } from '../relay/engines.js';
import { fixturePlan } from '../relay/harness.js';

onEveryEngine((engine) => {
  const plan = fixturePlan('relay', 'optimizer.clipNorm=1', 'optimizer.ema=0.9');
  const layers = [...plan.layers.values()];

  /** Weights after two steps, through `network`. */
  async function trained(make: (parameters: Parameters) => NetworkRuntime) {
    const parameters = new Parameters(engine(), layers, plan.config.seed);
    const source = syntheticSource(plan);
    const network = make(parameters);
    for (let step = 0; step < 2; step++) {
      const next = () => source.next();
      await trainStep({ plan, network, parameters, next }, { step, lr: 0.01 });
    }
    const values = [...parameters.snapshot()].map(([name, { values }]) => [name, [...values]]);
    parameters.dispose();
    return values;
  }

  test('a step under it gives the very same weights', async () => {
    const plain = await trained((parameters) => {
      return new NetworkRuntime(engine(), layers, parameters, plan.config.seed);
    });
    const watched = await trained((parameters) => {
      return new Stopwatch(plan, engine(), parameters).network;
    });
    expect(watched).toEqual(plain);
  });

  test('times of every layer, kind by kind', async () => {
    const watch = await watched(engine());
    for (const { name, parameters, type } of layers) {
      const times = watch.layers.get(name)!;
      expect(times.forward, `${name} forward`).toBeGreaterThan(0);
      const trains = parameters.length > 0 || type === 'branches';
      expect(times.parameterGradient > 0, `${name} parameter gradient`).toBe(trains);
      expect(times.update > 0, `${name} update`).toBe(trains);
    }
    expect(watch.loss).toBeGreaterThan(0);
    // Clipping scales gradients, which belong to no layer.
    expect(watch.otherUpdates).toBeGreaterThan(0);
  });

  async function watched(inner: Engine): Promise<Stopwatch> {
    const parameters = new Parameters(inner, layers, plan.config.seed);
    const watch = new Stopwatch(plan, inner, parameters);
    const source = syntheticSource(plan);
    const { network } = watch;
    const next = () => source.next();
    await trainStep({ plan, network, parameters, next }, { step: 0, lr: 0.01 });
    parameters.dispose();
    return watch;
  }
});
