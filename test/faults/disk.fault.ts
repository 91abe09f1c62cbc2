/** A run folder that cannot be written: a clear error, the last checkpoint intact, and the run goes on afterwards. */
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { verifyCheckpoint } from '../../src/checkpoint/checkpoint.js';
import { findCheckpoint } from '../../src/checkpoint/run-checkpoints.js';
import { colourImages } from '../support/images.js';
import {
  expectSame,
  expectSound,
  expectTidy,
  NOBODY,
  need,
  set,
  times,
  Workplace,
} from './support.js';

let images: string;
let place: Workplace;
let mounted: string[] = [];

beforeAll(async () => {
  images = await colourImages();
  chmodSync(images, 0o755);
});
beforeEach(() => {
  place = new Workplace(images);
});
afterEach(() => {
  for (const path of mounted) need('umount', path);
  mounted = [];
});

function mount(path: string, ...options: string[]): void {
  need('mount', ...options, path);
  mounted.unshift(path);
}

/** Keeps every checkpoint, one a step. */
const SETTINGS = set(
  'training={steps: 30, batchSize: 8, microBatch: 4, logEvery: 1 steps}',
  'checkpoint={every: 1 steps, keep: 100}',
  'evaluation.every=5 steps',
);

const whole = async (): Promise<string> => {
  expect(await place.train([...SETTINGS, '--out', 'whole'])).toMatchObject({ code: 0 });
  return place.at('whole');
};

/** What a refused training says and leaves. */
function expectStopped(
  { code, stderr }: { code: number | null; stderr: string },
  run: string,
  reason: RegExp,
): void {
  expect(stderr).toMatch(/^error: .*run.*/m);
  expect(stderr).toMatch(reason);
  expect(stderr).toMatch(/^hint: /m);
  expect(stderr).not.toMatch(/^\s+at /m); // no stack
  expect(code).toBe(4);
  if (existsSync(join(run, 'last'))) verifyCheckpoint(findCheckpoint(run));
}

const SIZES = times(3, 24);
it(`disk full at ${SIZES} different fillings: says so, leaves whole checkpoints, and goes on to the same numbers with more room`, async () => {
  const reference = await whole();
  const disk = place.at('disk');
  mkdirSync(disk);
  mount(disk, '-t', 'tmpfs', '-o', 'size=100k', 'tmpfs');
  const run = join(disk, 'run');
  const failed = new Set<string>();
  for (let i = 0; i < SIZES; i++) {
    // From too little for a config to room for most of the checkpoints; a checkpoint takes about 40 KiB.
    const pages = 1 + Math.round((i * 220) / Math.max(1, SIZES - 1)) + (i % 7);
    need('mount', '-o', `remount,size=${4 * pages}k`, disk);
    const outcome = await place.train([...SETTINGS, '--out', run]);
    expectStopped(outcome, run, /no space left on device/);
    failed.add(/error: (\S+?)(\d+)?:/.exec(outcome.stderr)![1]!.replace(disk, ''));
    if (existsSync(run)) expectSound(run);
    need('mount', '-o', 'remount,size=100m', disk);
    const resumed = await place.train([...SETTINGS, '--out', run, '--resume']);
    expect(resumed).toMatchObject({ code: 0 });
    expectSame(run, reference);
    expectTidy(run);
    rmSync(run, { recursive: true });
  }
  console.log(`disk full: refused at ${[...failed].sort().join(', ')}`);
});

const REPEATS = times(1, 5);

it(`run folder made read-only during training (${REPEATS} times)`, async () => {
  const reference = await whole();
  for (let i = 0; i < REPEATS; i++) {
    const run = place.at(`run-${i}`);
    const { outcome, stdout } = place.startTrain([...SETTINGS, '--out', run]);
    while (!stdout().includes(`step ${3 + i}/`)) await sleep(2);
    mount(run, '--bind', run);
    need('mount', '-o', 'remount,bind,ro', run);
    expectStopped(await outcome, run, /read-only file system/);
    expectSound(run);
    // Nor can it be gone on with, or begun, while it is.
    const refused = await place.train([...SETTINGS, '--out', run, '--resume']);
    expectStopped(refused, run, /run folder cannot be written: EROFS/);
    need('umount', run);
    mounted = mounted.filter((path) => path !== run);
    const resumed = await place.train([...SETTINGS, '--out', run, '--resume']);
    expect(resumed).toMatchObject({ code: 0 });
    expectSame(run, reference);
    expectTidy(run);
  }
});

it(`run folder removed or renamed during training (${2 * REPEATS} times): no half of it is made anew`, async () => {
  for (let i = 0; i < 2 * REPEATS; i++) {
    const run = place.at(`run-${i}`);
    const { outcome, stdout } = place.startTrain([...SETTINGS, '--out', run]);
    while (!stdout().includes(`step ${2 + (i >> 1)}/`)) await sleep(2);
    if (i % 2 === 0) renameSync(run, `${run}-away`);
    else while (existsSync(run)) rmSync(run, { recursive: true, force: true, maxRetries: 5 });
    expectStopped(await outcome, run, /no such file or directory/);
    expect(existsSync(run)).toBe(false);
    if (i % 2 === 0) expectSound(`${run}-away`);
  }
});

it('no permission for the run folder, as a user without rights', async () => {
  chmodSync(place.cwd, 0o755);
  const mine = place.at('mine');
  mkdirSync(mine);
  chownSync(mine, NOBODY, NOBODY);
  const as = { uid: NOBODY };
  const cache = place.at('nobody');
  mkdirSync(cache);
  chownSync(cache, NOBODY, NOBODY);
  place.env.RELAYBP_CACHE_DIR = cache;
  // Were the checkout out of this user's reach, this would fail, and not pass for want of a fault.
  const works = await place.train([...SETTINGS, '--out', 'mine/run', '--max-steps', '2'], as);
  expect(works).toMatchObject({ code: 0 });

  chmodSync(join(mine, 'run'), 0o555);
  chmodSync(join(mine, 'run/checkpoints'), 0o555);
  const locked = await place.train([...SETTINGS, '--out', 'mine/run', '--resume'], as);
  expectStopped(locked, place.at('mine/run'), /run folder cannot be written: EACCES/);
  expectSound(place.at('mine/run'));
  chmodSync(join(mine, 'run'), 0o755);
  const noCheckpoint = await place.train([...SETTINGS, '--out', 'mine/run', '--resume'], as);
  expectStopped(noCheckpoint, place.at('mine/run'), /checkpoint could not be written: EACCES/);
  expectSound(place.at('mine/run'));

  mkdirSync(place.at('theirs'), { mode: 0o755 });
  const elsewhere = await place.train([...SETTINGS, '--out', 'theirs/run'], as);
  expect(elsewhere.code).toBe(4);
  expect(elsewhere.stderr).toMatch(/theirs\/run: the run folder cannot be made: EACCES/);
  expect(readdirSync(place.at('theirs'))).toEqual([]);
});

it('temporary files that a crash left are cleaned up at the next start, others stay', async () => {
  expect(await place.train([...SETTINGS, '--out', 'run', '--max-steps', '2'])).toMatchObject({
    code: 0,
  });
  const stale = [
    'checkpoints/.writing-step-3-77/weights.safetensors',
    'checkpoints/.removing-step-1/state.json',
    'checkpoints/.old-step-2/state.json',
    'metrics.jsonl.0a1b2c3d.tmp',
    'last.0a1b2c3d.tmp',
    'lock.0a1b2c3d.json.tmp',
  ];
  for (const file of [...stale, 'notes.tmp', 'checkpoints/notes.txt']) {
    const path = place.at('run', file);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, 'half');
  }
  const resumed = await place.train([...SETTINGS, '--out', 'run', '--resume', '--max-steps', '3']);
  expect(resumed).toMatchObject({ code: 0 });
  for (const file of stale) expect(existsSync(place.at('run', file)), file).toBe(false);
  expect(existsSync(place.at('run/notes.tmp'))).toBe(true);
  expect(existsSync(place.at('run/checkpoints/notes.txt'))).toBe(true);
});
