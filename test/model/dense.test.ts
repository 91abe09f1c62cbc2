import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import { chainOf, planDense } from '../../src/model/dense-form.js';
import type { ConvPlan } from '../../src/model/layers/conv.js';
import type { PoolPlan } from '../../src/model/layers/pool.js';
import type { SppPlan } from '../../src/model/layers/spp.js';
import { planNetwork } from '../../src/model/network.js';

const config = (layers: string, head: string) =>
  parseConfig(
    `version: 1
name: dense
data: {root: unused, classes: 4, resize: 12, crop: 12}
model:
  input: [12, 12, 3]
  segments:
    - name: seg1
      layers: [${layers}]
losses:
  - name: primary
    after: seg1
    head: [${head}]
  - name: auxiliary
    after: seg1
    head: [spp: [6], fc: {units: classes}]
optimizer: {lr: 0.01}
training: {steps: 1, batchSize: 4}
`,
    'c.yaml',
  ).config;

function plan(layers: string, head: string, size: [number, number]) {
  const parsed = config(layers, head);
  const trained = planNetwork(parsed);
  return { trained, dense: planDense(parsed, trained, 'primary', size) };
}

const LAYERS = '{conv: {filters: 5, kernel: 3}}, {maxpool: {size: 3, stride: 2, rounding: ceil}}';
const FC = '{fc: {units: 8, dropout: 0.5}}, {fc: {units: classes}}';

describe('planDense', () => {
  it('at the training size is the network itself', () => {
    const { trained, dense } = plan(LAYERS, FC, [12, 12]);
    expect(dense.layers).toEqual(chainOf(trained, 'primary'));
    expect(dense.output).toEqual([4]);
  });

  it('resolves windows anew: ceil rounding adds padding where this size needs it', () => {
    // 12: ceil(9 / 2) + 1 = 6, one row sticks out. 15: 6 + 1 = 7, none. 20: ceil(17 / 2) + 1 = 10, one.
    const { dense } = plan(LAYERS, FC, [15, 20]);
    const pool = dense.layers[1] as PoolPlan;
    expect(pool.output).toEqual([7, 10, 5]);
    expect(pool.window.padding).toEqual([0, 0, 0, 1]);
  });

  it('turns fully connected layers into convolutions of the trained map, then 1x1', () => {
    const { dense } = plan(LAYERS, FC, [15, 20]);
    const [fc1, dropout, fc2] = dense.layers.slice(2) as [ConvPlan, ConvPlan, ConvPlan];
    expect(fc1).toMatchObject({ type: 'conv', name: 'primary.fc1', output: [2, 5, 8] });
    expect(fc1.window).toEqual({ kernel: [6, 6], stride: [1, 1], padding: [0, 0, 0, 0] });
    expect(fc1.parameters.map(({ shape }) => shape)).toEqual([[6, 6, 5, 8], [8]]);
    expect(fc1.multiplyAdds).toBe(2 * 5 * 6 * 6 * 5 * 8);
    expect(dropout).toMatchObject({ type: 'dropout', input: [2, 5, 8], output: [2, 5, 8] });
    expect(fc2).toMatchObject({ type: 'conv', output: [2, 5, 4] });
    expect(fc2.parameters[0]!.shape).toEqual([1, 1, 8, 4]);
    expect(dense.output).toEqual([2, 5, 4]);
  });

  it('SPP keeps its bins, which grow with the map, and its fully connected layers', () => {
    const { dense } = plan(LAYERS, '{spp: [3, 1]}, {fc: {units: classes}}', [24, 36]);
    const spp = dense.layers[2] as SppPlan;
    expect(spp.input).toEqual([12, 18, 5]);
    expect(spp.levels.map(({ window }) => window.kernel)).toEqual([
      [4, 6],
      [12, 18],
    ]);
    expect(dense.layers[3]).toMatchObject({ type: 'fc', input: [50], output: [4] });
  });

  it('a global pool stays the whole map', () => {
    const head = '{avgpool: {size: global}}, {fc: {units: classes}}';
    const { dense } = plan(LAYERS, head, [24, 36]);
    expect((dense.layers[2] as PoolPlan).window.kernel).toEqual([12, 18]);
    expect(dense.layers[3]!.type).toBe('fc');
  });

  it('goes into branches', () => {
    const paths = '[fc: {units: 3}], [fc: {units: 2}]';
    const head = `{branches: {paths: [${paths}]}}, {fc: {units: classes}}`;
    const { dense } = plan(LAYERS, head, [14, 12]);
    expect(dense.layers[2]).toMatchObject({ type: 'branches', output: [2, 1, 5] });
    expect(dense.output).toEqual([2, 1, 4]);
  });

  it('goes into residual blocks, and normalizes at every position', () => {
    const block = '{residual: {layers: [fc: {units: 8}], relu: true}}';
    const head = `{fc: {units: 8}}, {batchnorm: {}}, ${block}, {fc: {units: classes}}`;
    const { dense } = plan(LAYERS, head, [14, 12]);
    expect(dense.layers[3]).toMatchObject({ type: 'batchnorm', output: [2, 1, 8] });
    expect(dense.layers[4]).toMatchObject({
      type: 'residual',
      input: [2, 1, 8],
      output: [2, 1, 8],
    });
    expect(dense.output).toEqual([2, 1, 4]);
  });

  it.each([
    [FC, 'primary.fc1 was trained on a 6x6 map; here the map is only 5x6'],
    [
      '{spp: [6]}, {fc: {units: classes}}',
      'spp: 6x6 bins need a map of at least that size; here it is 5x6',
    ],
    [
      '{branches: {paths: [[fc: {units: 3}], [spp: [1]]]}}, {fc: {units: classes}}',
      '6x6 map; here the map is only 5x6',
    ],
  ])('too small an image: %s', (head, message) => {
    expect(() => plan(LAYERS, head, [10, 12])).toThrow(message);
  });

  it('branches that end in a map and a vector cannot be joined', () => {
    const head = '{branches: {paths: [[fc: {units: 3}], [spp: [1]]]}}, {fc: {units: classes}}';
    expect(() => plan(LAYERS, head, [14, 12])).toThrow('end in different sizes: 2x1, a vector');
  });
});
