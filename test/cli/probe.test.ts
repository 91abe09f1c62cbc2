/** relaybp probe on the command line: of a run, a checkpoint and a config, in a terminal and as JSON. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ProbeResult } from '../../src/commands/probe.js';
import { readSignals } from '../../src/run/rows.js';
import { type Outcome, run } from '../support/cli.js';
import { folderWith, SMALL_CONFIG } from '../support/configs.js';
import { colourImages } from '../support/images.js';

let cwd: string;
const relaybp = (...args: string[]): Promise<Outcome> =>
  run([...args, '--engine', 'wasm'], cwd, { RELAYBP_CACHE_DIR: join(cwd, 'cache') });

async function probed(target: string, ...args: string[]): Promise<ProbeResult> {
  const { code, stdout, stderr } = await relaybp('probe', target, '--json', ...args);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  return JSON.parse(stdout);
}

/** Of each layer the losses that come by; beyond their range with a star. */
const met = ({ layers }: ProbeResult): string[] =>
  layers.map(({ layer, byLoss }) => {
    const names = Object.entries(byLoss).map(([name, { inRange }]) => name + (inRange ? '' : '*'));
    return `${layer}: ${names.join(' ')}`;
  });

beforeAll(async () => {
  cwd = folderWith({});
  const config = SMALL_CONFIG.replace('data/small', await colourImages()).replace(
    'dropout: 0}',
    'dropout: 0.4}',
  );
  writeFileSync(join(cwd, 'c.yaml'), config);
  writeFileSync(
    join(cwd, 'phases.yaml'),
    config
      .replace('range: {downTo: seg2}', 'range: [{downTo: seg2}, {from: 1 epoch, downTo: seg1}]')
      .replace('weight: 0.3', 'weight: 0.3\n    enabled: {until: 1 epoch}'),
  );
  const trained = await relaybp(
    'train',
    'c.yaml',
    '--out',
    'run',
    '--set',
    'checkpoint.every=3 steps',
  );
  expect(trained).toMatchObject({ code: 0, stderr: '' });
});

describe('of a run', () => {
  it('at its last checkpoint, or at another, the same numbers each time, and the run stays as it is', async () => {
    const before = readFileSync(join(cwd, 'run/metrics.jsonl'), 'utf8');
    const last = await probed('run', '--batches', '3');
    expect(last).toMatchObject({
      format: 'relaybp-signals',
      version: 1,
      config: 'small',
      step: 6,
      epoch: 2,
      batches: 3,
      batchSize: 8,
      groups: 3,
      phase: null,
    });
    expect(last.checkpoint).toMatch(/run\/checkpoints\/step-6$/);
    expect(met(last)).toEqual([
      'conv1_1: primary* auxiliary',
      'conv2_1: primary auxiliary',
      'conv3_1: primary',
    ]);
    const { value, low, high } = last.layers[2]!.byLoss.primary!.signalToNoise;
    expect(value).toBeGreaterThan(0);
    expect(low).toBeLessThanOrEqual(value!);
    expect(high).toBeGreaterThan(value!);
    expect(last.suggestions.map(({ losses }) => losses)).toEqual([['primary', 'auxiliary']]);
    expect(await probed('run', '--batches', '3')).toEqual(last);
    const third = await probed('run/checkpoints/step-3', '--batches', '3');
    expect(third.step).toBe(3);
    expect(third.layers).not.toEqual(last.layers);
    expect(readFileSync(join(cwd, 'run/metrics.jsonl'), 'utf8')).toBe(before);
  });

  it('saves what it finds where it is told to, for the report', async () => {
    const found = await probed('run', '--batches', '3', '--save');
    const { config, checkpoint, phase, suggestions, ...row } = found;
    expect(readSignals(join(cwd, 'run'))).toEqual([row]);
    const refused: [string[], string][] = [
      [['c.yaml'], '--save: c.yaml is a config'],
      [['run', '--phase', '1'], '--save: with --phase it is not the run as it was trained'],
      [['run', '--set', 'seed=2'], '--save: with --set it is not the run as it was trained'],
    ];
    for (const [args, text] of refused) {
      const { code, stderr } = await relaybp('probe', ...args, '--save');
      expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(text) });
    }
    expect(readSignals(join(cwd, 'run'))).toHaveLength(1);
  });

  it('for people, in 80 columns', async () => {
    const { code, stdout } = await relaybp('probe', 'run', '--batches', '3');
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    expect(stdout).toMatch(/step-6: step 6, 3 batches of 8 images\n/);
    expect(stdout).toMatch(/signal to noise: .*\nlayer +primary +auxiliary\nconv3_1 /);
    expect(stdout).toMatch(/\nconv1_1 .*\d\* .*\n|\nconv1_1 .*\)\* .*\n/);
    expect(stdout).toContain("a suggestion, by the paper's rules of thumb; no result");
  });
});

describe('of a config', () => {
  it('at its initial weights', async () => {
    const first = await probed('c.yaml', '--batches', '3');
    expect(first).toMatchObject({ step: 0, epoch: 0, checkpoint: null, config: 'small' });
    expect(met(first)).toHaveLength(3);
  });

  it('with the losses of a phase: the first, or that which is named', async () => {
    const first = await probed('phases.yaml', '--batches', '3');
    expect(first.phase).toBe('at first');
    expect(met(first)).toEqual([
      'conv1_1: primary* auxiliary',
      'conv2_1: primary auxiliary',
      'conv3_1: primary',
    ]);
    const second = await probed('phases.yaml', '--batches', '3', '--phase', '2');
    expect(second.phase).toBe('from 1 epoch on');
    expect(met(second)).toEqual(['conv1_1: primary', 'conv2_1: primary', 'conv3_1: primary']);
    expect(second.suggestions).toEqual([]);
    // The same weights, images and dropout masks.
    const signals = ({ layers }: ProbeResult) => layers.map(({ byLoss }) => byLoss.primary!.mean);
    signals(second).forEach((mean, i) => {
      expect(mean).toBeCloseTo(signals(first)[i]!, 5);
    });
  });

  it('needs three batches, for intervals', async () => {
    expect(await relaybp('probe', 'c.yaml', '--batches', '2')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--batches 2: intervals need at least 3'),
    });
  });
});
