/** A run whose losses change: its rows, its notices, and that stops and resumes leave no trace across a change. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { ConfigError, type LoadedConfig, parseConfig, train } from '../../src/index.js';
import { openCheckpoint } from '../../src/run/checkpoint.js';
import { readGradients, readMetrics } from '../../src/run/rows.js';
import { SMALL_CONFIG } from '../support/configs.js';
import { colourImages } from '../support/images.js';

vi.setConfig({ testTimeout: 240_000 });

const STEPS = 6;
let folder: string;
let images: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'relaybp-over-time-'));
  process.env.RELAYBP_CACHE_DIR = join(folder, 'cache');
  images = await colourImages();
});

/** The auxiliary loss is on in steps 1 to 4, the first segment rests in the last two; seg3 rests in steps 3 and 4. */
const changing = (...overrides: string[]): LoadedConfig =>
  parseConfig(SMALL_CONFIG.replace('data/small', images), 'c', [
    'losses.auxiliary.enabled={until: 4 steps}',
    'losses.auxiliary.weight={type: linear, start: 1, end: 0.5, until: 4 steps}',
    'losses.primary.range=[{downTo: seg2}, {from: 2 steps, layers: 0}, {from: 4 steps, downTo: seg2}]',
    'resting=[seg1, seg3]',
    `training={steps: ${STEPS}, batchSize: 8, microBatch: 4, logEvery: 1 steps}`,
    'evaluation.every=1 steps',
    'checkpoint={every: 1 steps, keep: 9}',
    'data.sampler=shuffle',
    ...overrides,
  ]);

/** What a checkpoint is made of. */
function contents(run: string, step: number) {
  const checkpoint = join(run, `checkpoints/step-${step}`);
  const { config: _, ...state } = openCheckpoint(checkpoint).state;
  return {
    tensors: ['weights', 'optimizer'].map((name) =>
      readFileSync(join(checkpoint, `${name}.safetensors`), 'base64'),
    ),
    state,
  };
}

const measured = (run: string) =>
  readMetrics(run).map(({ imagesPerSecond: _, dataWait: __, ...row }) => row);

describe.each(['{lr: 0.02, weightDecay: 0.001}', '{type: adamw, lr: 0.01, clipNorm: 1}'])(
  'with %s',
  (optimizer) => {
    it('stopped before every step and resumed it is the same to the bit', async () => {
      const type = optimizer.includes('adamw') ? 'adamw' : 'sgd';
      const config = changing(
        `optimizer=${optimizer}`,
        'losses.primary.classWeights=balanced',
        'diagnostics.gradients=every 1 steps',
        'model.segments.seg1.lrFactor=0.5',
      );
      const whole = join(folder, `whole-${type}`);
      const notices: string[] = [];
      const notice = (line: string): unknown => notices.push(line);
      await train(config, { out: whole, engine: 'wasm' }, { notice });
      expect(notices.filter((line) => /^from step|^class weights/.test(line))).toEqual([
        'class weights of primary: balanced, 0.639 (blue) to 1.92 (red)',
        'from step 3 on: primary trains its head only',
        'from step 5 on: primary down to conv2_1; auxiliary is off',
      ]);
      const parts = join(folder, `parts-${type}`);
      for (let maxSteps = 1; maxSteps <= STEPS; maxSteps++) {
        const options = { engine: 'wasm', maxSteps } as const;
        if (maxSteps === 1) await train(config, { ...options, out: parts });
        else await train(undefined, { ...options, resume: parts });
        expect(contents(parts, maxSteps)).toEqual(contents(whole, maxSteps));
      }
      expect(measured(parts)).toEqual(measured(whole));
      expect(readGradients(parts)).toEqual(readGradients(whole));
      const { rested } = contents(whole, STEPS).state;
      const counts = ['conv1_1.weight', 'conv2_1.weight', 'conv3_1.bias', 'auxiliary.fc1.weight'];
      expect(counts.map((name) => rested[name])).toEqual([2, undefined, 2, 2]);
    });
  },
);

describe('what a run says of losses over time', () => {
  it('rows have the losses that are on, and the weight of the others as 0', async () => {
    const run = join(folder, 'whole-sgd');
    const rows = readMetrics(run);
    const of = (kind: string, column: string) =>
      rows.filter((row) => row.kind === kind).map((row) => row[column]);
    expect(of('train', 'weight.auxiliary')).toEqual([1, 0.875, 0.75, 0.625, 0, 0]);
    for (const kind of ['train', 'val']) {
      expect(of(kind, 'loss.primary').every(Number.isFinite)).toBe(true);
      const on = of(kind, 'loss.auxiliary').map((loss) => loss !== undefined);
      expect(on).toEqual([true, true, true, true, false, false]);
    }
    const [head, ...lines] = readFileSync(join(run, 'metrics.csv'), 'utf8').trim().split('\n');
    expect(head).toMatch(/^kind,step,epoch,lr,weight\.auxiliary,loss\.primary,loss\.auxiliary,/);
    for (const line of lines) expect(line.split(',')).toHaveLength(head!.split(',').length);
  });

  it('gradients are measured of the losses and layers of each step', () => {
    const layers = readGradients(join(folder, 'whole-sgd')).map((row) =>
      row.layers.map(({ layer, byLoss }) => `${layer}: ${Object.keys(byLoss).join(' ')}`),
    );
    const both = ['conv1_1: auxiliary', 'conv2_1: primary auxiliary', 'conv3_1: primary'];
    const heads = ['primary.fc1: primary', 'auxiliary.fc1: auxiliary'];
    const lower = ['conv1_1: auxiliary', 'conv2_1: auxiliary'];
    const upper = ['conv2_1: primary', 'conv3_1: primary', 'primary.fc1: primary'];
    expect(layers).toEqual([
      [...both, ...heads],
      [...both, ...heads],
      [...lower, ...heads],
      [...lower, ...heads],
      upper,
      upper,
    ]);
  });

  it('a head that is off keeps its weights, a layer that rests its own and its momentum', () => {
    const tensors = (step: number, file: 'weights' | 'optimizer') =>
      openCheckpoint(join(folder, `whole-sgd/checkpoints/step-${step}`)).tensors(file);
    const same = (name: string, file: 'weights' | 'optimizer', from: number, to: number) =>
      Buffer.from(tensors(from, file).get(name)!.values.buffer).equals(
        Buffer.from(tensors(to, file).get(name)!.values.buffer),
      );
    for (const [name, from, to] of [
      ['auxiliary.fc1.weight', 4, 6],
      ['conv1_1.weight', 4, 6],
      ['conv3_1.weight', 2, 4],
    ] as const) {
      expect(same(name, 'weights', from, to), name).toBe(true);
      expect(same(`momentum/${name}`, 'optimizer', from, to), name).toBe(true);
      expect(same(name, 'weights', from - 1, from), name).toBe(false);
    }
    expect(same('conv3_1.weight', 'weights', 4, 5)).toBe(false);
  });

  it('a class that the images do not have is named before the run begins', async () => {
    const config = changing('losses.primary.classWeights={grene: 2}');
    const started = train(config, { out: join(folder, 'none'), engine: 'wasm' });
    await expect(started).rejects.toThrow(ConfigError);
    await expect(started).rejects.toThrow(/losses\[0\]\.classWeights: the training images have no/);
  });
});
