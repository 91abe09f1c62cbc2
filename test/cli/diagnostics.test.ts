/** diagnostics.gradients, diagnostics.signals and logging.tensorboard on the command line: with and without, whole and resumed. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readGradients, readMetrics, readSignals } from '../../src/run/rows.js';
import { type Outcome, run } from '../support/cli.js';
import { SMALL_CONFIG } from '../support/configs.js';
import { colourImages } from '../support/images.js';

let cwd: string;
const relaybp = (...args: string[]): Promise<Outcome> =>
  run(args, cwd, { RELAYBP_CACHE_DIR: join(cwd, 'cache') });
const train = (out: string, ...args: string[]): Promise<Outcome> =>
  relaybp(
    'train',
    'c.yaml',
    '--engine',
    'wasm',
    '--set',
    'training.logEvery=1 step',
    '--out',
    out,
    ...args,
  );
const MEASURED = [
  '--set',
  'diagnostics.gradients=every 2 steps',
  '--set',
  'diagnostics.signals={every: 2 steps, batches: 3}',
  '--set',
  'logging.tensorboard=true',
];
const LINES = ['gradients.jsonl', 'signals.jsonl'];
const bits = (folder: string, name: string): string =>
  readFileSync(join(cwd, folder, 'checkpoints/step-6', `${name}.safetensors`)).toString('base64');
/** Rows without what depends on the clock. */
const rows = (folder: string): object[] =>
  readMetrics(join(cwd, folder)).map(({ imagesPerSecond, dataWait, ...row }) => row);

beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'relaybp-cli-'));
  const config = SMALL_CONFIG.replace('data/small', await colourImages())
    .replaceAll('kernel: 3}', 'kernel: 3, batchNorm: true}')
    .replace('dropout: 0}', 'dropout: 0.4}');
  writeFileSync(join(cwd, 'c.yaml'), config);
  expect(await train('plain')).toMatchObject({ code: 0, stderr: '' });
  expect(await train('measured', ...MEASURED)).toMatchObject({ code: 0, stderr: '' });
});

describe('a training with diagnostics and event files', () => {
  it('has the same weights, state and metrics as one without', () => {
    for (const name of ['weights', 'optimizer', 'normalization']) {
      expect(bits('measured', name), name).toBe(bits('plain', name));
    }
    expect(rows('measured')).toEqual(rows('plain'));
    expect(readGradients(join(cwd, 'measured')).map(({ step }) => step)).toEqual([1, 2, 4, 6]);
    expect(readdirSync(join(cwd, 'measured/tensorboard'))).toEqual(['train', 'val']);
    for (const name of ['gradients.jsonl', 'signals.jsonl', 'tensorboard']) {
      expect(existsSync(join(cwd, 'plain', name)), name).toBe(false);
    }
  });

  it('has the signals that a probe of its checkpoint finds', async () => {
    const rows = readSignals(join(cwd, 'measured'));
    expect(rows.map(({ step }) => step)).toEqual([0, 2, 4, 6]);
    expect(new Set(rows.map(({ layers }) => JSON.stringify(layers))).size).toBe(4);
    const probe = ['probe', 'measured', '--batches', '3', '--json', '--engine', 'wasm'];
    const { stdout } = await relaybp(...probe);
    const { config, checkpoint, phase, suggestions, ...row } = JSON.parse(stdout);
    expect(checkpoint).toMatch(/step-6$/);
    expect(row).toEqual(rows.at(-1));
  });

  it('doubles no row when it is resumed from an earlier checkpoint, in no file', async () => {
    const every = ['--set', 'checkpoint.every=1 step', '--set', 'checkpoint.keep=9'];
    await train('parts', ...MEASURED, ...every, '--max-steps', '5');
    // Past the checkpoint that is resumed: taken out. Torn by a crash: dropped.
    for (const name of LINES) {
      writeFileSync(join(cwd, 'parts', name), '{"step":6,"epo', { flag: 'a' });
    }
    const { code, stderr } = await relaybp(
      'train',
      '--resume',
      'parts/checkpoints/step-3',
      '--engine',
      'wasm',
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(bits('parts', 'weights')).toBe(bits('measured', 'weights'));
    for (const name of LINES) {
      expect(readFileSync(join(cwd, 'parts', name), 'utf8'), name).toBe(
        readFileSync(join(cwd, 'measured', name), 'utf8'),
      );
    }
    expect(rows('parts').filter((row) => 'lr' in row)).toHaveLength(6);
    const [, ...lines] = readFileSync(join(cwd, 'parts/metrics.csv'), 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => line.split(',').slice(0, 2).join(' '))).toEqual(
      readMetrics(join(cwd, 'parts')).map(({ kind, step }) => `${kind} ${step}`),
    );
    expect(new Set(lines).size).toBe(lines.length);
    expect(readdirSync(join(cwd, 'parts/tensorboard/train'))).toHaveLength(2);
  });

  it('refuses too few batches', async () => {
    const few = ['--set', 'diagnostics.signals={every: 2 steps, batches: 2}'];
    const { code, stderr } = await train('bad', ...few);
    expect(code).toBe(2);
    expect(stderr).toContain('diagnostics.signals.batches');
  });

  it('refuses an interval that is none', async () => {
    const { code, stderr } = await train('bad', '--set', 'diagnostics.gradients=often');
    expect(code).toBe(2);
    expect(stderr).toContain('diagnostics.gradients');
    expect(stderr).toContain(
      'an interval: "every 500 steps", "every 2 epochs", or a number of epochs',
    );
  });
});
