/** A run folder that cannot be written: a clear error, the last checkpoint intact, and the run goes on afterwards. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { openCheckpoint } from '../../src/run/checkpoint.js';
import { findCheckpoint } from '../../src/run/run-checkpoints.js';
import type { Outcome } from '../support/cli.js';
import { colourImages } from '../support/images.js';
import {
  expectSame,
  expectSound,
  expectTidy,
  giveAway,
  injecting,
  MOUNTS,
  need,
  set,
  times,
  until,
  WITHOUT_RIGHTS,
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
  for (const path of mounted) need('umount', '--lazy', path);
  mounted = [];
});

function mount(path: string, ...options: string[]): void {
  need('mount', ...options, path);
  mounted.unshift(path);
}

function unmount(path: string): void {
  need('umount', path);
  mounted = mounted.filter((one) => one !== path);
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

/** So many steps that none is the last before the fault comes. */
const ENDLESS = set(
  'training={steps: 100000, batchSize: 8, microBatch: 4, logEvery: 1 steps}',
  'checkpoint={every: 1 steps, keep: 3}',
);

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
  expect(code, stderr).toBe(4);
  if (existsSync(join(run, 'last'))) openCheckpoint(findCheckpoint(run)).verify();
}

const SIZES = times(3, 24);
/** From too little for a config to room for most of the checkpoints; a checkpoint takes about 40 KiB. */
const pagesOf = (i: number): number => 1 + Math.round((i * 220) / Math.max(1, SIZES - 1)) + (i % 7);

/**
 * Trains with too little room, then with enough.
 *
 * @param full runs the training that has too little, @param free gives it more
 * @returns what could not be written, for people
 */
async function expectRefusedAndGoneOn(
  run: string,
  reference: string,
  full: () => Promise<Outcome>,
  free: () => void,
): Promise<string> {
  const outcome = await full();
  expectStopped(outcome, run, /no space left on device/);
  if (existsSync(run)) expectSound(run);
  free();
  const resumed = await place.train([...SETTINGS, '--out', run, '--resume']);
  expect(resumed).toMatchObject({ code: 0 });
  expectSame(run, reference);
  expectTidy(run);
  rmSync(run, { recursive: true });
  return /error: (?:\S*\/)?(\S+?)(?:-\d+)?:/.exec(outcome.stderr)![1]!;
}

if (!MOUNTS)
  console.log(
    'no file system may be mounted here: faults.cc stands in for tmpfs and for read-only mounts',
  );

it.runIf(MOUNTS)(
  `disk full at ${SIZES} different fillings of a small tmpfs: says so, leaves whole checkpoints, and goes on to the same numbers with more room`,
  async () => {
    const reference = await whole();
    const disk = place.at('disk');
    mkdirSync(disk);
    mount(disk, '-t', 'tmpfs', '-o', 'size=100k', 'tmpfs');
    const run = join(disk, 'run');
    const failed = new Set<string>();
    for (let i = 0; i < SIZES; i++) {
      need('mount', '-o', `remount,size=${4 * pagesOf(i)}k`, disk);
      const train = () => place.train([...SETTINGS, '--out', run]);
      const free = () => need('mount', '-o', 'remount,size=100m', disk);
      failed.add(await expectRefusedAndGoneOn(run, reference, train, free));
    }
    console.log(`tmpfs full: refused at ${[...failed].sort().join(', ')}`);
  },
);

it(`disk full after ${SIZES} different numbers of bytes, in the middle of a write: the same`, async () => {
  const reference = await whole();
  const run = place.at('run');
  const failed = new Set<string>();
  const withRoom = (room: number) =>
    place.train([...SETTINGS, '--out', run], { under: injecting({ folder: run, room }) });
  // How much is written in all is found out first; what clocks print varies by some bytes.
  let most = 2 ** 20;
  for (;;) {
    const { code } = await withRoom(most);
    rmSync(run, { recursive: true });
    if (code !== 0) break;
    most = Math.floor(0.95 * most);
  }
  expect(most).toBeGreaterThan(100_000); // several checkpoints
  for (let i = 0; i < SIZES; i++) {
    const room = Math.floor(500 + ((0.98 * most - 500) * i) / (SIZES - 1)) + (i % 7);
    const train = () => withRoom(room);
    failed.add(await expectRefusedAndGoneOn(run, reference, train, () => {}));
  }
  console.log(`full after some bytes: refused at ${[...failed].sort().join(', ')}`);
});

const REPEATS = times(1, 5);

/** How a run folder is made read-only, and writable again. */
interface ReadOnly {
  make(run: string): void;
  undo(run: string): void;
  under(run: string): string[];
}

const mark = (run: string): string => `${run}-read-only`;
const WAYS: [string, ReadOnly][] = [
  [
    'by the calls that fail',
    {
      make: (run) => writeFileSync(mark(run), ''),
      undo: (run) => rmSync(mark(run)),
      under: (run) => injecting({ folder: run, readOnly: mark(run) }),
    },
  ],
];
if (MOUNTS) {
  const aside = (run: string): string => `${run}-aside`;
  WAYS.unshift([
    'by a mount',
    {
      make(run) {
        // Made read-only aside, where nobody has a file open, then put over the folder in one go.
        mkdirSync(aside(run));
        mount(aside(run), '--bind', run);
        need('mount', '-o', 'remount,bind,ro', aside(run));
        mount(run, '--bind', aside(run));
      },
      undo(run) {
        unmount(run);
        unmount(aside(run));
      },
      under: () => [],
    },
  ]);
}

it.each(WAYS)(
  `run folder made read-only during training, %s (${REPEATS} times)`,
  async (_, way) => {
    const reference = await whole();
    for (let i = 0; i < REPEATS; i++) {
      const run = place.at(`run-${i}`);
      const args = [...SETTINGS, '--out', run];
      const under = way.under(run);
      const { child, outcome, stdout } = place.startTrain(args, { under });
      await until(child, () => stdout().includes(`step ${3 + i}/`));
      way.make(run);
      expectStopped(await outcome, run, /read-only file system/);
      expectSound(run);
      // Nor can it be gone on with, or begun, while it is.
      const refused = await place.train([...args, '--resume'], { under });
      expectStopped(refused, run, /run folder cannot be written: read-only file system/);
      way.undo(run);
      expect(await place.train([...args, '--resume'], { under })).toMatchObject({ code: 0 });
      expectSame(run, reference);
      expectTidy(run);
    }
  },
);

it(`run folder removed or renamed during training (${2 * REPEATS} times): no half of it is made anew`, async () => {
  for (let i = 0; i < 2 * REPEATS; i++) {
    const run = place.at(`run-${i}`);
    const { child, outcome, stdout } = place.startTrain([...ENDLESS, '--out', run]);
    await until(child, () => stdout().includes(`step ${2 + (i >> 1)}/`));
    if (i % 2 === 0) renameSync(run, `${run}-away`);
    else removeUnderWay(run);
    expectStopped(await outcome, run, /no such file or directory/);
    expect(existsSync(run)).toBe(false);
    if (i % 2 === 0) expectSound(`${run}-away`);
  }
});

/** Removes a folder into which another process writes all the while: as often as it takes. */
function removeUnderWay(path: string): void {
  while (existsSync(path)) {
    try {
      rmSync(path, { recursive: true, force: true });
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      if (!['ENOTEMPTY', 'ENOENT'].includes(code)) throw error;
    }
  }
}

it('no permission for the run folder, as a user without rights', async () => {
  chmodSync(place.cwd, 0o755);
  const mine = place.at('mine');
  mkdirSync(mine);
  giveAway(mine);
  const as = WITHOUT_RIGHTS;
  const cache = place.at('nobody');
  mkdirSync(cache);
  giveAway(cache);
  place.env.RELAYBP_CACHE_DIR = cache;
  // Were the checkout out of this user's reach, this would fail, and not pass for want of a fault.
  const works = await place.train([...SETTINGS, '--out', 'mine/run', '--max-steps', '2'], as);
  expect(works).toMatchObject({ code: 0 });

  chmodSync(join(mine, 'run'), 0o555);
  chmodSync(join(mine, 'run/checkpoints'), 0o555);
  const locked = await place.train([...SETTINGS, '--out', 'mine/run', '--resume'], as);
  expectStopped(locked, place.at('mine/run'), /run folder cannot be written: permission denied/);
  expectSound(place.at('mine/run'));
  chmodSync(join(mine, 'run'), 0o755);
  const noCheckpoint = await place.train([...SETTINGS, '--out', 'mine/run', '--resume'], as);
  expectStopped(
    noCheckpoint,
    place.at('mine/run'),
    /checkpoint could not be written: permission denied/,
  );
  expectSound(place.at('mine/run'));

  mkdirSync(place.at('theirs'), { mode: as.uid === undefined ? 0o555 : 0o755 });
  const elsewhere = await place.train([...SETTINGS, '--out', 'theirs/run'], as);
  expect(elsewhere.code).toBe(4);
  expect(elsewhere.stderr).toMatch(/theirs\/run: the run folder cannot be made: permission denied/);
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
    'sessions.jsonl.0a1b2c3d.tmp',
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
