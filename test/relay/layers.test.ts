/**
 * Batch normalization in training mode, residual blocks, nested branches and local response normalization in a relay
 * network, where two signals pass through them side by side: gradients against central differences and PyTorch.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { NetworkRuntime } from '../../src/model/network-runtime.js';
import { stepCost } from '../../src/plan/cost.js';
import { emptySums } from '../../src/relay/step.js';
import { batchGradients } from '../../src/train/batch-gradients.js';
import { onEveryEngine } from './engines.js';
import {
  fixturePlan,
  fixtureTensors,
  randomBatch,
  randomWeights,
  relativeError,
  runPart,
  runStep,
  startingWith,
  withNetwork,
} from './harness.js';
import { type Slope, slopeError, slopeOf } from './slopes.js';

const plan = fixturePlan('layers');
const reference = fixtureTensors('layers');
const WEIGHTS = { primary: 1, auxiliary: 0.3 };
/** Frozen, or a running statistic. */
const untrained = (parameter: string): boolean => /^bn3_1\.|\.running_/.test(parameter);

/** By hand: seg1 belongs to the auxiliary loss, seg2 to both, seg3 to the primary one. */
function trainersOf(parameter: string): string[] {
  if (/^res2_/.test(parameter)) return ['primary', 'auxiliary'];
  return /^(res3_1|primary)\b/.test(parameter) ? ['primary'] : ['auxiliary'];
}

describe('against finite differences', () => {
  const weights = randomWeights(plan);
  const batch = randomBatch(plan, 4);
  const trained = [...weights.keys()].filter((parameter) => !untrained(parameter));
  let slopes: Slope[];
  beforeAll(() => {
    const setting = { plan, weights, batch, dropout: false };
    slopes = trained.map((parameter) => slopeOf(setting, parameter));
  });

  onEveryEngine((engine) => {
    test('each gradient is the slope of the weighted losses that train the parameter', () => {
      const { gradients } = runStep(plan, engine(), { weights, batch });
      expect([...gradients.keys()].sort()).toEqual([...trained].sort());
      const errors = slopes.map((slope) => {
        const { parameter } = slope;
        const gradient = gradients.get(parameter)!;
        const error = slopeError(slope, gradient, trainersOf(parameter), WEIGHTS);
        return { parameter, error };
      });
      expect(errors.filter(({ error }) => !(error <= 1e-5))).toEqual([]);
    });
  });
});

onEveryEngine((engine) => {
  const weights = startingWith('weight/', reference);
  const batch = {
    images: reference.get('batch.images')!.values,
    labels: Int32Array.from(reference.get('batch.labels')!.values),
  };

  test('losses, logits and gradients of two micro-batches equal those of PyTorch', () => {
    const found = runStep(plan, engine(), { weights, batch, microBatch: 3 });
    const all = new Map<string, ArrayLike<number>>([
      ...[...found.losses].map(([name, loss]) => [`loss/${name}`, [loss]] as const),
      ...[...found.logits].map(([name, logits]) => [`logits/${name}`, logits] as const),
      ...[...found.gradients].map(([name, values]) => [`gradient/${name}`, values] as const),
    ]);
    const expected = [...reference].filter(([name]) => !/^(batch\.|weight\/)/.test(name));
    expect([...all.keys()].sort()).toEqual(expected.map(([name]) => name).sort());
    const tooFar = expected
      .map(([name, { values }]) => ({ name, error: relativeError(all.get(name)!, values) }))
      .filter(({ error }) => !(error <= 1e-4));
    expect(tooFar).toEqual([]);
  });

  test('relaybp grad takes the statistics of each micro-batch', () => {
    const random = randomBatch(plan, 6);
    const { tensors } = batchGradients(plan, engine(), random, false);
    const initial = startingWith('weight/', tensors);
    const gradients = startingWith('gradient/', tensors);
    const step = runStep(plan, engine(), { weights: initial, batch: random, microBatch: 3 });
    for (const [name, values] of step.gradients)
      expect(gradients.get(name)!.values).toEqual(values);
  });

  test('counts at most one parameter gradient per layer, and an input gradient per signal', () => {
    // Convolutions: conv1_1, in res2_1 three, in res2_2 five, in res3_1 one; heads: primary 2, auxiliary 1.
    // Input gradients: heads 3, res3_1 one; res2_2 carries two signals through its five; in res2_1 both reach the
    // lowest convolution of each path, the upper one of the body takes two, the lowest two one each.
    expect(stepCost(plan, plan.step)).toMatchObject({
      forward: 13,
      parameterGradients: 13,
      inputGradients: 3 + 1 + 10 + 2 + 2,
    });
  });

  test('running statistics follow in training, and stay without it and where frozen', () => {
    withNetwork(plan, engine(), weights, (network, parameters) => {
      const read = () => {
        const all = parameters.snapshot();
        return [...all].flatMap(([name, tensor]) =>
          name.includes('.running_') ? [[name, { ...tensor }] as const] : [],
        );
      };
      const run = () => {
        const sums = emptySums();
        runPart(plan, network, plan.step, batch, [0, 3], sums);
        for (const gradient of sums.gradients.values()) engine().dispose(gradient);
      };
      const before = read();
      network.test();
      run();
      expect(read()).toEqual(before);
      network.train(0, 0);
      run();
      const changed = read().filter(([, { values }], i) => !same(values, before[i]![1].values));
      expect(changed.map(([name]) => name).sort()).toEqual(
        before
          .map(([name]) => name)
          .filter((name) => !name.startsWith('bn3_1'))
          .sort(),
      );
    });
  });

  test('at test time an image does not depend on the others of its batch', () => {
    withNetwork(plan, engine(), weights, (network) => {
      const logits = (begin: number, end: number): number[] => {
        const found: number[] = [];
        const sums = emptySums();
        network.test();
        runPart(plan, network, plan.step, batch, [begin, end], sums, (loss, t) => {
          if (loss === 'primary') found.push(...engine().read(t));
        });
        for (const gradient of sums.gradients.values()) engine().dispose(gradient);
        return found;
      };
      expect(relativeError(logits(0, 4).slice(0, 10), logits(0, 2))).toBeLessThan(1e-6);
    });
  });

  test('two runtimes over the same parameters, one of them of a moving average', () => {
    withNetwork(plan, engine(), weights, (network, parameters) => {
      const layers = [...plan.layers.values()];
      const average = { value: (name: string) => parameters.slot('ema', name) };
      const averaged = new NetworkRuntime(engine(), layers, average, 0);
      const of = (runtime: NetworkRuntime): number[] => {
        const sums = emptySums();
        const found: number[] = [];
        runtime.test();
        runPart(plan, runtime, plan.step, batch, [0, 2], sums, (_, t) => {
          found.push(...engine().read(t));
        });
        for (const gradient of sums.gradients.values()) engine().dispose(gradient);
        return found;
      };
      expect(of(averaged)).toEqual(of(network));
    });
  });
});

function same(a: Float32Array, b: Float32Array): boolean {
  return a.every((value, i) => value === b[i]);
}
