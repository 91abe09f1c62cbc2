/**
 * The definition of relay backpropagation (paper, §3): the gradient of a parameter is the slope of the weighted
 * sum of just those losses whose range contains it. Each engine's float32 gradients against central differences of
 * losses that are computed in float64.
 *
 * Kinks (ReLU, max pooling): where one lies between the two ends of a difference, halving the step changes the
 * slope. Such a direction says nothing about the gradient and is drawn again, a few times at most.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import type { Engine } from '../../src/engine/engine.js';
import type { ExperimentPlan } from '../../src/plan/experiment.js';
import { Random } from '../../src/random.js';
import { planStep, type StepPlan } from '../../src/relay/plan.js';
import { emptySums } from '../../src/relay/step.js';
import { softmaxCrossEntropy } from '../engine/reference.js';
import { onEveryEngine } from './engines.js';
import { Float64Engine, values } from './float64-engine.js';
import {
  type Batch,
  fixturePlan,
  norm,
  randomBatch,
  randomWeights,
  runPart,
  runStep,
  withNetwork,
} from './harness.js';

/** Which losses train which parameters of test/fixtures/three-loss.yaml, written by hand (paper, Figure 2). */
const TRAINED_BY: Record<string, string[]> = {
  conv1_1: ['aux3'],
  conv1_2: ['aux3'],
  conv2_1: ['aux3'],
  'branch3_1.p1.conv1': ['aux3', 'aux4'],
  'branch3_1.p2.conv1': ['aux3', 'aux4'],
  'branch3_1.p2.conv2': ['aux3', 'aux4'],
  'branch3_1.p3.conv1': ['aux3', 'aux4'],
  conv4_1: ['aux4', 'primary'],
  conv5_1: ['primary'],
  'primary.fc1': ['primary'],
  'primary.fc2': ['primary'],
  'aux3.conv1': ['aux3'],
  'aux3.fc1': ['aux3'],
  'aux3.fc2': ['aux3'],
  'aux4.fc1': ['aux4'],
};
const WEIGHTS: Record<string, number> = { primary: 1, aux3: 0.3, aux4: 0.5 };

/** Step along a direction of length 1: the curvature's share is about STEP^2, rounding's about 1e-16 / STEP. */
const STEP = 1e-5;
/** Slopes at STEP and STEP / 2 agree to this, relative to the gradient, unless a kink lies between. */
const SMOOTH = 1e-7;
/** |slope - gradient . direction| / |gradient|: float32 gradients are good to about 1e-6. */
const TOLERANCE = 1e-5;
const DRAWS = 5;

interface Slope {
  parameter: string;
  direction: Float64Array;
  /** Of each loss, unweighted. */
  slopes: Map<string, number>;
}

const plan = fixturePlan('three-loss');
const weights = randomWeights(plan);
const batch = randomBatch(plan, 2);
const layerOf = (parameter: string): string => parameter.replace(/\.(weight|bias)$/, '');

describe.each([false, true])('gradients against finite differences, dropout %s', (dropout) => {
  let slopes: Slope[];
  beforeAll(() => {
    slopes = [...weights.keys()].map((parameter) => slopeOf(parameter, dropout));
  });

  test('dropout changes what is computed, or not', () => {
    const lossesWith = (on: boolean) =>
      lossesAlong(plan, batch, on, 'conv1_1.bias', new Float64Array(6), 0);
    expect([...lossesWith(dropout)].join() === [...lossesWith(false)].join()).toBe(!dropout);
  });

  test('the table written by hand names every layer with parameters', () => {
    expect(new Set([...weights.keys()].map(layerOf))).toEqual(new Set(Object.keys(TRAINED_BY)));
  });

  test('a loss does not depend on what lies above its tap', () => {
    const slope = (parameter: string, loss: string) =>
      slopes.find((found) => found.parameter === parameter)!.slopes.get(loss);
    expect(slope('conv4_1.weight', 'aux3')).toBe(0);
    expect(slope('conv5_1.weight', 'aux4')).toBe(0);
  });

  onEveryEngine((engine) => {
    test('each gradient is the slope of the weighted losses that train the parameter', () => {
      const { gradients } = runStep(plan, engine(), { weights, batch, dropout });
      expect([...gradients.keys()].sort()).toEqual([...weights.keys()].sort());
      const errors = slopes.map(({ parameter, direction, slopes: of }) => {
        const gradient = gradients.get(parameter)!;
        const trainers = TRAINED_BY[layerOf(parameter)]!;
        const slope = trainers.reduce((sum, loss) => sum + WEIGHTS[loss]! * of.get(loss)!, 0);
        const error = Math.abs(slope - dot(gradient, direction)) / norm(gradient);
        return { parameter, error };
      });
      expect(errors.filter(({ error }) => !(error <= TOLERANCE))).toEqual([]);
    });
  });
});

describe('with only one loss', () => {
  const below: Record<string, string[]> = {
    primary: ['conv1_1', 'conv1_2', 'conv2_1', 'branch3_1.p1.conv1'],
    aux4: ['conv1_1', 'conv1_2', 'conv2_1', 'conv5_1'],
    aux3: ['conv4_1', 'conv5_1'],
  };

  onEveryEngine((engine) => {
    test.each(Object.keys(WEIGHTS))('%s: nothing outside its range has a gradient', (name) => {
      const gradients = gradientsOf(engine(), name);
      const expected = [...weights.keys()].filter((parameter) =>
        TRAINED_BY[layerOf(parameter)]!.includes(name),
      );
      expect([...gradients.keys()].sort()).toEqual(expected.sort());
      const layers = new Set([...gradients.keys()].map(layerOf));
      expect(below[name]!.filter((layer) => layers.has(layer))).toEqual([]);
    });

    test('the gradients of the losses one by one add up to the gradients of all together', () => {
      const together = runStep(plan, engine(), { weights, batch }).gradients;
      const single = Object.keys(WEIGHTS).map((name) => gradientsOf(engine(), name));
      for (const [parameter, gradient] of together) {
        const sum = gradient.map((_, i) =>
          single.reduce((total, gradients) => total + (gradients.get(parameter)?.[i] ?? 0), 0),
        );
        const difference = sum.map((value, i) => value - gradient[i]!);
        expect(norm(difference) / norm(gradient), parameter).toBeLessThan(1e-5);
      }
    });
  });

  function gradientsOf(engine: Engine, name: string): Map<string, Float32Array> {
    const losses = plan.losses.filter((loss) => loss.name === name);
    const step = planStep(plan.trunk, losses, plan.heads);
    return runStep(plan, engine, { weights, batch, step }).gradients;
  }
});

/** The slope of every loss along a random direction of one parameter, free of kinks. */
function slopeOf(parameter: string, dropout: boolean): Slope {
  const random = new Random(1, 'direction', parameter);
  for (let draw = 0; draw < DRAWS; draw++) {
    const direction = unit(weights.get(parameter)!.values.length, random);
    const at = (step: number) => lossesAlong(plan, batch, dropout, parameter, direction, step);
    const whole = difference(at(STEP), at(-STEP), 2 * STEP);
    const half = difference(at(STEP / 2), at(-STEP / 2), STEP);
    const bend = Math.max(...[...whole].map(([name, slope]) => Math.abs(slope - half.get(name)!)));
    const scale = Math.max(...[...whole.values()].map(Math.abs));
    if (bend <= SMOOTH * Math.max(scale, 1e-3)) return { parameter, direction, slopes: half };
  }
  throw new Error(`${parameter}: a kink on each of ${DRAWS} directions`);
}

function difference(
  up: Map<string, number>,
  down: Map<string, number>,
  by: number,
): Map<string, number> {
  return new Map([...up].map(([name, loss]) => [name, (loss - down.get(name)!) / by]));
}

/** The mean losses, in float64, with one parameter moved along a direction. */
function lossesAlong(
  of: ExperimentPlan,
  { images, labels }: Batch,
  dropout: boolean,
  parameter: string,
  direction: Float64Array,
  step: number,
): Map<string, number> {
  const engine = new Float64Engine();
  return withNetwork(of, engine, weights, (network, parameters) => {
    const moved = values(parameters.value(parameter));
    direction.forEach((value, i) => {
      moved[i]! += step * value;
    });
    if (dropout) network.train(5, 0);
    else network.test();
    const losses = new Map<string, number>();
    const whole = [0, labels.length] as const;
    runPart(
      of,
      network,
      forwardOnly(of.step),
      { images, labels },
      whole,
      emptySums(),
      (loss, t) => {
        const each = softmaxCrossEntropy(values(t), of.network.classes, labels, 1).losses;
        losses.set(loss, each.reduce((sum, value) => sum + value, 0) / labels.length);
      },
    );
    return losses;
  });
}

/** The step without its way back. */
function forwardOnly(step: StepPlan): StepPlan {
  const microBatch = step.microBatch.filter(
    ({ do: what }) => what === 'forward' || what === 'loss',
  );
  return { microBatch, update: [] };
}

function unit(size: number, random: Random): Float64Array {
  const direction = Float64Array.from({ length: size }, () => random.normal());
  const length = norm(direction);
  return direction.map((value) => value / length);
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
