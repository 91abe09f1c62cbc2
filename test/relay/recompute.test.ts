/** Segments that keep no activations: what is planned, and that nothing changes but memory and time. */
import { describe, expect, test } from 'vitest';
import type { ExperimentPlan } from '../../src/experiment/experiment-plan.js';
import { memoryPlan } from '../../src/experiment/step-memory.js';
import { stepCost } from '../../src/plan/cost.js';
import { emptySums } from '../../src/relay/step.js';
import { planStep } from '../../src/relay/step-plan.js';
import { planOf } from '../model/planning.js';
import { onEveryEngine } from './engines.js';
import {
  fixturePlan,
  MODES,
  randomBatch,
  randomWeights,
  runPart,
  runStep,
  withNetwork,
} from './harness.js';

/** Recomputations in the order of the step: `layers < input`. */
const recomputed = ({ step }: ExperimentPlan): string[] =>
  step.microBatch.flatMap((action) =>
    action.do === 'recompute' ? [`${action.layers.join(' ')} < ${action.from}`] : [],
  );

describe('the plan', () => {
  test('each segment once, from its input, when the first signal comes', () => {
    const plan = fixturePlan('relay', 'recompute=true');
    expect(recomputed(plan)).toEqual([
      'conv5_1 pool5_1 < pool4_1',
      'conv4_1 conv4_1_dropout relu4_1 pool4_1 < branch3_1',
      'branch3_1 < pool2_1',
      'conv2_1 pool2_1 < pool1_1',
      'conv1_1 conv1_2 pool1_1 < input',
    ]);
    const actions = plan.step.microBatch;
    const at = actions.findIndex((action) => action.do === 'recompute');
    expect(actions.slice(at, at + 3)).toMatchObject([
      { do: 'recompute' },
      { do: 'free', output: 'pool4_1' },
      { do: 'backward', layer: 'pool5_1' },
    ]);
  });

  test('only the segments that are named', () => {
    expect(recomputed(fixturePlan('relay', 'recompute=[seg2, seg4]'))).toHaveLength(2);
    expect(recomputed(fixturePlan('relay', 'recompute=false'))).toEqual([]);
  });

  test('a tap inside a segment divides it', () => {
    const plan = fixturePlan('multi-loss', 'recompute=[seg2]', 'losses.aux3.after=conv2_1');
    expect(recomputed(plan)).toEqual(['pool2_1 < conv2_1', 'conv2_1 < pool1_1']);
  });

  test('layers that no signal passes do not run again', () => {
    const frozen = 'model.segments.seg1.frozen=true';
    const plan = fixturePlan('standard', 'recompute=true', frozen);
    expect(recomputed(plan).at(-1)).toBe('conv2_1 pool2_1 < pool1_1');
  });

  test('costs one forward pass more', () => {
    const [plain, plan] = ['false', 'true'].map((on) => fixturePlan('standard', `recompute=${on}`));
    const [before, after] = [plain!, plan!].map((each) => stepCost(each, each.step));
    // Convolutions of the trunk: two, one, four in the branches, one, one.
    expect(after!.forward - before!.forward).toBe(9);
    expect(after).toMatchObject({
      parameterGradients: before!.parameterGradients,
      inputGradients: before!.inputGradients,
    });
  });

  test('keeps the input of each segment, and one whole segment at a time', () => {
    const segment = '[conv: {filters: 3, kernel: 3, relu: false}]';
    const segments = Array.from({ length: 8 }, () => segment);
    const plain = planOf({ size: 8, segments });
    const { trunk, losses, heads } = plain;
    const recompute = trunk.map((layer) => layer.segment);
    const step = planStep(trunk, losses, heads, { recompute });
    // An image has as many values as any output. Most is alive in the head's fc layer: the inputs of all nine layers,
    // the signal of two values that arrives, and the one that leaves. In segments of one layer nothing is gained.
    const map = 4 * 8 * 8 * 3;
    expect(memoryPlan(plain).activations).toBe(map * (9 + 1) + 4 * 2);
    // In segments of two layers, when the highest runs again: the inputs of four segments, one inside it, its output,
    // and the signal that arrives.
    const pairs = ['seg1', 'seg2', 'seg3', 'seg4'];
    const paired = trunk.map((layer, i) => ({ ...layer, segment: pairs[i >> 1]! }));
    const again = planStep(paired, losses, heads, { recompute: pairs });
    expect(memoryPlan({ ...plain, step }).activations).toBe(map * (9 + 1) + 4 * 2);
    expect(memoryPlan({ ...plain, step: again }).activations).toBe(map * (4 + 1 + 1 + 1));
  });
});

describe('names that are no segments', () => {
  const errorOf = (value: string): { message: string; hint?: string } => {
    try {
      fixturePlan('relay', `recompute=${value}`);
    } catch (error) {
      return error as { message: string; hint?: string };
    }
    throw new Error('no error');
  };

  test.each([
    ['[sge2]', 'recompute[0]: "sge2" is not a segment', 'did you mean "seg2"?'],
    ['[seg1, body]', 'recompute[1]: "body" is not a segment', 'Segments: seg1, seg2, seg3'],
    ['[conv2_1]', '"conv2_1" is not a segment', 'conv2_1 is a layer of seg2'],
    ['[seg1, seg2, seg1]', 'recompute[2]: seg1 is named twice', 'once'],
  ])('%s', (value, message, hint) => {
    const error = errorOf(value);
    expect(error.message).toContain(`--set recompute=${value}: `);
    expect(error.message).toContain(message);
    expect(error.hint).toContain(hint);
  });

  test.each(['some', '[]', '{seg1: true}'])('%s is neither true nor a list', (value) => {
    expect(errorOf(value).message).toMatch(/recompute: .*/);
  });
});

onEveryEngine((engine) => {
  const steps = (name: string, recompute: string[] | boolean): ExperimentPlan[] => {
    const plan = fixturePlan(name, `recompute=${JSON.stringify(recompute)}`);
    return [false, true].map((early) => {
      const options = { early, recompute: plan.recompute };
      return { ...plan, step: planStep(plan.trunk, plan.losses, plan.heads, options) };
    });
  };

  test.each([...MODES, 'layers'])(
    '%s: losses, logits, gradients and running statistics are bit-identical, dropout included',
    (name) => {
      const plain = fixturePlan(name);
      const setting = {
        weights: randomWeights(plain),
        batch: randomBatch(plain, 4),
        dropout: true,
        microBatch: 2,
      };
      const expected = runStep(plain, engine(), setting);
      const tried = [true, ['seg2'], ['seg1', 'seg3']].flatMap((value) => steps(name, value));
      for (const plan of tried) {
        const found = runStep(plan, engine(), setting);
        expect(found.losses).toEqual(expected.losses);
        expect(found.logits).toEqual(expected.logits);
        expect([...found.gradients].sort()).toEqual([...expected.gradients].sort());
      }
    },
  );

  test('a tap inside a recomputed segment', () => {
    const after = 'losses.aux3.after=conv2_1';
    const plain = fixturePlan('relay', after);
    const setting = { weights: randomWeights(plain), batch: randomBatch(plain, 2) };
    const expected = runStep(plain, engine(), setting);
    for (const early of [false, true]) {
      const { trunk, losses, heads } = plain;
      const step = planStep(trunk, losses, heads, { early, recompute: ['seg2', 'seg1'] });
      const found = runStep(plain, engine(), { ...setting, step });
      expect([...found.gradients].sort()).toEqual([...expected.gradients].sort());
    }
  });

  test('a maximum pooling first in its segment: bias gradients are the same to the bit', () => {
    // Its gradient takes the ReLU below along, whose maps another segment made, and made again.
    const cut = [
      'model.segments.seg1.layers=[{conv: {filters: 16, kernel: 3}}]',
      'model.segments.seg2.layers=[{maxpool: {size: 2}}, {batchnorm: {relu: true}}, {conv: {filters: 8, kernel: 3}}]',
      'model.segments.seg3.layers=[{maxpool: {size: 2, rounding: ceil}}, {relu: {}}, {maxpool: {size: 3, stride: 1, padding: 1}}]',
    ];
    for (const name of ['standard', 'multi-loss', 'relay']) {
      const range = name === 'relay' ? ['losses.primary.range.downTo=seg2'] : [];
      const plain = fixturePlan(name, ...cut, ...range);
      const setting = { weights: randomWeights(plain), batch: randomBatch(plain, 64) };
      const expected = runStep(plain, engine(), setting);
      for (const recompute of [['seg1'], ['seg2'], ['seg1', 'seg2'], ['seg1', 'seg2', 'seg3']]) {
        for (const early of [false, true]) {
          const { trunk, losses, heads } = plain;
          const step = planStep(trunk, losses, heads, { early, recompute });
          const found = runStep(plain, engine(), { ...setting, step });
          expect([...found.gradients].sort()).toEqual([...expected.gradients].sort());
        }
      }
    }
  });

  test('running statistics follow once', () => {
    const statistics = (recompute: boolean): [string, number[]][] => {
      const plan = fixturePlan('layers', `recompute=${recompute}`);
      return withNetwork(plan, engine(), randomWeights(plan), (network, parameters) => {
        const sums = emptySums();
        network.train(0, 0);
        runPart(plan, network, plan.step, randomBatch(plan, 3), [0, 3], sums);
        for (const gradient of sums.gradients.values()) engine().dispose(gradient);
        return [...parameters.snapshot()].flatMap(([name, { values }]) =>
          name.includes('.running_') ? [[name, [...values]] as [string, number[]]] : [],
        );
      });
    };
    const found = statistics(true);
    expect(found.length).toBeGreaterThan(10);
    expect(found).toEqual(statistics(false));
  });
});
