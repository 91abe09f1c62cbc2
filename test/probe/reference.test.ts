/**
 * Signals of three losses in every layer below their taps against PyTorch in float64; scripts/reference-probe.py wrote
 * the fixture.
 */
import { expect, test } from 'vitest';
import { planSignals } from '../../src/probe/signal-plan.js';
import { onEveryEngine } from '../relay/engines.js';
import { fixturePlan, fixtureTensors, startingWith } from '../relay/harness.js';
import { measured, numbersOf } from './measuring.js';

const reference = fixtureTensors('signals');
const images = reference.get('images')!;
const [batches, size] = images.shape as [number, number];
const labels = Int32Array.from(reference.get('labels')!.values);
const weights = startingWith('parameter/', reference);
const expected = new Map(
  [...reference].filter(([name]) => !/^(images|labels|parameter)/.test(name)),
);

onEveryEngine((engine) => {
  test.each([size, size / 2])('in micro-batches of %i', async (microBatch) => {
    const sizes = [`training.batchSize=${size}`, `training.microBatch=${microBatch}`];
    const plan = fixturePlan('three-loss', ...sizes);
    const data = { images: images.values, labels };
    const row = await measured(plan, engine(), weights, data, batches);
    const found = numbersOf(row);
    expect([...found.keys()].sort()).toEqual([...expected.keys()].sort());
    const tooFar = [...expected].flatMap(([name, { values }]) => {
      const own = found.get(name)!;
      const near = [...values].every((value, i) => {
        const one = own[i] ?? Number.NaN;
        if (Number.isNaN(value)) return Number.isNaN(one);
        return Math.abs(one - value) <= 2e-5 + 1e-4 * Math.abs(value);
      });
      return near ? [] : [{ name, own, values: [...values] }];
    });
    expect(tooFar).toEqual([]);
    expect(row.groups).toBe(batches);
  });
});

test('beyond their ranges, too, signals are measured, which training would not let get there', () => {
  const { layers, losses } = planSignals(fixturePlan('three-loss'));
  const met = layers.map(({ name, losses: own }) => [name, ...own.map((i) => losses[i]!.name)]);
  expect(met).toEqual([
    ['conv1_1', 'primary', 'aux3', 'aux4'],
    ['conv1_2', 'primary', 'aux3', 'aux4'],
    ['conv2_1', 'primary', 'aux3', 'aux4'],
    ['branch3_1', 'primary', 'aux3', 'aux4'],
    ['conv4_1', 'primary', 'aux4'],
    ['conv5_1', 'primary'],
  ]);
});
