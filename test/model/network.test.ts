import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.js';
import { planExperiment } from '../../src/experiment/experiment-plan.js';
import type { LayerPlan } from '../../src/model/layers/table.js';
import { flatten, trunkOf } from '../../src/model/network-plan.js';
import { countParameters, totals } from '../../src/plan/cost.js';
import { fixturePlan } from '../relay/harness.js';
import { planError, planOf } from './planning.js';

const names = (layers: readonly LayerPlan[]): string[] => layers.map(({ name }) => name);

describe('names', () => {
  test('number layers by type within their segment; repeats, dropout and explicit names', () => {
    const { network } = planOf({
      size: 8,
      segments: [
        '[conv: {filters: 2, kernel: 3, repeat: 2}, maxpool: {size: 2}, relu: {}]',
        '[conv: {filters: 2, kernel: 1, dropout: 0.5}, conv: {filters: 2, kernel: 1, name: last, repeat: 2}, avgpool: {size: 2, name: mean}, dropout: 0.1]',
      ],
    });
    expect(names(trunkOf(network))).toEqual([
      'conv1_1',
      'conv1_2',
      'pool1_1',
      'relu1_1',
      'conv2_1',
      'conv2_1_dropout',
      'last_1',
      'last_2',
      'mean',
      'dropout2_1',
    ]);
  });

  test('of heads begin with the loss, of branches with the branch and its path', () => {
    const { network } = fixturePlan('multi-loss');
    expect(network.heads.map(({ layers }) => names(layers))).toEqual([
      ['primary.spp1', 'primary.fc1', 'primary.fc1_dropout', 'primary.fc2'],
      ['aux3.pool1', 'aux3.conv1', 'aux3.fc1', 'aux3.fc1_dropout', 'aux3.fc2'],
      ['aux4.pool1', 'aux4.fc1'],
    ]);
    const branch = trunkOf(network).find(({ type }) => type === 'branches')!;
    expect(names(flatten(branch))).toEqual([
      'branch3_1',
      'branch3_1.p1.conv1',
      'branch3_1.p2.conv1',
      'branch3_1.p2.conv2',
      'branch3_1.p3.pool1',
      'branch3_1.p3.conv1',
    ]);
  });
});

describe('shapes and parameters', () => {
  const { network, layers } = fixturePlan('standard');

  test('of every layer of a trunk with one of everything', () => {
    expect(trunkOf(network).map(({ name, output }) => [name, ...output])).toEqual([
      ['conv1_1', 22, 22, 6],
      ['conv1_2', 22, 22, 6],
      ['pool1_1', 11, 11, 6],
      ['conv2_1', 11, 11, 8],
      ['pool2_1', 6, 6, 8],
      ['branch3_1', 6, 6, 4 + 5 + 3],
      ['conv4_1', 6, 6, 8],
      ['conv4_1_dropout', 6, 6, 8],
      ['relu4_1', 6, 6, 8],
      ['pool4_1', 4, 4, 8],
      ['conv5_1', 4, 4, 8],
      ['pool5_1', 5, 3, 8],
    ]);
  });

  test('counted by hand', () => {
    const trunk = [
      3 * 3 * 3 * 6 + 6, // conv1_1
      3 * 2 * 6 * 6 + 6, // conv1_2
      3 * 3 * 6 * 8 + 8, // conv2_1
      8 * 4 + 4 + (9 * 8 * 4 + 4) + (9 * 4 * 5 + 5) + (8 * 3 + 3), // branch3_1
      3 * 3 * 12 * 8, // conv4_1, without bias
      3 * 3 * 8 * 8 + 8, // conv5_1
    ];
    const head = [(9 + 4 + 1) * 8 * 10 + 10, 10 * 5 + 5];
    const sum = [...trunk, ...head].reduce((total, count) => total + count, 0);
    expect(sum).toBe(4003);
    expect(countParameters([...layers.values()])).toBe(4003);
  });

  test('layouts and initialisation', () => {
    expect(layers.get('conv1_2')!.parameters).toEqual([
      {
        name: 'conv1_2.weight',
        shape: [3, 2, 6, 6],
        axes: ['height', 'width', 'in', 'out'],
        initializer: { type: 'he', fanIn: 36 },
      },
      { name: 'conv1_2.bias', shape: [6], axes: ['out'], initializer: { type: 'zeros' } },
    ]);
    expect(layers.get('primary.fc1')!.parameters).toEqual([
      {
        name: 'primary.fc1.weight',
        shape: [112, 10],
        axes: ['in', 'out'],
        initializer: { type: 'he', fanIn: 112 },
      },
      { name: 'primary.fc1.bias', shape: [10], axes: ['out'], initializer: { type: 'zeros' } },
    ]);
  });

  test('average pooling counts its declared padding, unless told not to, and never what ceil adds', () => {
    expect(layers.get('pool4_1')).toMatchObject({
      window: { kind: 'average', padding: [1, 2, 1, 2], counted: [1, 1, 1, 1] },
    });
    expect(layers.get('pool5_1')).toMatchObject({
      window: { kind: 'average', padding: [1, 1, 0, 0], counted: [0, 0, 0, 0] },
    });
  });

  test('frozen comes from the layer, the branch around it, or its segment', () => {
    const plan = fixturePlan('standard', 'model.segments.seg3.frozen=true');
    const frozen = [...plan.layers.values()].flatMap(flatten).filter((layer) => layer.frozen);
    expect(names(frozen)).toEqual(names(flatten(plan.layers.get('branch3_1')!)));
  });
});

describe('spatial pyramid pooling', () => {
  const sppOf = (size: number, bins: string) =>
    planOf({ size, segments: [`[spp: ${bins}]`] }).layers.get('spp1_1')!;

  test('cuts 14 x 14 into the bins of the released model', () => {
    const level = (bins: number, kernel: number, end: number) => ({
      bins,
      window: {
        kind: 'max',
        kernel: [kernel, kernel],
        stride: [kernel, kernel],
        padding: [0, end, 0, end],
        counted: [0, 0, 0, 0],
      },
    });
    const spp = sppOf(14, '[1, 2, 3, 7]');
    // 3 x 3: bins of 5, 5 and 4.
    expect(spp).toMatchObject({
      levels: [level(1, 14, 0), level(2, 7, 0), level(3, 5, 1), level(7, 2, 0)],
    });
    expect(spp.output).toEqual([63 * 3]);
  });

  test('where bins side by side are too few, bins of equal size overlap: 9 pixels into 7', () => {
    expect(sppOf(9, '[7]')).toMatchObject({
      levels: [{ bins: 7, window: { kernel: [3, 3], stride: [1, 1], padding: [0, 0, 0, 0] } }],
    });
  });

  test('gives every level its number of bins on every map', () => {
    for (let size = 7; size <= 40; size++) {
      const spp = sppOf(size, '[7, 3, 2, 1]');
      if (spp.type !== 'spp') throw new Error(spp.type);
      for (const { bins, window } of spp.levels) {
        const [kernel, stride, end] = [window.kernel[0], window.stride[0], window.padding[1]];
        expect(Math.floor((size + end - kernel) / stride) + 1, `${size} into ${bins}`).toBe(bins);
        // The last bin begins inside the map and reaches its end; no pixel lies between two bins.
        expect((bins - 1) * stride).toBeLessThan(size);
        expect((bins - 1) * stride + kernel - end).toBe(size);
        expect(stride).toBeLessThanOrEqual(kernel);
      }
    }
  });

  test('needs a map of at least that size', () => {
    const error = planError({ size: 6, segments: ['[spp: [7]]'] });
    expect(error.message).toContain(
      'spp: 7x7 bins need a map of at least that size; here it is 6x6',
    );
  });
});

describe('what planning refuses, with the place in the file', () => {
  const conv = '[conv: {filters: 2, kernel: 3}]';
  test.each([
    [
      'a head that ends in other than the classes',
      {
        size: 4,
        segments: [conv],
        losses: ['{name: primary, after: seg1, head: [fc: {units: 3}]}'],
      },
      'test.yaml:9:34: losses[0].head: the head ends with primary.fc1 of shape [3]; it must give 2 logits, one per class (data.classes)',
    ],
    [
      'an unknown tap',
      {
        size: 4,
        segments: [conv],
        losses: ['{name: primary, after: seg2, head: [fc: {units: 2}]}'],
      },
      'losses[0].after: "seg2" is neither a segment nor a layer of the trunk',
    ],
    [
      'the same name twice',
      {
        size: 4,
        segments: [
          '[conv: {filters: 2, kernel: 3, name: a}, conv: {filters: 2, kernel: 3, name: a}]',
        ],
      },
      'the name "a" is used twice, for a layer and for a layer',
    ],
    [
      'paths of different sizes',
      {
        size: 4,
        segments: ['[branches: {paths: [[maxpool: {size: 2}], [conv: {filters: 1, kernel: 1}]]}]'],
      },
      'the paths end in maps of different sizes: 2x2, 4x4; to be joined they must be equal',
    ],
    [
      'a convolution after an fc layer',
      { size: 4, segments: ['[fc: {units: 3}, conv: {filters: 1, kernel: 1}]'] },
      'this layer needs a [height, width, channels] map, but its input is [3]',
    ],
    [
      'micro-batches that do not divide the batch',
      { size: 4, segments: [conv], batchSize: 8, microBatch: 3 },
      'micro-batches of 3 do not divide the batch of 8',
    ],
  ])('%s', (_, network, message) => {
    expect(planError(network).message).toContain(message);
  });
});

describe('published networks', () => {
  const convs = (filters: number, repeat: number): string =>
    `conv: {filters: ${filters}, kernel: 3, repeat: ${repeat}}`;
  const fcs = '{fc: {units: 4096, relu: true, dropout: 0.5}}';
  const head = (first: string, after: string): string =>
    `{name: primary, after: ${after}, head: [${first}${fcs}, ${fcs}, {fc: {units: classes}}]}`;
  const conv = (inn: number, out: number): number => 9 * inn * out + out;
  const fc = (inn: number, out: number): number => inn * out + out;

  test('VGG-19 has its 143,667,240 parameters and 19.6 billion multiply-adds', () => {
    const plan = planOf({
      size: 224,
      classes: 1000,
      segments: [
        [64, 2],
        [128, 2],
        [256, 4],
        [512, 4],
        [512, 4],
      ].map(([filters, repeat]) => `[${convs(filters!, repeat!)}, maxpool: {size: 2}]`),
      losses: [head('', 'seg5')],
    });
    expect(totals(plan).parameters).toBe(143_667_240);
    expect(totals(plan).multiplyAdds).toBe(19_632_062_464);
  });

  test('configs/places2-modelA.yaml is VGG-19 plus three layers, with SPP (paper, Table 2)', () => {
    const file = fileURLToPath(new URL('../../configs/places2-modelA.yaml', import.meta.url));
    const plan = planExperiment(loadConfig(file));
    const trunk =
      conv(3, 64) +
      conv(64, 64) +
      conv(64, 128) +
      conv(128, 128) +
      (conv(128, 256) + 4 * conv(256, 256)) +
      (conv(256, 512) + 4 * conv(512, 512)) +
      5 * conv(512, 512);
    expect(trunk).toBe(25_334_080);
    expect(countParameters(trunkOf(plan.network))).toBe(trunk);
    expect(totals(plan).parameters).toBe(trunk + fc(32_256, 4096) + fc(4096, 4096) + fc(4096, 401));
  });

  test('model B has the 171,252,113 parameters of the released model', () => {
    const one = (k: number, kernel: number): string => `conv: {filters: ${k}, kernel: ${kernel}}`;
    const inception = (k: number, repeat: number): string =>
      `{branches: {repeat: ${repeat}, paths: [[${one(k, 1)}], [${one(k, 3)}], [${one(2 * k, 3)}, ${one(2 * k, 3)}]]}}`;
    const pool = '{maxpool: {size: 2}}';
    const plan = planOf({
      size: 224,
      classes: 401,
      segments: [
        `[{conv: {filters: 128, kernel: 7, stride: 2, padding: 3}}, ${pool}]`,
        `[${inception(64, 4)}, ${pool}]`,
        `[${inception(128, 4)}, ${pool}]`,
        `[${inception(128, 4)}]`,
      ],
      losses: [head('{spp: [1, 2, 3, 7]}, ', 'seg4')],
    });
    expect(plan.layers.get('primary.spp1')!.output).toEqual([32_256]);
    expect(totals(plan).parameters).toBe(171_252_113);
  });
});
