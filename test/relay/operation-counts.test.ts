/**
 * What a step costs, counted at the engine, is what the plan says: one forward and one parameter gradient per layer
 * with parameters, and one input gradient per layer and signal that goes on below (paper, §3).
 */
import { expect, test } from 'vitest';
import type { Engine } from '../../src/engine/engine.js';
import { stepCost } from '../../src/plan/cost.js';
import { onEveryEngine } from './engines.js';
import { fixturePlan, randomBatch, randomWeights, runStep } from './harness.js';

interface Counts {
  forward: number;
  parameterGradients: number;
  inputGradients: number;
}

const COUNTED: Partial<Record<keyof Engine, keyof Counts>> = {
  conv: 'forward',
  dense: 'forward',
  convParameterGradient: 'parameterGradients',
  denseParameterGradient: 'parameterGradients',
  convInputGradient: 'inputGradients',
  denseInputGradient: 'inputGradients',
};

/**
 * Fixture, overrides, and the three counts by hand. Layers with parameters: conv1_1, conv1_2, conv2_1, branch3_1
 * with four (one of two in a row), conv4_1, conv5_1; heads: primary 2, aux3 3, aux4 1.
 *
 * Input gradients are listed as heads + conv5_1 + conv4_1 + branch3_1 + conv2_1 + conv1_2; conv1_1 never has any.
 * A branch whose signal goes on below takes 4. Where one ends and one goes on it takes 6: inside a path signals part
 * only at the path's lowest layer, and two convolutions have a layer below them.
 */
const CASES: [string, string, string[], [number, number, number]][] = [
  ['plain backpropagation', 'standard', [], [11, 11, 2 + 1 + 1 + 4 + 1 + 1]],
  ['multi-loss: one signal, as all go to the bottom', 'multi-loss', [], [15, 15, 6 + 8]],
  ['relay', 'relay', [], [14, 14, 5 + 1 + 1 + 6 + 1 + 1]],
  ['disjoint', 'disjoint', [], [15, 15, 6 + 0 + 0 + 4 + 1 + 1]],
  ['three losses as in Figure 2', 'three-loss', [], [15, 15, 6 + 1 + 1 + 6 + 1 + 1]],
  [
    'lowest segment frozen',
    'standard',
    ['model.segments.seg1.frozen=true'],
    [11, 9, 2 + 1 + 1 + 4 + 0 + 0],
  ],
  [
    'frozen segment at the bottom of a range and inside another',
    'three-loss',
    ['model.segments.seg4.frozen=true'],
    [15, 14, 6 + 0 + 1 + 6 + 1 + 1],
  ],
  [
    'range that ends inside a segment',
    'three-loss',
    [
      'losses.aux4.range.downTo=pool2_1',
      'losses.aux3.range={downTo: conv1_2}',
      'model.segments.seg1.layers.0={conv: {filters: 6, kernel: 3, frozen: true}}',
    ],
    [15, 14, 6 + 1 + 1 + 6 + 1 + 0],
  ],
  [
    'tap inside a segment',
    'three-loss',
    ['losses.aux4.after=conv4_1'],
    [15, 15, 6 + 1 + 1 + 6 + 1 + 1],
  ],
  [
    'range of three layers: pool5_1, conv5_1, pool4_1',
    'multi-loss',
    ['losses.primary.range={layers: 3}', 'losses.aux4.range={downTo: seg3}'],
    [15, 15, 6 + 0 + 1 + 6 + 1 + 1],
  ],
  [
    'range of no layer: the head alone, down to its first layer with parameters',
    'multi-loss',
    [
      'losses.primary.range={layers: 0}',
      'losses.aux4.range={downTo: seg3}',
      'model.segments.seg5.frozen=true',
    ],
    [15, 14, 5 + 0 + 1 + 6 + 1 + 1],
  ],
  [
    'two losses at one tap with different bottoms',
    'three-loss',
    ['losses.aux4.after=seg3'],
    [15, 15, 6 + 1 + 0 + 6 + 1 + 1],
  ],
  [
    'two losses at one tap with the same bottom',
    'multi-loss',
    ['losses.aux4.after=seg3'],
    [15, 15, 6 + 8],
  ],
];

onEveryEngine((engine) => {
  test.each(CASES)(
    '%s (%s)',
    (_, name, overrides, [forward, parameterGradients, inputGradients]) => {
      const plan = fixturePlan(name, ...overrides);
      const counts: Counts = { forward: 0, parameterGradients: 0, inputGradients: 0 };
      runStep(plan, counting(engine(), counts), {
        weights: randomWeights(plan),
        batch: randomBatch(plan, 2),
        dropout: true,
      });
      expect(counts).toEqual({ forward, parameterGradients, inputGradients });
      expect(stepCost(plan, plan.step)).toMatchObject(counts);
    },
  );
});

/** The same engine; its operations on layers with parameters are counted. */
function counting(engine: Engine, counts: Counts): Engine {
  return new Proxy(engine, {
    get(target, key: keyof Engine) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        const counted = COUNTED[key];
        if (counted) counts[counted]++;
        return Reflect.apply(value, target, args);
      };
    },
  });
}
