import { setImmediate } from 'node:timers/promises';
import type { Batch } from '../data/loader/loader.js';
import { TrainingError } from '../errors.js';
import type { ExperimentPlan } from '../experiment/experiment-plan.js';
import type { NetworkRuntime } from '../model/network-runtime.js';
import type { Parameters } from '../model/parameters.js';
import { emptySums, runMicroBatch, type StepParts } from '../relay/step.js';
import type { SignalRow } from '../run/signal-row.js';
import { runBatch, stepParts } from '../train/train-step.js';
import { keptBytes, planGroups } from './batch-groups.js';
import { layerSignals } from './layer-signals.js';
import { type MeasuredLayer, planSignals, type SignalPlan } from './signal-plan.js';
import { SignalAccumulator } from './signal-sums.js';

/** What is measured. Nothing of it is changed but the network's running statistics. */
export interface Measured {
  readonly plan: ExperimentPlan;
  readonly network: NetworkRuntime;
  readonly parameters: Pick<Parameters, 'value'>;
  /** Gives the micro-batches one after another. */
  readonly next: () => Promise<Batch>;
  /** Steps that its weights were trained for. */
  readonly step: number;
  readonly epoch: number;
}

/**
 * How far each loss's signal carries (docs/probe.md): the gradients of all losses in all trunk layers below their taps
 * over so many batches, in training mode, each batch with the dropout masks of the step that it would be.
 *
 * @param batches two or more
 * @param onBatch told how many are done
 * @throws TrainingError if a loss is not finite
 */
export async function measureSignals(
  measured: Measured,
  batches: number,
  onBatch: (done: number) => void,
): Promise<SignalRow> {
  const { plan, step, epoch } = measured;
  const signals = planSignals(plan);
  const groups = planGroups(signals, batches);
  const sums = signals.layers.map(
    ({ size, losses }) => new SignalAccumulator(size, losses.length, groups),
  );
  for (let i = 0; i < batches; i++) {
    await oneBatch(measured, signals, sums, step + i);
    for (const layer of sums) layer.endBatch();
    onBatch(i + 1);
  }
  return {
    format: 'relaybp-signals',
    version: 1,
    step,
    epoch,
    batches,
    batchSize: plan.config.training.batchSize,
    groups: groups.length,
    keptBytes: keptBytes(signals, groups.length, batches),
    losses: plan.losses.map(({ name, tap, bottom, weight }) => ({
      name,
      tap: plan.trunk[tap]!.name,
      bottom: bottom > tap ? null : plan.trunk[bottom]!.name,
      weight,
    })),
    layers: signals.layers.map((layer, i) =>
      layerSignals(signals.losses, layer, sums[i]!.sums(), meanWeight(measured, layer)),
    ),
  };
}

/** One batch: forward, and the signals of all losses down. */
async function oneBatch(
  { plan, network, next }: Measured,
  { step, layers, losses }: SignalPlan,
  sums: readonly SignalAccumulator[],
  key: number,
): Promise<void> {
  const { engine } = network;
  const places = new Map(
    layers.flatMap((layer, i) =>
      layer.weights.map(({ name, offset }) => [name, { layer, sum: sums[i]!, offset }] as const),
    ),
  );
  const positions = new Map(losses.map(({ name }, i) => [name, i]));
  const parts: StepParts = {
    ...stepParts(plan, network),
    weight: () => 1,
    gradientOf(loss, { parameter, value }) {
      const place = places.get(parameter);
      if (!place) return;
      const own = place.layer.losses.indexOf(positions.get(loss)!);
      place.sum.add(own, place.offset, engine.read(value));
    },
  };
  const found = emptySums();
  for (let i = 0; i < plan.config.training.batchSize / plan.microBatch; i++) {
    const batch = await next();
    network.train(key, i);
    runBatch(plan, engine, batch, [(whole) => runMicroBatch(step, parts, whole, found)]);
    await setImmediate(); // the engine blocks the thread: lets the loader's messages in
  }
  for (const [name, loss] of found.losses) {
    if (Number.isFinite(loss)) continue;
    throw new TrainingError(
      `the loss "${name}" is ${loss} on a batch: there is no signal to measure`,
      'probe an earlier checkpoint, or check data.mean and data.std',
    );
  }
}

function meanWeight({ network, parameters }: Measured, { weights, size }: MeasuredLayer): number {
  let sum = 0;
  for (const { name } of weights) {
    for (const value of network.engine.read(parameters.value(name))) sum += Math.abs(value);
  }
  return sum / size;
}
