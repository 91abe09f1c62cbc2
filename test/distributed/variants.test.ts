/** Several ranks in trainings of other kinds: several micro-batches each, losses over time, the native engine; launch. */
import { cpSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { locateNative } from '../../src/engine/locate.js';
import { openCheckpoint } from '../../src/run/checkpoint.js';
import { readMetrics } from '../../src/run/rows.js';
import { findCheckpoint } from '../../src/run/run-checkpoints.js';
import { run, start } from '../support/cli.js';
import { SMALL_CONFIG } from '../support/configs.js';
import { colourImages } from '../support/images.js';
import { LAUNCHERS, type Launcher, launch, REQUIRED } from './launchers.js';
import { expectSame, largestDifference, valuesOf } from './trained-values.js';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const BIN = fileURLToPath(new URL('../../bin/relaybp.js', import.meta.url));
const CONFIG = SMALL_CONFIG.replace('data/small', 'photos').replace(
  'batchSize: 8, microBatch: 4',
  'batchSize: 12, microBatch: 6',
);
const set = (...keys: string[]): string[] => keys.flatMap((key) => ['--set', key]);

let cwd: string;
let images: string;

beforeAll(async () => {
  images = await colourImages();
});
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'relaybp-ranks-'));
  cpSync(images, join(cwd, 'photos'), { recursive: true });
  writeFileSync(join(cwd, 'c.yaml'), CONFIG);
});

const env = () => ({ RELAYBP_CACHE_DIR: join(cwd, 'cache'), TF_NUM_INTRAOP_THREADS: '1' });
const at = (...names: string[]): string => join(cwd, ...names);

test.skipIf(!REQUIRED)('an MPI is installed', () => {
  expect(LAUNCHERS).not.toEqual([]);
});

/** What these differ in has nothing to do with the library. */
describe.each(LAUNCHERS.slice(0, 1))('$name', (launcher) => {
  /** The same training by one process and by two. */
  async function both(...args: string[]) {
    const all = ['train', 'c.yaml', ...args];
    const one = await run([...all, '--out', 'one'], cwd, env());
    expect(one).toMatchObject({ code: 0, stderr: '' });
    const two = await launch(launcher, 2, [BIN, ...all, '--out', 'two'], { cwd, env: env() }).end;
    expect(two).toMatchObject({ code: 0, stderr: '' });
    return { one, two };
  }

  test('with two micro-batches each: within a millionth after a step', async () => {
    await both('--engine', 'wasm', '--max-steps', '1', ...set('training.microBatch=3'));
    const [one, two] = [valuesOf(at('one'), 1), valuesOf(at('two'), 1)];
    expect(largestDifference(two.optimizer, one.optimizer)).toBeLessThanOrEqual(1e-6);
    expect(largestDifference(two.weights, one.weights)).toBeLessThanOrEqual(1e-6);
  });

  test('with losses that change: the same numbers, and what each rank has waited', async () => {
    const { two } = await both(
      ...['--engine', 'wasm'],
      ...set(
        'losses.auxiliary.enabled={until: 4 steps}',
        'losses.auxiliary.weight={type: linear, start: 1, end: 0.5, until: 4 steps}',
        'losses.primary.range=[{downTo: seg2}, {from: 2 steps, layers: 0}, {from: 4 steps, downTo: seg2}]',
        'resting=[seg1, seg3]',
        'training={steps: 6, batchSize: 12, microBatch: 6, logEvery: 1 steps}',
        'evaluation={every: 2 steps, batchSize: 5}',
        'data.sampler=shuffle',
      ),
    );
    expectSame(valuesOf(at('two'), 6), valuesOf(at('one'), 6));
    expect(hits(at('two'))).toEqual(hits(at('one')));
    expect(two.stdout).toMatch(/img\/s {2}data wait \d+ % {2}wait for ranks \d+ %/);
    expect(waits(at('two'))).toEqual(Array(6).fill([0, 1]));
    expect(readMetrics(at('two')).filter(({ rankWait }) => Number(rankWait) >= 0)).toHaveLength(6);
  });

  test.skipIf(!locateNative())('on the native engine: to the bit', async () => {
    await both('--engine', 'native', '--max-steps', '3');
    expectSame(valuesOf(at('two'), 3), valuesOf(at('one'), 3));
    expect(hits(at('two'))).toEqual(hits(at('one')));
  });
});

describe.each(LAUNCHERS.filter(({ env: own }) => !own.RELAYBP_MPI))(
  'launch by $name',
  (launcher) => {
    test('SIGTERM saves the step and ends with 130; with more ranks it goes on', async () => {
      const found = { ...env(), ...onPath(launcher) };
      const long = ['train', 'c.yaml', '--engine', 'wasm', '--out', 'run'];
      const many = set('training={steps: 9000, batchSize: 12}');
      const { child, outcome } = start(['launch', '-n', '2', '--', ...long, ...many], cwd, found);
      await until(() => existsSync(at('run/metrics.jsonl')) && readMetrics(at('run')).length > 2);
      child.kill('SIGTERM');
      const { code, stderr } = await outcome;
      expect(stderr.match(/finishing the current step/g)).toHaveLength(1);
      expect(code).toBe(130);
      const last = openCheckpoint(findCheckpoint(at('run'), 'last'));
      last.verify();
      const { step } = last.state;
      expect(step).toBeGreaterThan(2);
      const more = [
        'train',
        '--resume',
        'run',
        '--engine',
        'wasm',
        '--max-steps',
        String(step + 2),
      ];
      expect(await run(['launch', '-n', '3', '--', ...more], cwd, found)).toMatchObject({
        code: 0,
      });
      expect(openCheckpoint(findCheckpoint(at('run'), 'last')).state.step).toBe(step + 2);
    });

    test('what is no training is refused, and how a training ends is how launch ends', async () => {
      const found = { ...env(), ...onPath(launcher) };
      const refused = await run(['launch', '-n', '2', '--', 'plan', 'c.yaml'], cwd, found);
      expect(refused).toMatchObject({ code: 2 });
      expect(refused.stderr).toContain('launch starts trainings and benchmarks, not "plan"');
      const broken = await run(['launch', '-n', '2', '--', 'train', 'none.yaml'], cwd, found);
      expect(broken).toMatchObject({ code: 2 });
      expect(broken.stderr.match(/error: /g)).toHaveLength(1);
    });
  },
);

/** As a system's MPI is found. */
const onPath = ({ mpirun }: Launcher) => ({
  PATH: [dirname(mpirun), process.env.PATH].join(delimiter),
});

const hits = (folder: string) =>
  readMetrics(folder).map(({ kind, step, top1, top5, images: n }) => ({
    kind,
    step,
    top1,
    top5,
    n,
  }));

/** The ranks of each row of the log that has them. */
function waits(folder: string): number[][] {
  const rows = readFileSync(join(folder, 'log.jsonl'), 'utf8').trim().split('\n');
  return rows
    .map((row) => (JSON.parse(row) as { ranks?: { rank: number; host: string }[] }).ranks)
    .flatMap((ranks) => (ranks ? [ranks.map(({ rank }) => rank)] : []));
}

async function until(condition: () => boolean): Promise<void> {
  const limit = Date.now() + 60_000;
  while (!condition()) {
    if (Date.now() > limit) throw new Error('it takes too long');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
