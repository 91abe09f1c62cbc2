/** Plans of batch normalization, residual blocks, local response normalization and TensorFlow's padding. */
import { createColors } from 'picocolors';
import { describe, expect, test } from 'vitest';
import { loadConfig, parseConfig } from '../../src/config/load.js';
import { printConfig } from '../../src/config/print.js';
import type { ExperimentPlan } from '../../src/experiment/experiment-plan.js';
import { memoryPlan } from '../../src/experiment/step-memory.js';
import type { LayerPlan } from '../../src/model/layers/table.js';
import { flatten, memoryOf, parametersOf, trunkOf } from '../../src/model/network-plan.js';
import { countParameters, totals } from '../../src/plan/cost.js';
import { planTable } from '../../src/plan/plan-table.js';
import { type Network, planError, planOf } from './planning.js';

const plan = (size: number, ...segments: string[]): ExperimentPlan =>
  planOf({ size, segments, batchSize: 4 });
const layersOf = (experiment: ExperimentPlan): Map<string, LayerPlan> =>
  new Map(
    trunkOf(experiment.network)
      .flatMap(flatten)
      .map((layer) => [layer.name, layer]),
  );

describe('batch normalization', () => {
  test('its parameters, and its state, which does not count', () => {
    const [layer] = trunkOf(plan(4, '[batchnorm: {momentum: 0.2, epsilon: 0.001}]').network);
    expect(layer).toMatchObject({
      type: 'batchnorm',
      name: 'bn1_1',
      input: [4, 4, 3],
      output: [4, 4, 3],
      momentum: 0.2,
      epsilon: 0.001,
      relu: false,
    });
    expect(layer!.parameters).toEqual([
      { name: 'bn1_1.weight', shape: [3], axes: ['out'], initializer: { type: 'ones' } },
      { name: 'bn1_1.bias', shape: [3], axes: ['out'], initializer: { type: 'zeros' } },
      {
        name: 'bn1_1.running_mean',
        shape: [3],
        axes: ['out'],
        initializer: { type: 'zeros' },
        state: true,
      },
      {
        name: 'bn1_1.running_var',
        shape: [3],
        axes: ['out'],
        initializer: { type: 'ones' },
        state: true,
      },
    ]);
    expect(countParameters([layer!])).toBe(6);
  });

  test('beside a convolution: the ReLU moves behind it, and the bias goes', () => {
    const conv = 'conv: {filters: 2, kernel: 1, batchNorm: true, repeat: 2, dropout: 0.5}';
    const layers = layersOf(plan(4, `[${conv}]`));
    expect([...layers.keys()]).toEqual([
      'conv1_1',
      'conv1_1_bn',
      'conv1_1_bn_dropout',
      'conv1_2',
      'conv1_2_bn',
      'conv1_2_bn_dropout',
    ]);
    expect(layers.get('conv1_1')).toMatchObject({ relu: false });
    expect(layers.get('conv1_1')!.parameters.map(({ name }) => name)).toEqual(['conv1_1.weight']);
    expect(layers.get('conv1_1_bn')).toMatchObject({ relu: true, momentum: 0.1, epsilon: 1e-5 });
  });

  test.each([
    ['batchNorm: true, bias: true', ['c.weight', 'c.bias'], true],
    ['batchNorm: {momentum: 1}, relu: false', ['c.weight'], false],
    ['batchNorm: false', ['c.weight', 'c.bias'], null],
  ])('%s', (options, parameters, relu) => {
    const layers = layersOf(plan(4, `[conv: {name: c, filters: 2, kernel: 1, ${options}}]`));
    expect(layers.get('c')!.parameters.map(({ name }) => name)).toEqual(parameters);
    const normalization = layers.get('c_bn');
    expect(normalization?.type === 'batchnorm' ? normalization.relu : null).toBe(relu);
  });

  test('a frozen convolution freezes it, too', () => {
    const conv = '[conv: {filters: 2, kernel: 1, batchNorm: true, frozen: true}]';
    const layers = layersOf(plan(4, conv, '[conv: {filters: 2, kernel: 1}]'));
    expect(layers.get('conv1_1_bn')!.frozen).toBe(true);
  });

  test('a single value per channel is an error', () => {
    const head = '[fc: {units: 4}, batchnorm: {}, fc: {units: classes}]';
    const network: Network = {
      size: 2,
      segments: ['[maxpool: {size: 2}]'],
      losses: [`{name: primary, after: seg1, head: ${head}}`],
      batchSize: 4,
    };
    expect(planError({ ...network, microBatch: 1 }).message).toMatch(
      /training\.microBatch: primary\.bn1: batch normalization of \[4\] in micro-batches of 1 has one value per channel/,
    );
    expect(() => planOf({ ...network, microBatch: 2 })).not.toThrow();
  });

  test('the table says whose statistics are used', () => {
    const network = planOf({
      size: 4,
      segments: ['[batchnorm: {frozen: true}]', '[conv: {filters: 2, kernel: 1, batchNorm: true}]'],
      batchSize: 6,
      microBatch: 3,
    });
    expect(planTable(network, createColors(false))).toContain(
      "batch normalization        by the statistics of a micro-batch of 3 (layers: 1), by running statistics where frozen (1); with several ranks, of each rank's",
    );
    expect(planTable(plan(4, '[relu: {}]'), createColors(false))).not.toContain('statistics');
  });
});

test('the table tells both strides where they differ', () => {
  const table = planTable(
    plan(
      16,
      '[conv: {filters: 2, kernel: [3, 1], stride: [1, 2]}, maxpool: {size: [3, 2], stride: [2, 1]}]',
      '[conv: {filters: 2, kernel: 3, stride: 2}, avgpool: {size: [2, 3]}, conv: {filters: 2, kernel: 1}]',
    ),
    createColors(false),
  );
  expect(table).toMatch(/conv1_1 +conv 3x1\/1x2 relu +16x8x2 /);
  expect(table).toMatch(/pool1_1 +maxpool 3x2\/2x1 +7x7x2/);
  expect(table).toMatch(/conv2_1 +conv 3x3\/2 relu +4x4x2 /);
  expect(table).toMatch(/pool2_1 +avgpool 2x3\/2x3 +2x1x2/);
  expect(table).toMatch(/conv2_2 +conv 1x1 relu +2x1x2 /);
});

describe('a printed config', () => {
  test('prints the same again', () => {
    const { config } = loadConfig('test/fixtures/layers.yaml');
    const printed = printConfig(config);
    expect(printConfig(parseConfig(printed, 'printed').config)).toBe(printed);
  });
});

describe('a residual block', () => {
  const conv = (filters: number, more = ''): string =>
    `conv: {filters: ${filters}, kernel: 1${more}}`;

  test('names, shapes and counts', () => {
    const block = `residual: {layers: [${conv(5, ', stride: 2')}, ${conv(4)}], shortcut: [${conv(4, ', stride: 2')}]}`;
    const identity = `residual: {layers: [${conv(4)}], relu: false, repeat: 2}`;
    const experiment = plan(6, `[${block}, ${identity}]`);
    const layers = layersOf(experiment);
    expect([...layers.keys()]).toEqual([
      'res1_1',
      'res1_1.body.conv1',
      'res1_1.body.conv2',
      'res1_1.shortcut.conv1',
      'res1_2',
      'res1_2.body.conv1',
      'res1_3',
      'res1_3.body.conv1',
    ]);
    expect(layers.get('res1_1')).toMatchObject({
      output: [3, 3, 4],
      multiplyAdds: 9 * (3 * 5 + 5 * 4 + 3 * 4),
      relu: true,
    });
    expect(layers.get('res1_2')).toMatchObject({ output: [3, 3, 4], relu: false, shortcut: [] });
    // Body 15 + 5, 20 + 4, shortcut 12 + 4, identity blocks 16 + 4 each, fc 36 * 2 + 2
    expect(totals(experiment).parameters).toBe(20 + 24 + 16 + 2 * 20 + 74);
  });

  test('branches inside a branch inside a residual block keep their names apart', () => {
    const inner = `branches: {paths: [[${conv(1)}], [${conv(1)}]]}`;
    const outer = `branches: {paths: [[${conv(1)}], [${conv(3)}, ${inner}]]}`;
    const names = parametersOf(trunkOf(plan(4, `[residual: {layers: [${outer}]}]`).network)).map(
      ({ name }) => name,
    );
    expect(names).toContain('res1_1.body.branch1.p2.branch1.p1.conv1.weight');
    expect(new Set(names).size).toBe(names.length);
  });

  test.each([
    [
      'without a shortcut',
      `layers: [${conv(4)}]`,
      'give [6, 6, 4], but it has no shortcut, and its input is [6, 6, 3]',
    ],
    [
      'with one',
      `layers: [${conv(4, ', stride: 2')}], shortcut: [${conv(4)}]`,
      'give [3, 3, 4], but its shortcut gives [6, 6, 4]',
    ],
  ])('shapes that differ are an error that says how to mend it: %s', (_, spec, message) => {
    const error = planError({ size: 6, segments: [`[residual: {${spec}}]`] });
    expect(error.message).toContain('model.segments[0].layers[0].residual: the layers of');
    expect(error.message).toContain(message);
    expect(error.hint).toContain('shortcut: [conv: {filters: 4, kernel: 1, stride: ');
  });

  test('an error inside it names its place', () => {
    const error = planError({
      size: 6,
      segments: ['[residual: {layers: [relu: {}, conv: {filters: 1, kernel: 4}]}]'],
    });
    expect(error.message).toContain('layers[0].residual.layers[1].conv: padding "same"');
  });

  test('what its layers give is counted in memory until its backward', () => {
    const block = `[residual: {layers: [${conv(3)}, ${conv(3)}]}]`;
    // Most is alive in the upper layer's backward, 48 values each: images, the block's output, two outputs inside it,
    // the signal that waits for the shortcut, the one before the layer's ReLU, and the one that leaves.
    const { activations } = memoryPlan(planOf({ size: 4, segments: [block] }));
    expect(activations).toBe(4 * 7 * 48);
  });
});

describe('local response normalization', () => {
  test("has AlexNet's numbers by default", () => {
    const [layer] = trunkOf(plan(4, '[lrn: {}]').network);
    expect(layer).toMatchObject({ name: 'lrn1_1', size: 5, alpha: 1e-4, beta: 0.75, k: 1 });
  });

  test('needs a map, and an odd size', () => {
    const losses = ['{name: primary, after: seg1, head: [fc: {units: 2}, lrn: {}]}'];
    expect(planError({ size: 4, segments: ['[relu: {}]'], losses }).message).toMatch(
      /lrn: this layer needs a \[height, width, channels\] map/,
    );
    expect(planError({ size: 4, segments: ['[lrn: {size: 4}]'] }).message).toMatch(/odd number/);
  });
});

describe('padding tf-same', () => {
  // Size, kernel, stride; output and padding before and after as TensorFlow's SAME gives them.
  test.each([
    [224, 3, 2, 112, 0, 1],
    [299, 3, 2, 150, 1, 1],
    [35, 5, 1, 35, 2, 2],
    [5, 2, 1, 5, 0, 1],
    [7, 1, 2, 4, 0, 0],
    [10, 3, 4, 3, 0, 1],
  ])('of %d pixels under a kernel of %d, stride %d', (size, kernel, stride, out, start, end) => {
    const options = `kernel: ${kernel}, stride: ${stride}, padding: tf-same`;
    const [layer] = trunkOf(plan(size, `[conv: {filters: 1, ${options}}]`).network);
    expect(layer).toMatchObject({
      output: [out, out, 1],
      window: { padding: [start, end, start, end] },
    });
  });

  test('of an average pooling never counts', () => {
    const [layer] = trunkOf(plan(6, '[avgpool: {size: 3, stride: 2, padding: tf-same}]').network);
    expect(layer).toMatchObject({
      window: { padding: [0, 1, 0, 1], counted: [0, 0, 0, 0] },
      output: [3, 3, 3],
    });
  });
});

describe('memory of the parameters', () => {
  const bytes = (optimizer: string): number =>
    memoryPlan(planOf({ size: 4, segments: ['[batchnorm: {}]'], optimizer })).parameters;

  test.each([
    ['{lr: 0.1}', 2, 1],
    ['{type: adamw, lr: 0.1}', 3, 1],
    ['{lr: 0.1, ema: 0.9}', 3, 2],
  ])('%s', (optimizer, copies, statistics) => {
    // Weight and bias 6, running statistics 6, fc 48 * 2 + 2
    expect(bytes(optimizer)).toBe(4 * ((6 + 98) * copies + 6 * statistics));
  });
});

describe('what a pass keeps of the layers inside', () => {
  const kept = (layer: string) => memoryOf(trunkOf(plan(4, `[${layer}]`).network)[0]!);

  test('masks of dropout, in however many blocks', () => {
    const inner = 'residual: {layers: [conv: {filters: 3, kernel: 3, dropout: 0.5}]}';
    // Outputs of the convolution and of dropout, and its mask.
    expect(kept(inner)).toMatchObject({ values: 3 * 48, bytes: 0 });
    // The output of the inner block besides.
    expect(kept(`residual: {layers: [${inner}]}`)).toMatchObject({ values: 4 * 48, bytes: 0 });
  });

  test('positions of maxima, of pyramids as of poolings', () => {
    const pool = 'maxpool: {size: 2, stride: 1, padding: 1}';
    const pooled = kept(`branches: {paths: [[${pool}], [${pool}]]}`);
    expect(pooled).toMatchObject({ values: 2 * 75, bytes: 2 * 75 });
    // Two levels of 4 and 1 bins; they are joined from as many values that are kept too.
    const pyramid = kept('branches: {paths: [[spp: [2, 1]], [spp: [1]]]}');
    expect(pyramid).toMatchObject({ values: 2 * (15 + 3), bytes: 15 + 3 });
  });
});
