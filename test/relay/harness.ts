/** What the tests of the relay backward pass share: fixtures, seeded values, one step, comparison. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadConfig } from '../../src/config/load.js';
import type { Engine, Tensor } from '../../src/engine/engine.js';
import { type ExperimentPlan, planExperiment } from '../../src/experiment/experiment-plan.js';
import { volume } from '../../src/model/layers/layer-plan.js';
import { parametersOf } from '../../src/model/network-plan.js';
import { NetworkRuntime } from '../../src/model/network-runtime.js';
import { Parameters } from '../../src/model/parameters.js';
import { Random } from '../../src/random.js';
import { emptySums, runMicroBatch } from '../../src/relay/step.js';
import type { StepPlan } from '../../src/relay/step-plan.js';
import { decodeSafetensors, type NamedTensor } from '../../src/safetensors.js';

const path = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));

/** The configs in test/fixtures that train the same trunk in five ways. */
export const MODES = ['standard', 'multi-loss', 'relay', 'disjoint', 'three-loss'] as const;

export function fixturePlan(name: string, ...overrides: string[]): ExperimentPlan {
  return planExperiment(loadConfig(path(`${name}.yaml`), overrides));
}

export function fixtureTensors(name: string): Map<string, NamedTensor> {
  return decodeSafetensors(readFileSync(path(`${name}.safetensors`)), name);
}

/** The tensors whose names begin with `prefix`, which is taken off. */
export function startingWith(
  prefix: string,
  tensors: ReadonlyMap<string, NamedTensor>,
): Map<string, NamedTensor> {
  return new Map(
    [...tensors].flatMap(([name, tensor]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), tensor] as const] : [],
    ),
  );
}

export interface Batch {
  images: Float32Array;
  labels: Int32Array;
  /** `[size, classes]`, in place of the labels. */
  targets?: Float32Array | undefined;
}

export function randomBatch(plan: ExperimentPlan, size: number, seed = 1): Batch {
  const random = new Random(seed, 'batch');
  return {
    images: Float32Array.from({ length: size * volume(plan.network.input) }, () => random.normal()),
    labels: Int32Array.from({ length: size }, () => random.int(plan.network.classes)),
  };
}

/** He-initialised weights; biases differ from zero, and scales from one, so that they are seen to be used. */
export function randomWeights(plan: ExperimentPlan, seed = 1): Map<string, NamedTensor> {
  return new Map(
    parametersOf([...plan.layers.values()]).map(({ name, shape, initializer }) => {
      const random = new Random(seed, 'weight', name);
      const scale = initializer.type === 'he' ? Math.sqrt(2 / initializer.fanIn) : 0.1;
      const around = initializer.type === 'ones' ? 1 : 0;
      const values = Float32Array.from(
        { length: volume(shape) },
        () => around + scale * random.normal(),
      );
      return [name, { shape, values }];
    }),
  );
}

export interface StepOptions {
  weights: ReadonlyMap<string, NamedTensor>;
  batch: Batch;
  /** Instead of the plan's own step. */
  step?: StepPlan;
  /** Dropout on, with the masks of step 5, micro-batch 0 and up. */
  dropout?: boolean;
  /** Images per micro-batch; the whole batch by default. */
  microBatch?: number;
  onLogits?: (loss: string, logits: Tensor) => void;
}

export interface StepValues {
  losses: Map<string, number>;
  logits: Map<string, number[]>;
  gradients: Map<string, Float32Array>;
}

/** Losses, logits and gradients of one training step through `planStep` and `runMicroBatch`. Leaves no tensor. */
export function runStep(plan: ExperimentPlan, engine: Engine, options: StepOptions): StepValues {
  const { batch, weights, step = plan.step, microBatch = batch.labels.length } = options;
  return withNetwork(plan, engine, weights, (network) => {
    const sums = emptySums();
    const logits = new Map<string, number[]>();
    try {
      for (let at = 0; at < batch.labels.length; at += microBatch) {
        if (options.dropout) network.train(5, at / microBatch);
        else network.trainWithoutDropout();
        runPart(plan, network, step, batch, [at, at + microBatch], sums, (loss, tensor) => {
          options.onLogits?.(loss, tensor);
          logits.set(loss, [...(logits.get(loss) ?? []), ...engine.read(tensor)]);
        });
      }
      const gradients = [...sums.gradients].map(([name, t]) => [name, engine.read(t)] as const);
      return { losses: sums.losses, logits, gradients: new Map(gradients) };
    } finally {
      for (const gradient of sums.gradients.values()) engine.dispose(gradient);
    }
  });
}

/** Runs the images `[begin, end)` of a batch as one micro-batch. */
export function runPart(
  plan: ExperimentPlan,
  network: NetworkRuntime,
  step: StepPlan,
  batch: Batch,
  [begin, end]: readonly [number, number],
  sums: ReturnType<typeof emptySums>,
  onLogits?: (loss: string, logits: Tensor) => void,
): void {
  const { engine } = network;
  const labels = batch.labels.subarray(begin, end);
  const size = volume(plan.network.input);
  const images = engine.tensor(batch.images.subarray(begin * size, end * size), [
    labels.length,
    ...plan.network.input,
  ]);
  const parts = {
    engine,
    layer: (name: string) => network.layer(name),
    weight: (loss: string) => plan.losses.find(({ name }) => name === loss)!.weight,
    classWeights: (loss: string) => plan.classWeights.get(loss),
  };
  try {
    const { classes } = plan.network;
    const targets = batch.targets?.subarray(begin * classes, end * classes);
    const part = { images, labels, targets, batchSize: batch.labels.length };
    runMicroBatch(step, parts, part, sums, onLogits);
  } finally {
    engine.dispose(images);
  }
}

/** A network with the given weights, for the duration of `body`. */
export function withNetwork<T>(
  plan: ExperimentPlan,
  engine: Engine,
  weights: ReadonlyMap<string, NamedTensor>,
  body: (network: NetworkRuntime, parameters: Parameters) => T,
): T {
  const layers = [...plan.layers.values()];
  const parameters = new Parameters(engine, layers, weights);
  try {
    return body(new NetworkRuntime(engine, layers, parameters, plan.config.seed), parameters);
  } finally {
    parameters.dispose();
  }
}

/** `|actual - expected| / |expected|`; the distance itself where nothing is expected. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  const difference = Float64Array.from(expected, (value, i) => actual[i]! - value);
  const length = norm(expected);
  return length > 0 ? norm(difference) / length : norm(difference);
}

export function norm(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! ** 2;
  return Math.sqrt(sum);
}
