/** Several ranks against one: the same numbers, the same files; and how they end together. */
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { openCheckpoint } from '../../src/run/checkpoint.js';
import { readMetrics } from '../../src/run/rows.js';
import { findCheckpoint } from '../../src/run/run-checkpoints.js';
import { readSessions } from '../../src/run/sessions.js';
import { type Outcome, run } from '../support/cli.js';
import { SMALL_CONFIG } from '../support/configs.js';
import { colourImages } from '../support/images.js';
import { type Ended, LAUNCHERS, launch, REQUIRED } from './launchers.js';
import { expectSame, valuesOf } from './trained-values.js';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const BIN = fileURLToPath(new URL('../../bin/relaybp.js', import.meta.url));
const DIFFERS = fileURLToPath(new URL('rank-differs.js', import.meta.url));
/** 12 of the 23 images at a time, in micro-batches of 4 for 3 ranks, of 6 for 2. */
const CONFIG = SMALL_CONFIG.replace('data/small', 'photos')
  .replace('batchSize: 8, microBatch: 4', 'batchSize: 12')
  .replace('- conv: {filters: 6, kernel: 3}', '- conv: {filters: 6, kernel: 3, batchNorm: true}')
  .concat("evaluation: {every: '2 steps', batchSize: 5}\n");
const STEPS = ['--max-steps', '4', '--engine', 'wasm'];

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

const env = () => ({ RELAYBP_CACHE_DIR: join(cwd, 'cache'), HOME: cwd });
const alone = (...args: string[]): Promise<Outcome> => run(args, cwd, env());

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
}

test.skipIf(!REQUIRED)('an MPI is installed', () => {
  expect(LAUNCHERS).not.toEqual([]);
});

describe.each(LAUNCHERS)('$name', (launcher) => {
  const ranks = (size: number, ...args: string[]): Promise<Ended> =>
    launch(launcher, size, [BIN, ...args], { cwd, env: env() }).end;

  test.each([2, 3])('%i ranks train as one with as many micro-batches', async (size) => {
    const micro = ['--set', `training.microBatch=${12 / size}`];
    const one = await alone('train', 'c.yaml', ...STEPS, ...micro, '--out', 'one');
    expect(one).toMatchObject({ code: 0 });
    const many = await ranks(size, 'train', 'c.yaml', ...STEPS, ...micro, '--out', 'many');
    expect(many).toMatchObject({ code: 0, stderr: '' });
    expectSame(valuesOf(join(cwd, 'many'), 4), valuesOf(join(cwd, 'one'), 4));
    const [rows, wanted] = [readMetrics(join(cwd, 'many')), readMetrics(join(cwd, 'one'))];
    expect(rows.map(({ kind, step, top1, images }) => ({ kind, step, top1, images }))).toEqual(
      wanted.map(({ kind, step, top1, images }) => ({ kind, step, top1, images })),
    );
    rows.forEach((row, i) => {
      for (const loss of ['loss.primary', 'loss.auxiliary']) {
        expect(row[loss]).toBeCloseTo(Number(wanted[i]![loss]), 5);
      }
    });
    expect(filesOf(join(cwd, 'many'))).toEqual(filesOf(join(cwd, 'one')));
    expect(readSessions(join(cwd, 'many'))[0]!.ranks).toBe(size);
    // Rank 0 alone speaks, and steers no terminal.
    expect(many.stdout.match(/run folder: /g)).toHaveLength(1);
    expect(many.stdout).not.toContain('\u001b');
  });

  test('a run goes on with another number of ranks', async () => {
    const micro = ['--set', 'training.microBatch=4'];
    await alone('train', 'c.yaml', ...STEPS, ...micro, '--out', 'one');
    const first = ['--max-steps', '2', '--engine', 'wasm'];
    await ranks(3, 'train', 'c.yaml', ...first, ...micro, '--out', 'many');
    const resumed = await alone('train', '--resume', 'many', ...STEPS);
    expect(resumed).toMatchObject({ code: 0 });
    expectSame(valuesOf(join(cwd, 'many'), 4), valuesOf(join(cwd, 'one'), 4));
    expect(readSessions(join(cwd, 'many')).map((session) => session.ranks)).toEqual([3, undefined]);
  });

  test('ranks with another config or other images, and a batch that they do not divide, are refused', async () => {
    const differs = await launch(
      launcher,
      2,
      [DIFFERS, 'train', 'c.yaml', ...STEPS, '--out', 'run', '--rank-1', '--lr', '0.5'],
      { cwd, env: env() },
    ).end;
    expect(differs.code).toBe(2);
    expect(differs.stderr).toMatch(
      /error: rank 1 on \S+ has another config than rank 0 on \S+: "lr: 0.5" in place of "lr: 0.02"/,
    );
    writeFileSync(
      join(cwd, 'd.yaml'),
      CONFIG.replace('root: photos', `root: '\${PHOTOS:-photos}'`),
    );
    cpSync(images, join(cwd, 'fewer'), { recursive: true });
    const [name] = imagesIn(join(cwd, 'fewer', 'train')).slice(-1);
    rmSync(join(cwd, 'fewer', 'train', name!));
    const others = await launch(
      launcher,
      2,
      [DIFFERS, 'train', 'd.yaml', ...STEPS, '--out', 'run', '--rank-1', 'PHOTOS=fewer'],
      { cwd, env: env() },
    ).end;
    expect(others.code).toBe(3);
    expect(others.stderr).toMatch(
      /error: the training images that rank 1 on \S+ sees are not those of rank 0 on \S+ \(.*\): names, sizes or labels differ/,
    );
    const odd = await ranks(3, 'train', 'c.yaml', ...STEPS, '--batch-size', '8', '--out', 'run');
    expect(odd.code).toBe(2);
    expect(odd.stderr).toContain('3 ranks do not divide the batch of 8');
    expect(odd.stderr.match(/error: /g)).toHaveLength(1);
    expect(existsSync(join(cwd, 'run'))).toBe(false);
  });

  test('an image that cannot be decoded ends all ranks after the last whole step', async () => {
    const args = [
      '--set',
      'data.mean=[0,0,0]',
      '--set',
      'data.std=[1,1,1]',
      '--set',
      'data.onError.policy=fail',
    ];
    for (const name of imagesIn(join(cwd, 'photos', 'train')).slice(-2)) {
      writeFileSync(join(cwd, 'photos', 'train', name), 'no image');
    }
    const ended = await ranks(2, 'train', 'c.yaml', ...STEPS, ...args, '--out', 'run');
    expect(ended.code).toBe(3);
    expect(ended.stderr).toMatch(/error: (rank 1 on \S+: )?\S+\.jpg: cannot be decoded/);
    expect(ended.stderr.match(/error: /g)).toHaveLength(1);
  });

  test('SIGUSR1 saves, and the run goes on', async () => {
    const long = ['--engine', 'wasm', '--set', 'training.epochs=2000', '--out', 'run'];
    const { child, end } = launch(launcher, 2, [BIN, 'train', 'c.yaml', ...long], {
      cwd,
      env: env(),
    });
    await until(() => existsSync(join(cwd, 'run/metrics.jsonl')) && rows() > 2);
    child.kill('SIGUSR1');
    const { code, stderr } = await end;
    expect(code).toBe(130);
    expect(stderr).toContain('finishing the current step');
    expect(stderr.match(/finishing/g)).toHaveLength(1);
    const last = openCheckpoint(findCheckpoint(join(cwd, 'run'), 'last'));
    last.verify();
    expect(last.state.step).toBeGreaterThan(2);
    const more = ['--resume', 'run', '--max-steps', String(last.state.step + 2)];
    expect(await ranks(2, 'train', ...more, '--engine', 'wasm')).toMatchObject({ code: 0 });
  });
});

const imagesIn = (folder: string): string[] =>
  filesOf(folder).filter((name) => name.endsWith('.jpg'));

const rows = (): number => readFileSync(join(cwd, 'run/metrics.jsonl'), 'utf8').split('\n').length;

async function until(condition: () => boolean): Promise<void> {
  const limit = Date.now() + 60_000;
  while (!condition()) {
    if (Date.now() > limit) throw new Error('it takes too long');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
