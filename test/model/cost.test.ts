import { describe, expect, test } from 'vitest';
import { memoryPlan } from '../../src/experiment/step-memory.js';
import { totals } from '../../src/plan/cost.js';
import { fixturePlan } from '../relay/harness.js';
import { planOf } from './planning.js';

describe('multiply-adds', () => {
  // Convolutions 1x1 on a 4 x 4 map, so that every count is 16 times inputs times outputs.
  const segments = [
    '[conv: {filters: 2, kernel: 1}]', // 16 * 3 * 2 = 96
    '[conv: {filters: 4, kernel: 1}]', // 16 * 2 * 4 = 128
    '[conv: {filters: 5, kernel: 1}]', // 16 * 4 * 5 = 320
  ];
  const head = 'head: [avgpool: {size: global}, fc: {units: classes}]';
  const primary = (range: string): string => `{name: primary, after: seg3, ${range}${head}}`; // 5 * 2
  const auxiliary = `{name: auxiliary, after: seg2, weight: 0.3, ${head}}`; // 4 * 2

  test('standard backpropagation: forward, parameters, and input gradients but for the first layer', () => {
    const { step, ...found } = totals(planOf({ size: 4, segments, losses: [primary('')] }));
    expect(found).toMatchObject({
      multiplyAdds: 96 + 128 + 320 + 10,
      auxiliaryMultiplyAdds: 0,
      relativeToStandardBp: 1,
    });
    expect(step).toEqual({
      multiplyAdds: 3 * 554 - 96,
      forward: 4,
      parameterGradients: 4,
      inputGradients: 3,
    });
  });

  test.each([
    ['both signals end at the bottom and travel as one', 'seg1'],
    ['the overlap is one layer, where the primary signal ends', 'seg2'],
  ])('relay costs the auxiliary head and nothing else where %s', (_, downTo) => {
    const losses = [primary(`range: {downTo: ${downTo}}, `), auxiliary];
    const { step } = totals(planOf({ size: 4, segments, losses }));
    expect(step.multiplyAdds).toBe(3 * 554 - 96 + 3 * 8);
  });

  test('an overlap of two layers costs one input gradient more, in its upper layer', () => {
    const losses = [
      `{name: primary, after: seg4, range: {downTo: seg2}, ${head}}`,
      `{name: auxiliary, after: seg3, weight: 0.3, ${head}}`,
    ];
    const found = totals(planOf({ size: 4, segments: [...segments, segments[2]!], losses }));
    // conv4_1 is 16 * 5 * 5 = 400; the head on seg3 now has 5 inputs. seg3 (320) carries two signals, seg2 one.
    const forward = 96 + 128 + 320 + 400 + 10;
    expect(found.step.multiplyAdds).toBe(3 * forward - 96 + 320 + 3 * 10);
    expect(found.relativeToStandardBp).toBe(found.step.multiplyAdds / (3 * forward - 96));
  });

  test('auxiliary parameters are counted apart', () => {
    const found = totals(planOf({ size: 4, segments, losses: [primary(''), auxiliary] }));
    expect(found.parameters).toBe(3 * 2 + 2 + (2 * 4 + 4) + (4 * 5 + 5) + (5 * 2 + 2));
    expect(found.auxiliaryParameters).toBe(4 * 2 + 2);
  });

  test.each(['standard', 'multi-loss'])('%s', (mode) => {
    const { relativeToStandardBp, step } = totals(fixturePlan(mode));
    const standard = totals(fixturePlan('standard')).step.multiplyAdds;
    expect(relativeToStandardBp).toBe(step.multiplyAdds / standard);
    // Signals that all go to the bottom travel as one: only the heads cost.
    expect(step.multiplyAdds - standard).toBe(mode === 'standard' ? 0 : 3 * (192 + 128 + 40 + 40));
  });
});

describe('memoryPlan', () => {
  test('the peak of a tiny network, by hand', () => {
    const plan = planOf({
      size: 4,
      segments: ['[conv: {filters: 2, kernel: 3}]'],
      batchSize: 6,
      microBatch: 3,
    });
    // Values per image: images 48, conv output 32 (kept for its ReLU and the fc layer). Most is alive in the
    // convolution's backward: both, the signal that arrives 32 and the one before the ReLU 32.
    const activations = 4 * 3 * (48 + 32 + 32 + 32);
    const [conv, fc] = [4 * (3 * 3 * 3 * 2 + 2), 4 * (32 * 2 + 2)];
    const memory = memoryPlan(plan);
    expect(memory).toMatchObject({
      activations,
      parameters: 2 * (conv + fc),
      // Two micro-batches: the sums of all, and the largest new one, which is added to its sum.
      gradients: conv + fc + fc,
      step: activations + conv + fc,
    });
    expect(memory.peak - memory.parameters - memory.step).toBe(500 * 2 ** 20);
    // In two bytes a value; but the convolution's backward has its signal and its input in four, and gradients have four.
    const config = { ...plan.config, precision: 'bf16' as const };
    expect(memoryPlan({ ...plan, config })).toMatchObject({
      activations: 3 * (2 * 48 + 2 * 32 + 4 * 32 + 4 * 48),
      gradients: memory.gradients,
    });
  });

  test('gradients that are used at once are not held', () => {
    const network = { size: 4, segments: ['[conv: {filters: 2, kernel: 3}]'], batchSize: 3 };
    expect(memoryPlan(planOf(network)).gradients).toBe(4 * (32 * 2 + 2));
    const clipped = { ...network, optimizer: '{lr: 0.1, clipNorm: 1}' };
    // All of them, and scaled copies of one after another: weights and biases are scaled by themselves.
    expect(memoryPlan(planOf(clipped)).gradients).toBe(4 * (54 + 2 + 64 + 2 + 64));
  });

  test('a loss alone keeps nothing below its range', () => {
    const layers = '[conv: {filters: 2, kernel: 1, relu: false}]';
    const head = 'head: [avgpool: {size: global}, fc: {units: classes}]';
    const frozen = '[conv: {filters: 2, kernel: 1, relu: false, frozen: true}]';
    const plan = planOf({
      size: 4,
      segments: [frozen, frozen, layers],
      losses: [`{name: primary, after: seg3, range: {layers: 1}, ${head}}`],
    });
    // Most is alive when the head's pooling goes backward: images 48, conv3_1's input and output 32 each, and of
    // the signal the 2 values that arrive and the 32 that leave. The frozen layers keep nothing.
    expect(memoryPlan(plan).activations).toBe(4 * (48 + 32 + 32 + 2 + 32));
  });
});
