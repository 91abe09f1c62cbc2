/** Damaged checkpoints are named and refused; `last` falls back to the newest intact one. */
import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { CheckpointError, DamagedCheckpointError } from '../../src/errors.js';
import { Random } from '../../src/random.js';
import { openCheckpoint } from '../../src/run/checkpoint.js';
import { colourImages } from '../support/images.js';
import { expectSame, expectTidy, set, tensorBytes, times, Workplace } from './support.js';

const SETTINGS = set(
  'training={steps: 8, batchSize: 8, microBatch: 4, logEvery: 1 steps}',
  'checkpoint={every: 2 steps, keep: 9}',
  'evaluation.every=4 steps',
);
let place: Workplace;
let images: string;
beforeAll(async () => {
  images = await colourImages();
  place = new Workplace(images);
  expect(await place.train([...SETTINGS, '--out', 'whole'])).toMatchObject({ code: 0 });
  expect(await place.train([...SETTINGS, '--out', 'part', '--max-steps', '6'])).toMatchObject({
    code: 0,
  });
});

let copies = 0;
/** A run with checkpoints of steps 2, 4 and 6. */
function copy(): string {
  const run = `copy-${copies++}`;
  cpSync(place.at('part'), place.at(run), { recursive: true });
  return run;
}
const checkpoint = (run: string, step: number, file = ''): string =>
  place.at(run, `checkpoints/step-${step}`, file);

const files = [
  'weights.safetensors',
  'optimizer.safetensors',
  'normalization.safetensors',
  'state.json',
  'state.sha256',
];

const FLIPS = times(300, 5000);
it(`a flipped bit anywhere (${FLIPS} places) is found`, () => {
  const run = copy();
  const random = new Random(Date.now());
  for (let i = 0; i < FLIPS; i++) {
    const path = checkpoint(run, 6, files[i % files.length]);
    const good = readFileSync(path);
    const bad = Buffer.from(good);
    const at = random.int(bad.length);
    // The name of the file after the sum is for people.
    const where = path.endsWith('sha256') ? at % 64 : at;
    bad[where]! ^= 1 << random.int(8);
    writeFileSync(path, bad);
    expect(() => openCheckpoint(checkpoint(run, 6)).verify(), `${path} byte ${where}`).toThrow(
      DamagedCheckpointError,
    );
    writeFileSync(path, good);
  }
  openCheckpoint(checkpoint(run, 6)).verify();
});

const CUTS = times(100, 1000);
it(`cut off at any length (${CUTS} lengths), or missing, is found`, () => {
  const run = copy();
  const random = new Random(Date.now());
  for (let i = 0; i < CUTS; i++) {
    const path = checkpoint(run, 6, files[i % 4]);
    const good = readFileSync(path);
    if (i < 4) rmSync(path);
    else truncateSync(path, random.int(good.length));
    expect(() => openCheckpoint(checkpoint(run, 6)).verify()).toThrow(DamagedCheckpointError);
    writeFileSync(path, good);
  }
});

const damage: [string, (path: string) => void, RegExp][] = [
  [
    'truncated weights',
    (path) => truncateSync(join(path, files[0]!), 100),
    /weights\.safetensors: has 100 bytes, state\.json says \d+: truncated/,
  ],
  [
    'a flipped bit in the optimizer state',
    (path) => flip(join(path, files[1]!)),
    /optimizer\.safetensors: its SHA-256 differs/,
  ],
  [
    'a flipped bit in state.json',
    (path) => flip(join(path, files[3]!)),
    /state\.json: its SHA-256 differs/,
  ],
  [
    'no state.json',
    (path) => rmSync(join(path, files[3]!)),
    /state\.json: cannot be read: no such file or directory/,
  ],
  [
    'everything gone',
    (path) => rmSync(path, { recursive: true }),
    /state\.json: cannot be read: no such file or directory/,
  ],
];

function flip(path: string): void {
  const bytes = readFileSync(path);
  bytes[bytes.length >> 1]! ^= 4;
  writeFileSync(path, bytes);
}

describe.each(damage)('%s', (_, harm, message) => {
  it('by its path: refused and named', async () => {
    const run = copy();
    harm(checkpoint(run, 6));
    for (const args of [
      ['train', '--resume', `${run}/checkpoints/step-6`, '--engine', 'wasm'],
      ['eval', `${run}/checkpoints/step-6`, '--engine', 'wasm'],
    ]) {
      if (args[0] === 'eval' && message.source.startsWith('optimizer')) continue; // not read
      const { code, stderr } = await place.relaybp(args);
      expect(code).toBe(4);
      expect(stderr).toMatch(/step-6/);
    }
  });

  it('as `last`: the newest intact one takes its place, which is said, and the numbers come out the same', async () => {
    const run = copy();
    harm(checkpoint(run, 6));
    const { code, stdout } = await place.train([...SETTINGS, '--resume', run]);
    expect(code).toBe(0);
    expect(stdout).toMatch(message);
    expect(stdout).toContain(`taking ${run}/checkpoints/step-4, the newest intact checkpoint`);
    expect(stdout).toContain('going on after step 4');
    expectSame(place.at(run), place.at('whole'));
    expectTidy(place.at(run));
    const aside = existsSync(place.at(run, 'checkpoints/damaged-step-6'));
    expect(aside).toBe(_ !== 'everything gone');
  });
});

it('`last` of which several are damaged falls back further; none intact is an error', async () => {
  const run = copy();
  flip(checkpoint(run, 6, files[0]));
  flip(checkpoint(run, 4, files[2]));
  const evaluated = await place.relaybp(['eval', run, '--checkpoint', 'last', '--engine', 'wasm']);
  expect(evaluated.code).toBe(0);
  expect(evaluated.stdout).toContain(`taking ${run}/checkpoints/step-2`);
  expect(readdirSync(place.at(run, 'checkpoints')).sort()).toEqual(['step-2', 'step-4', 'step-6']);
  flip(checkpoint(run, 2, files[3]));
  const { code, stderr } = await place.train([...SETTINGS, '--resume', run]);
  expect(code).toBe(4);
  expect(stderr).toMatch(/no checkpoint is intact:\n.*step-6.*\n.*step-4.*\n.*step-2/);
});

it('a pointer that names nothing: the newest intact one', async () => {
  const run = copy();
  writeFileSync(place.at(run, 'last'), '../../../etc/passwd\n');
  const { code, stdout } = await place.train([...SETTINGS, '--resume', run]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/last: does not name a checkpoint/);
  expect(stdout).toContain('going on after step 6');
  expect(tensorBytes(checkpoint(run, 8))).toEqual(
    tensorBytes(place.at('whole/checkpoints/step-8')),
  );
});

it('a newer format version is refused as that, and nothing is fallen back from or removed', async () => {
  const run = copy();
  const path = checkpoint(run, 6, 'state.json');
  writeFileSync(
    path,
    readFileSync(path, 'utf8').replace('"formatVersion": 1', '"formatVersion": 2'),
  );
  rmSync(checkpoint(run, 6, 'state.sha256'));
  for (const args of [
    ['train', '--resume', run],
    ['eval', run, '--checkpoint', 'last'],
  ]) {
    const { code, stderr } = await place.relaybp([...args, '--engine', 'wasm']);
    expect(code).toBe(4);
    expect(stderr).toMatch(/step-6\/state\.json: formatVersion: 2; this relaybp reads version 1/);
  }
  expect(existsSync(path)).toBe(true);
});

it('another architecture and another class list are refused, naming the difference', async () => {
  const run = copy();
  const wider = await place.train([
    ...SETTINGS,
    ...set('model.segments.seg1.layers.0.conv.filters=5'),
    ...['--resume', run],
  ]);
  expect(wider.code).toBe(4);
  expect(wider.stderr).toMatch(
    /conv1_1\.weight is \[3, 3, 3, 4\] in the checkpoint, but \[3, 3, 3, 5\]/,
  );
  const others = await colourImages();
  cpSync(join(others, 'train/red'), join(others, 'train/purple'), { recursive: true });
  rmSync(join(others, 'train/red'), { recursive: true });
  const classes = await place.train([...SETTINGS, ...set(`data.root=${others}`), '--resume', run]);
  expect(classes.code).toBe(4);
  expect(classes.stderr).toContain('gone: red; new: purple');
  expect(openCheckpoint(checkpoint(run, 6)).state.step).toBe(6);
  expect(() => openCheckpoint(place.at('nowhere'))).toThrow(CheckpointError);
});
