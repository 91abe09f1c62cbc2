/** `lrFactor`: what a segment, a layer and what is inside it say is multiplied; 0 is `frozen`. */
import { createColors } from 'picocolors';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import type { Engine } from '../../src/engine/engine.js';
import { type ExperimentPlan, planExperiment } from '../../src/experiment/experiment-plan.js';
import { pathsOf } from '../../src/model/network-plan.js';
import { NetworkRuntime } from '../../src/model/network-runtime.js';
import { Parameters } from '../../src/model/parameters.js';
import { planJson } from '../../src/plan/json.js';
import { planTable } from '../../src/plan/plan-table.js';
import { trainStep } from '../../src/train/train-step.js';
import { planOf } from '../model/planning.js';
import { onEveryEngine } from '../relay/engines.js';
import { randomBatch } from '../relay/harness.js';
import { SMALL_CONFIG } from '../support/configs.js';

const planWith = (...overrides: string[]): ExperimentPlan =>
  planExperiment(parseConfig(SMALL_CONFIG, 'test', ['training.microBatch=8', ...overrides]));

describe('the factors of a plan', () => {
  test('are multiplied from the segment inwards', () => {
    const residual =
      'residual: {lrFactor: 0.5, layers: [conv: {filters: 4, kernel: 3, batchNorm: true, lrFactor: 4}]}';
    const branches =
      'branches: {paths: [[conv: {filters: 2, kernel: 1}], [conv: {filters: 2, kernel: 1, lrFactor: 0}]]}';
    const plan = planOf({
      size: 8,
      batchSize: 2,
      segments: [`[conv: {filters: 4, kernel: 1, lrFactor: 3}, ${residual}, ${branches}]`],
      losses: ['{name: primary, after: seg1, head: [fc: {units: classes, lrFactor: 10}]}'],
    });
    expect(Object.fromEntries(plan.lrFactors)).toEqual({
      'conv1_1.weight': 3,
      'conv1_1.bias': 3,
      'res1_1.body.conv1.weight': 2,
      'res1_1.body.conv1_bn.weight': 2,
      'res1_1.body.conv1_bn.bias': 2,
      'res1_1.body.conv1_bn.running_mean': 2,
      'res1_1.body.conv1_bn.running_var': 2,
      'primary.fc1.weight': 10,
      'primary.fc1.bias': 10,
    });
    const [first, second] = pathsOf(plan.layers.get('branch1_1')!);
    expect([first![0]!.frozen, second![0]!.frozen]).toEqual([false, true]);
  });

  test('of a segment reach all of its layers', () => {
    const plan = planWith('model.segments.seg2.lrFactor=0.1');
    expect([...plan.lrFactors]).toEqual([
      ['conv2_1.weight', 0.1],
      ['conv2_1.bias', 0.1],
    ]);
  });

  test('are told by the table and the JSON; a factor of 1 is none', () => {
    const plan = planWith('model.segments.seg2.lrFactor=0.1', 'model.segments.seg3.lrFactor=1');
    const table = planTable(plan, createColors(false));
    expect(table).toMatch(/conv2_1 +conv 3x3 relu \(lr x 0\.1\) /);
    expect(table.match(/lr x/g)).toHaveLength(1);
    const factors = planJson(plan).layers.map(({ name, lrFactor }) => [name, lrFactor]);
    expect(factors.filter(([, factor]) => factor !== undefined)).toEqual([['conv2_1', 0.1]]);
  });

  test('0 is the same as frozen: of a segment and of a layer', () => {
    for (const place of ['seg1', 'seg1.layers.0.conv']) {
      const { config: _, ...zero } = planWith(`model.segments.${place}.lrFactor=0`);
      const { config: __, ...frozen } = planWith(`model.segments.${place}.frozen=true`);
      expect(zero).toEqual(frozen);
      expect(zero.trunk[0]).toMatchObject({ frozen: true, trainable: false });
    }
  });

  test('a negative one is refused', () => {
    expect(() => planWith('model.segments.seg2.lrFactor=-1')).toThrow(
      /model\.segments\[1\]\.lrFactor: -1: must be at least 0/,
    );
  });
});

/** Parameters and optimizer state after some steps on the same batches. */
async function trained(engine: Engine, plan: ExperimentPlan, steps: number, lr = 0.05) {
  const layers = [...plan.layers.values()];
  const parameters = new Parameters(engine, layers, 1);
  const network = new NetworkRuntime(engine, layers, parameters, 1);
  try {
    for (let step = 0; step < steps; step++) {
      const size = plan.microBatch;
      const { images, labels } = randomBatch(plan, size, step + 1);
      const batch = { images, labels, size, indices: new Int32Array(size), release() {} };
      const next = () => Promise.resolve(batch);
      await trainStep({ plan, network, parameters, next }, { step, lr });
    }
    const read = (tensors: ReturnType<Parameters['snapshot']>) =>
      new Map([...tensors].map(([name, { values }]) => [name, Float32Array.from(values)]));
    return {
      weights: read(parameters.snapshot()),
      momentum: read(parameters.snapshotSlot('momentum')),
    };
  } finally {
    parameters.dispose();
  }
}

onEveryEngine((engine) => {
  describe.each(['{lr: 1, weightDecay: 0.01}', '{type: adamw, lr: 1, weightDecay: 0.01}'])(
    '%s',
    (optimizer) => {
      const plan = (...overrides: string[]) => planWith(`optimizer=${optimizer}`, ...overrides);
      const factored = plan('model.segments.seg1.lrFactor=0.5', 'model.segments.seg3.lrFactor=4');
      const factor = (name: string) => ({ conv1: 0.5, conv3: 4 })[name.slice(0, 5)] ?? 1;

      test('the first step, weight decay included, is so many times as long', async () => {
        const none = await trained(engine(), plan(), 0);
        const plain = await trained(engine(), plan(), 1);
        const other = await trained(engine(), factored, 1);
        for (const [name, before] of none.weights) {
          const moved = (to: Float32Array) => to.map((value, i) => value - before[i]!);
          const expected = moved(plain.weights.get(name)!).map((step) => factor(name) * step);
          const found = moved(other.weights.get(name)!);
          const worst = Math.max(...found.map((step, i) => Math.abs(step - expected[i]!)));
          expect(worst, name).toBeLessThan(1e-6);
          expect(Math.max(...expected.map(Math.abs)), name).toBeGreaterThan(1e-4);
        }
      });

      test('the same factor everywhere is another learning rate, to the bit', async () => {
        const all = ['seg1', 'seg2', 'seg3'].map((name) => `model.segments.${name}.lrFactor=0.5`);
        const heads = ['primary.head.1', 'auxiliary.head.0'].map(
          (place) => `losses.${place}.fc.lrFactor=0.5`,
        );
        const halves = await trained(engine(), plan(...all, ...heads), 3);
        expect(halves).toEqual(await trained(engine(), plan(), 3, 0.025));
      });
    },
  );
});
