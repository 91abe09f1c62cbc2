import { describe, expect, test } from 'vitest';
import { planBench } from '../../src/bench/bench-plan.js';
import { loadConfig } from '../../src/config/load.js';
import { totals } from '../../src/plan/cost.js';
import { fixturePlan } from '../relay/harness.js';

const load = (name: string, ...set: string[]) =>
  loadConfig(new URL(`../fixtures/${name}.yaml`, import.meta.url).pathname, set);

const ranges = (plan: ReturnType<typeof planBench>) =>
  plan.losses.map(({ name, bottom }) => [name, plan.trunk[bottom]!.name]);

describe('modes', () => {
  test('bp: the primary loss alone, down to the bottom; no auxiliary head', () => {
    const plan = planBench(load('three-loss'), { mode: 'bp' });
    expect(ranges(plan)).toEqual([['primary', 'conv1_1']]);
    expect([...plan.layers.keys()].filter((name) => name.startsWith('aux'))).toEqual([]);
    expect(totals(plan).relativeToStandardBp).toBe(1);
  });

  test('multiloss: every loss down to the bottom, the weights as they are', () => {
    const plan = planBench(load('three-loss'), { mode: 'multiloss' });
    expect(ranges(plan)).toEqual([
      ['primary', 'conv1_1'],
      ['aux3', 'conv1_1'],
      ['aux4', 'conv1_1'],
    ]);
    expect(plan.losses.map(({ weight }) => weight)).toEqual([1, 0.3, 0.5]);
  });

  test.each(['relay', 'config'] as const)('%s: as in the config', (mode) => {
    const plan = planBench(load('three-loss'), { mode });
    expect(plan.step).toEqual(fixturePlan('three-loss').step);
  });

  test('relay of a config without one is an error', () => {
    expect(() => planBench(load('multi-loss'), { mode: 'relay' })).toThrow(
      /--mode relay: in .* every loss reaches the bottom of the trunk, so nothing is relayed/,
    );
  });
});

describe('phases', () => {
  const loaded = load(
    'three-loss',
    'losses.aux3.enabled={until: 5 epochs}',
    'losses.primary.range=[{downTo: seg4}, {from: 5 epochs, downTo: seg1}]',
  );

  test('the first one, or that which is named', () => {
    expect(ranges(planBench(loaded, { mode: 'config' }))).toContainEqual(['primary', 'conv4_1']);
    const second = planBench(loaded, { mode: 'config', phase: 2 });
    expect(ranges(second).map(([name]) => name)).toEqual(['primary', 'aux4']);
    expect(ranges(second)).toContainEqual(['primary', 'conv1_1']);
  });

  test('not where the mode has losses of its own, which do not change', () => {
    expect(() => planBench(loaded, { mode: 'bp', phase: 2 })).toThrow(
      /--phase 2: with --mode bp losses do not change/,
    );
  });
});

describe('sizes', () => {
  test('a micro-batch is a whole step', () => {
    const plan = planBench(load('relay'), { mode: 'config', microBatch: 3 });
    expect([plan.microBatch, plan.config.training.batchSize]).toEqual([3, 3]);
  });

  test('unless the batch is given as well', () => {
    const plan = planBench(load('relay'), { mode: 'config', microBatch: 3, batchSize: 6 });
    expect([plan.microBatch, plan.config.training.batchSize]).toEqual([3, 6]);
  });

  test('which it must divide', () => {
    expect(() => planBench(load('relay'), { mode: 'config', microBatch: 4, batchSize: 6 })).toThrow(
      /micro-batches of 4 do not divide the batch of 6/,
    );
  });
});
