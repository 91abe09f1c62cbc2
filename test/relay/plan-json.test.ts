import { expect, test } from 'vitest';
import { flatten } from '../../src/model/network-plan.js';
import { planJson } from '../../src/plan/json.js';
import { fixturePlan, MODES } from './harness.js';

test('losses with tap, range and head, by name', () => {
  const { losses } = planJson(fixturePlan('three-loss'));
  expect(losses).toEqual([
    {
      name: 'primary',
      weight: 1,
      primary: true,
      after: 'pool5_1',
      range: {
        from: 'pool5_1',
        downTo: 'conv4_1',
        lowestTrained: 'conv4_1',
        layers: ['conv4_1', 'conv4_1_dropout', 'relu4_1', 'pool4_1', 'conv5_1', 'pool5_1'],
      },
      head: ['primary.spp1', 'primary.fc1', 'primary.fc1_dropout', 'primary.fc2'],
    },
    {
      name: 'aux3',
      weight: 0.3,
      primary: false,
      after: 'branch3_1',
      range: {
        from: 'branch3_1',
        downTo: 'conv1_1',
        lowestTrained: 'conv1_1',
        layers: ['conv1_1', 'conv1_2', 'pool1_1', 'conv2_1', 'pool2_1', 'branch3_1'],
      },
      head: ['aux3.pool1', 'aux3.conv1', 'aux3.fc1', 'aux3.fc1_dropout', 'aux3.fc2'],
    },
    {
      name: 'aux4',
      weight: 0.5,
      primary: false,
      after: 'pool4_1',
      range: {
        from: 'pool4_1',
        downTo: 'branch3_1',
        lowestTrained: 'branch3_1',
        layers: ['branch3_1', 'conv4_1', 'conv4_1_dropout', 'relu4_1', 'pool4_1'],
      },
      head: ['aux4.pool1', 'aux4.fc1'],
    },
  ]);
});

test('a range without trunk layers', () => {
  const plan = fixturePlan(
    'standard',
    'losses.primary.range={layers: 0}',
    ...[1, 2, 3, 4, 5].map((n) => `model.segments.seg${n}.frozen=true`),
  );
  expect(planJson(plan).losses[0]!.range).toEqual({
    from: null,
    downTo: null,
    lowestTrained: null,
    layers: [],
  });
});

test('which losses update which layers', () => {
  const { layers } = planJson(fixturePlan('three-loss'));
  const updated = layers.filter(({ updatedBy }) => updatedBy.length > 0);
  expect(updated.map(({ name, updatedBy }) => [name, ...updatedBy])).toEqual([
    ['conv1_1', 'aux3'],
    ['conv1_2', 'aux3'],
    ['conv2_1', 'aux3'],
    ['branch3_1', 'aux3', 'aux4'],
    ['conv4_1', 'primary', 'aux4'],
    ['conv5_1', 'primary'],
    ['primary.fc1', 'primary'],
    ['primary.fc2', 'primary'],
    ['aux3.conv1', 'aux3'],
    ['aux3.fc1', 'aux3'],
    ['aux3.fc2', 'aux3'],
    ['aux4.fc1', 'aux4'],
  ]);
});

test.each(MODES)('%s: plain data that survives JSON, with every layer once', (mode) => {
  const plan = fixturePlan(mode);
  const json = planJson(plan);
  expect(JSON.parse(JSON.stringify(json))).toEqual(json);
  expect(json.formatVersion).toBe(1);
  expect(json.layers.map(({ name }) => name)).toEqual([...plan.layers.keys()]);
  expect(new Set(json.layers.flatMap(flatten).map(({ name }) => name)).size).toBe(
    json.layers.flatMap(flatten).length,
  );
});

test('the optimizer with every default, to update as relaybp does', () => {
  expect(planJson(fixturePlan('relay', 'optimizer={lr: 0.5}')).optimizer).toEqual({
    type: 'sgd',
    lr: 0.5,
    weightDecay: 0,
    decayBiases: true,
    momentum: 0.9,
    nesterov: false,
  });
});
