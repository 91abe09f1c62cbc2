/** Images that vanish, change or are no images; folders that cannot be read; names of every kind. */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Random } from '../../src/random.js';
import { openCheckpoint } from '../../src/run/checkpoint.js';
import { readMetrics } from '../../src/run/rows.js';
import { findCheckpoint } from '../../src/run/run-checkpoints.js';
import { colourImages } from '../support/images.js';
import { giveAway, set, times, WITHOUT_RIGHTS, Workplace } from './support.js';

let few: string;
beforeAll(async () => {
  few = await colourImages();
});

/** A data set of `each` copies of the few images per class, in `train`; `val` as it is. */
function many(each: number): string {
  const root = mkdtempSync(join(tmpdir(), 'relaybp-many-'));
  for (const part of ['train', 'val']) {
    for (const name of ['blue', 'green', 'red']) {
      const from = join(few, part, name);
      const images = readdirSync(from);
      const count = part === 'train' ? each : images.length;
      mkdirSync(join(root, part, name), { recursive: true });
      for (let i = 0; i < count; i++) {
        const image = images[i % images.length]!;
        copyFileSync(join(from, image), join(root, part, name, `${i}.jpg`));
      }
    }
  }
  return root;
}

const training = (steps: number): string[] =>
  set(
    `training={steps: ${steps}, batchSize: 8, microBatch: 4, logEvery: 1 steps}`,
    'checkpoint.every=10 steps',
    'evaluation.every=1000 steps',
    'data.mean=[128, 128, 128]',
    'data.std=64',
  );

describe('during a training', () => {
  const ROUNDS = times(1, 8);
  it(`images that vanish, are cut off, replaced by text, by another image, by a folder (${ROUNDS} times): skipped and named, the rest goes on`, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const root = many(400);
      const place = new Workplace(root);
      const random = new Random(Date.now(), round);
      const { outcome, stdout } = place.startTrain([
        ...training(150),
        ...set('data.onError.limit=10000'),
        ...['--out', 'run'],
      ]);
      while (!stdout().includes('step 2/')) await sleep(2);
      const harms: ((path: string) => void)[] = [
        (path) => unlinkSync(path),
        (path) => truncateSync(path, 200),
        (path) => writeFileSync(path, 'not an image'),
        (path) => copyFileSync(join(few, 'val/green/0.jpg'), path),
        (path) => {
          unlinkSync(path);
          mkdirSync(path);
        },
        (path) => truncateSync(path, 0),
      ];
      for (let i = 0; i < 600; i++) {
        const name = ['blue', 'green', 'red'][i % 3]!;
        const path = join(root, 'train', name, `${random.int(400)}.jpg`);
        if (statSync(path, { throwIfNoEntry: false })?.isFile())
          harms[random.int(harms.length)]!(path);
      }
      const { code, signal, stdout: text, stderr } = await outcome;
      expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
      const skipped = text.match(
        /^skipped, another image of its class takes its place: .*jpg: .+$/gm,
      );
      expect(skipped!.length).toBeGreaterThan(3);
      expect(new Set(skipped).size).toBe(skipped!.length);
      expect(readMetrics(place.at('run')).filter(({ kind }) => kind === 'train')).toHaveLength(150);
      rmSync(root, { recursive: true });
    }
  });

  it.each([
    ['removed', (path: string) => rmSync(path, { recursive: true, force: true, maxRetries: 5 })],
    ['renamed', (path: string) => renameSync(path, `${path}-away`)],
  ])(
    'the data folder %s: data error with a file and the way out, last checkpoint whole',
    async (_, harm) => {
      const root = many(400);
      const place = new Workplace(root);
      const { outcome, stdout } = place.startTrain([...training(10000), '--out', 'run']);
      while (!stdout().includes('step 12/')) await sleep(2);
      harm(join(root, 'train'));
      const { code, stderr } = await outcome;
      expect(code).toBe(3);
      expect(stderr).toMatch(
        /^error: (101 files cannot be decoded, 100 may be skipped; the last one: .*\.jpg: |class "\w+": none of its images)/m,
      );
      expect(stderr).toMatch(/^hint: /m);
      openCheckpoint(findCheckpoint(place.at('run'))).verify();
    },
  );
});

describe('at the start', () => {
  let root: string;
  let place: Workplace;
  beforeEach(() => {
    root = many(12);
    place = new Workplace(root);
  });
  const train = (...more: string[]) => place.train([...training(4), '--out', 'run', ...more]);
  /** Data errors name the place, and leave no run folder behind. */
  const expectRefused = (
    { code, stderr }: { code: number | null; stderr: string },
    text: RegExp,
  ) => {
    expect(stderr).toMatch(text);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(code).toBe(3);
    expect(existsSync(place.at('run'))).toBe(false);
  };

  it('an empty class is said and never drawn', async () => {
    rmSync(join(root, 'train/red'), { recursive: true });
    mkdirSync(join(root, 'train/red'));
    const { code, stdout } = await train();
    expect(code).toBe(0);
    expect(stdout).toMatch(/train: no images in red: never drawn/);
  });

  it('one image in all trains', async () => {
    for (const name of ['blue', 'green', 'red']) {
      rmSync(join(root, 'train', name), { recursive: true });
      mkdirSync(join(root, 'train', name));
    }
    copyFileSync(join(root, 'val/red/0.jpg'), join(root, 'train/red/0.jpg'));
    const { code, stdout, stderr } = await train();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('1 training images');
    expect(stdout).toMatch(/no images in blue, green: never drawn/);
  });

  it('zero images, no class folders, no folder at all, and a single undecodable one', async () => {
    rmSync(join(root, 'train'), { recursive: true });
    expectRefused(await train(), /train: no such folder/);
    mkdirSync(join(root, 'train'));
    expectRefused(await train(), /train: no class folders/);
    for (const name of ['blue', 'green', 'red']) mkdirSync(join(root, 'train', name));
    expectRefused(await train(), /train: no images in its 3 class folder\(s\)/);
    writeFileSync(join(root, 'train/red/only.jpg'), '');
    const { code, stderr } = await train();
    expect(code).toBe(3);
    expect(stderr).toMatch(/class "red": none of its images can be decoded/);
  });

  it.each([
    [
      'a class folder that may not be read',
      'train/red',
      0o300,
      /train\/red: cannot be read: permission denied/,
    ],
    [
      'a class folder that may not be searched',
      'train/red',
      0o600,
      /train\/red\/0\.jpg: cannot be read: permission denied/,
    ],
    [
      'a training folder that may not be searched',
      'train',
      0o600,
      /train\/\w+: cannot be read: permission denied/,
    ],
    [
      'a validation folder that may not be read',
      'val',
      0o300,
      /val: cannot be read: permission denied/,
    ],
  ])('%s, as a user without rights', async (_, path, mode, message) => {
    const own = (at: string): void => {
      giveAway(at);
      if (!statSync(at).isDirectory()) return;
      for (const name of readdirSync(at)) own(join(at, name));
    };
    for (const folder of [root, place.cwd]) own(folder);
    const readable = await place.train([...training(4), '--out', 'fine'], WITHOUT_RIGHTS);
    expect(readable).toMatchObject({ code: 0 }); // the user can, but for what follows
    chmodSync(join(root, path), mode);
    const refused = await place.train([...training(4), '--out', 'run'], WITHOUT_RIGHTS);
    expectRefused(refused, message);
    expect(refused.stderr).toMatch(/^hint: fix the permissions/m);
    chmodSync(join(root, path), 0o755);
  });

  it('images that may not be read are skipped and named', async () => {
    giveAway(place.cwd);
    for (const folder of [root, few]) chmodSync(folder, 0o755);
    for (let i = 0; i < 6; i++) chmodSync(join(root, 'train/red', `${i}.jpg`), 0);
    const { code, stdout } = await place.train([...training(30), '--out', 'run'], WITHOUT_RIGHTS);
    expect(code).toBe(0);
    expect(stdout).toMatch(/skipped, another image of its class takes its place: .*red\/\d\.jpg: /);
  });

  const NAMES = [
    'with spaces  and more .jpg',
    'quote\'s "double" `back`.jpg',
    'new\nline.jpg',
    'tab\tand\\backslash.jpg',
    'überraschung-日本語-🙂.jpg',
    '%41 $HOME ${HOME} *?[a].jpg',
    '-rf.jpg',
    '\u0301combining.jpg',
    `${'long'.repeat(60)}.jpg`,
  ];
  it('file names with spaces, quotes, line ends, other scripts, and such that are not UTF-8: all are read', async () => {
    const name = (i: number): Buffer =>
      Buffer.from([0x63, 0x61, 0x66, 0xe9 + i, 0x2e, 0x6a, 0x70, 0x67]);
    for (const folder of ['train/red', 'val/red']) {
      const one = readFileSync(join(root, folder, '0.jpg'));
      rmSync(join(root, folder), { recursive: true });
      mkdirSync(join(root, folder));
      for (const each of NAMES) writeFileSync(join(root, folder, each), one);
      for (let i = 0; i < 3; i++) {
        writeFileSync(Buffer.concat([Buffer.from(`${join(root, folder)}/`), name(i)]), one);
      }
      const latin = Buffer.concat([
        Buffer.from(`${join(root, folder)}/ordner-`),
        Buffer.from([0xfc]),
      ]);
      mkdirSync(latin);
      writeFileSync(Buffer.concat([latin, Buffer.from('/in it.jpg')]), one);
    }
    const { code, stdout, stderr } = await train(...set('data.onError={policy: fail}'));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`${24 + NAMES.length + 4} training images`);
    const evaluated = await place.relaybp([
      ...[
        'eval',
        'run',
        '--engine',
        'wasm',
        '--json',
        '--results',
        'r.csv',
        '--scores',
        's.safetensors',
      ],
    ]);
    expect(evaluated.code).toBe(0);
    expect(JSON.parse(evaluated.stdout)).toMatchObject({
      skipped: 0,
      images: 10 + NAMES.length + 4,
    });
    expect(readFileSync(place.at('r.csv'), 'utf8')).toContain('/caf\\xe9.jpg');
    // The score file knows them apart.
    const again = await place.relaybp([
      'compare',
      's.safetensors',
      'run',
      '--engine',
      'wasm',
      '--json',
    ]);
    expect(JSON.parse(again.stdout)).toMatchObject({ images: 10 + NAMES.length + 4 });
    const predicted = await place.relaybp([
      ...['predict', 'run', join(root, 'val/red'), '--engine', 'wasm', '--format', 'json'],
    ]);
    const predictions = JSON.parse(predicted.stdout) as { image: string; error?: string }[];
    expect(predictions).toHaveLength(NAMES.length + 4);
    expect(predictions.filter(({ error }) => error)).toEqual([]);
  });

  it('class folders with such names train, and evaluate', async () => {
    for (const part of ['train', 'val']) {
      renameSync(join(root, part, 'blue'), join(root, part, 'a "quoted" \n class'));
      renameSync(join(root, part, 'green'), join(root, part, '日本 語'));
      const bytes = Buffer.concat([Buffer.from(`${join(root, part)}/caf`), Buffer.from([0xe9])]);
      renameSync(join(root, part, 'red'), bytes);
    }
    expect(await train()).toMatchObject({ code: 0, stderr: '' });
    const { code, stdout } = await place.relaybp(['eval', 'run', '--engine', 'wasm', '--json']);
    expect(code).toBe(0);
    const { perClass } = JSON.parse(stdout) as { perClass: { class: string; images: number }[] };
    expect(perClass.map(({ class: name, images }) => [name, images])).toEqual([
      ['a "quoted" \n class', 5],
      ['caf\\xe9', 5],
      ['日本 語', 5],
    ]);
  });

  it('loops of symbolic links end, and dangling ones are skipped', async () => {
    symlinkSync('.', join(root, 'train/red/self'));
    symlinkSync('..', join(root, 'train/red/up'));
    symlinkSync('b', join(root, 'train/red/a'));
    symlinkSync('a', join(root, 'train/red/b'));
    symlinkSync('loop.jpg', join(root, 'train/red/loop.jpg'));
    symlinkSync('/nowhere/at/all.jpg', join(root, 'train/red/dangling.jpg'));
    const { code, stdout } = await place.train([...training(30), '--out', 'run']);
    expect(code).toBe(0);
    expect(stdout).toContain('38 training images');
    expect(stdout).toMatch(/skipped, .*loop\.jpg/);
    expect(stdout).toMatch(/skipped, .*dangling\.jpg/);
  });
});
