/** What the tests of the probe share. */
import { expect } from 'vitest';
import type { Engine } from '../../src/engine/engine.js';
import type { ExperimentPlan } from '../../src/experiment/experiment-plan.js';
import { NetworkRuntime } from '../../src/model/network-runtime.js';
import { Parameters } from '../../src/model/parameters.js';
import { measureSignals } from '../../src/probe/measure-signals.js';
import type { Estimate, SignalRow } from '../../src/run/signal-row.js';
import type { NamedTensor } from '../../src/safetensors.js';
import { microBatches } from '../support/micro-batches.js';

interface Options {
  /** Off by default. */
  dropout?: boolean;
}

/** Signals over batches of given images, one after another and again from the first. */
export async function measured(
  plan: ExperimentPlan,
  engine: Engine,
  weights: ReadonlyMap<string, NamedTensor>,
  data: { images: Float32Array; labels: Int32Array },
  batches: number,
  { dropout = false }: Options = {},
): Promise<SignalRow> {
  const layers = [...plan.layers.values()];
  const parameters = new Parameters(engine, layers, weights);
  const network = new NetworkRuntime(engine, layers, parameters, plan.config.seed);
  if (!dropout) network.train = () => network.trainWithoutDropout();
  const held = engine.tensorCount();
  try {
    const next = microBatches(plan.microBatch, data);
    const at = { step: 5, epoch: 0.5 };
    return await measureSignals({ plan, network, parameters, next, ...at }, batches, () => {});
  } finally {
    expect(engine.tensorCount(), 'tensors left behind').toBe(held);
    parameters.dispose();
  }
}

/** All numbers of a row by name: `signalToNoise/<layer>/<loss>` and so on; what is not known is NaN. */
export function numbersOf(row: SignalRow): Map<string, number[]> {
  const values = ({ value, low, high }: Estimate): number[] =>
    [value, low, high].map((one) => one ?? Number.NaN);
  return new Map(
    row.layers.flatMap(({ layer, weight, byLoss, pairs }): [string, number[]][] => [
      [`weight/${layer}`, [weight]],
      ...Object.entries(byLoss).flatMap(([loss, own]): [string, number[]][] => [
        [`signalToNoise/${layer}/${loss}`, values(own.signalToNoise)],
        [`mean/${layer}/${loss}`, [own.mean]],
        [`spread/${layer}/${loss}`, [own.spread]],
        [`magnitude/${layer}/${loss}`, values(own.magnitude)],
      ]),
      ...pairs.flatMap(({ losses, cosine, batchCosine, difference }): [string, number[]][] => [
        [`cosine/${layer}/${losses.join('/')}`, values(cosine)],
        [`batchCosine/${layer}/${losses.join('/')}`, values(batchCosine)],
        [`difference/${layer}/${losses.join('/')}`, values(difference)],
      ]),
    ]),
  );
}
