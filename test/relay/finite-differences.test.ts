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
import { planStep } from '../../src/relay/step-plan.js';
import { onEveryEngine } from './engines.js';
import { fixturePlan, norm, randomBatch, randomWeights, runStep } from './harness.js';
import { lossesAlong, type Slope, slopeError, slopeOf } from './slopes.js';

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

/** |slope - gradient . direction| / |gradient|: float32 gradients are good to about 1e-6. */
const TOLERANCE = 1e-5;

const plan = fixturePlan('three-loss');
const weights = randomWeights(plan);
const batch = randomBatch(plan, 2);
const layerOf = (parameter: string): string => parameter.replace(/\.(weight|bias)$/, '');

describe.each([false, true])('gradients against finite differences, dropout %s', (dropout) => {
  let slopes: Slope[];
  beforeAll(() => {
    slopes = [...weights.keys()].map((parameter) =>
      slopeOf({ plan, weights, batch, dropout }, parameter),
    );
  });

  test('dropout changes what is computed, or not', () => {
    const lossesWith = (on: boolean) =>
      lossesAlong({ plan, weights, batch, dropout: on }, 'conv1_1.bias', new Float64Array(6), 0);
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
      const errors = slopes.map((slope) => {
        const { parameter } = slope;
        const trainers = TRAINED_BY[layerOf(parameter)]!;
        const error = slopeError(slope, gradients.get(parameter)!, trainers, WEIGHTS);
        return { parameter, error };
      });
      expect(errors.filter(({ error }) => !(error <= TOLERANCE))).toEqual([]);
    });
  });
});

describe('with soft targets', () => {
  const { classes } = plan.network;
  const targets = new Float32Array(2 * classes).fill(0.1 / classes);
  for (const [at, share] of [
    [0, 0.63],
    [2, 0.27],
    [classes + 1, 0.9],
  ] as const)
    targets[at]! += share;
  const soft = { ...batch, targets };

  onEveryEngine((engine) => {
    test('each gradient is the slope of the weighted losses that train the parameter', () => {
      const { gradients } = runStep(plan, engine(), { weights, batch: soft });
      const hard = runStep(plan, engine(), { weights, batch }).gradients;
      for (const [parameter, gradient] of gradients) {
        const slope = slopeOf({ plan, weights, batch: soft, dropout: false }, parameter);
        const trainers = TRAINED_BY[layerOf(parameter)]!;
        expect(slopeError(slope, gradient, trainers, WEIGHTS), parameter).toBeLessThan(TOLERANCE);
        expect(slopeError(slope, hard.get(parameter)!, trainers, WEIGHTS)).toBeGreaterThan(0.001);
      }
    });
  });
});

describe.each([false, true])('with class weights, soft targets %s', (isSoft) => {
  const { classes } = plan.network;
  const targets = new Float32Array(2 * classes).fill(0.1 / classes);
  for (const at of [0, classes + 3]) targets[at]! += 0.6;
  for (const at of [1, classes + 2]) targets[at]! += 0.3;
  const aimed = isSoft ? { ...batch, targets } : batch;
  // aux4 has none.
  const classWeights = new Map([
    ['primary', Float64Array.of(3, 0.5, 2, 0.25, 4)],
    ['aux3', Float64Array.of(0.1, 5, 0.7, 3, 1)],
  ]);
  const weighted = { ...plan, classWeights };

  onEveryEngine((engine) => {
    test('each gradient is the slope of the weighted losses that train the parameter', () => {
      const found = runStep(weighted, engine(), { weights, batch: aimed });
      const plain = runStep(plan, engine(), { weights, batch: aimed }).gradients;
      for (const [parameter, gradient] of found.gradients) {
        const setting = { plan: weighted, weights, batch: aimed, dropout: false };
        const slope = slopeOf(setting, parameter);
        const trainers = TRAINED_BY[layerOf(parameter)]!;
        expect(slopeError(slope, gradient, trainers, WEIGHTS), parameter).toBeLessThan(TOLERANCE);
        if (trainers.join() === 'aux4') expect(gradient).toEqual(plain.get(parameter));
        else {
          const other = slopeError(slope, plain.get(parameter)!, trainers, WEIGHTS);
          expect(other, parameter).toBeGreaterThan(0.001);
        }
      }
      const still = { plan: weighted, weights, batch: aimed, dropout: false };
      const losses = lossesAlong(still, 'conv1_1.bias', new Float64Array(6), 0);
      for (const [name, loss] of losses) expect(found.losses.get(name)).toBeCloseTo(loss, 5);
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
