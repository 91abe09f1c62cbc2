import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Outcome, run } from '../support/cli.js';
import { SMALL_CONFIG } from '../support/configs.js';
import { colourImages } from '../support/images.js';

type Counts = readonly (readonly [name: string, images: number])[];

/** Class folders with numbers for names. As text they are 0, 10, 2. */
const NUMBERS = { blue: '2', green: '0', red: '10' };
const TRAIN: Counts = [
  ['0', 7],
  ['10', 4],
  ['2', 12],
];
const VAL: Counts = TRAIN.map(([name]) => [name, 5]);
const without10 = (counts: Counts): Counts => counts.filter(([name]) => name !== '10');

let cwd: string;
const relaybp = (...args: string[]): Promise<Outcome> =>
  run(args, cwd, { RELAYBP_CACHE_DIR: join(cwd, 'cache') });
const train = (out: string, ...more: string[]): Promise<Outcome> =>
  relaybp('train', 'c.yaml', '--engine', 'wasm', '--out', out, ...more);
const wasm = (...args: string[]): Promise<Outcome> => relaybp(...args, '--engine', 'wasm');

/** Lines of `path label`, in the order of the class folders. */
function list(file: string, part: string, counts: Counts, label = (name: string) => name): void {
  const lines = counts.flatMap(([name, count]) =>
    Array.from({ length: count }, (_, i) => `${part}/${name}/${i}.jpg ${label(name)}\n`).sort(),
  );
  writeFileSync(join(cwd, 'set', file), lines.join(''));
}

const state = (checkpoint: string): { classes: string[] } =>
  JSON.parse(readFileSync(join(cwd, checkpoint, 'state.json'), 'utf8'));
const weights = (checkpoint: string): string =>
  createHash('sha256')
    .update(readFileSync(join(cwd, checkpoint, 'weights.safetensors')))
    .digest('hex');
async function top1(...args: string[]): Promise<number> {
  const { code, stdout, stderr } = await wasm('eval', ...args, '--json');
  expect(code, stderr).toBe(0);
  return (JSON.parse(stdout) as { top1: number }).top1;
}

const LISTS = ['--set', 'data.train=train.txt', '--set', 'data.val=val.txt'];

beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'relaybp-labels-'));
  const images = await colourImages();
  for (const part of ['train', 'val']) {
    for (const [colour, number] of Object.entries(NUMBERS)) {
      renameSync(join(images, part, colour), join(images, part, number));
    }
  }
  renameSync(images, join(cwd, 'set'));
  list('train.txt', 'train', TRAIN);
  list('val.txt', 'val', VAL);
  writeFileSync(join(cwd, 'c.yaml'), SMALL_CONFIG.replace('data/small', 'set'));
  const { code, stderr } = await train('folders', '--set', 'training.epochs=12');
  expect(code, stderr).toBe(0);
});

describe('classes with numbers for names', () => {
  it('are in the order of text as folders, of numbers in a list', async () => {
    expect(state('folders/checkpoints/step-36').classes).toEqual(['0', '10', '2']);
    expect((await train('lists', ...LISTS, '--max-steps', '1')).code).toBe(0);
    expect(state('lists/checkpoints/step-1').classes).toEqual(['0', '2', '10']);
  });

  it('are matched by name in eval, whatever the order', async () => {
    const known = await top1('folders');
    expect(known).toBeGreaterThanOrEqual(90);
    expect(await top1('folders', '--data', 'set/val.txt')).toBe(known);
  });

  it('keep the order of a resumed checkpoint: the same training to the bit', async () => {
    for (const out of ['by-folder', 'by-list']) {
      expect((await train(out, '--max-steps', '2')).code).toBe(0);
    }
    expect((await train('by-folder', '--resume', 'last', '--max-steps', '5')).code).toBe(0);
    const permit = ['--change', 'data.train', 'data.val'];
    const more = ['--resume', 'last', '--max-steps', '5', ...LISTS, ...permit];
    const { code, stdout, stderr } = await train('by-list', ...more);
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('the classes keep the order of the checkpoint');
    const last = 'checkpoints/step-5';
    expect(state(`by-list/${last}`).classes).toEqual(['0', '10', '2']);
    expect(weights(`by-list/${last}`)).toBe(weights(`by-folder/${last}`));
  });

  it('keep the order of the checkpoint that a training begins with', async () => {
    const begin = ['--set', 'initialCheckpoint=folders', '--set', 'optimizer.lr=1e-20'];
    const { code, stderr } = await train('tuned', ...LISTS, ...begin, '--max-steps', '1');
    expect(code, stderr).toBe(0);
    expect(state('tuned/checkpoints/step-1').classes).toEqual(['0', '10', '2']);
    expect(await top1('tuned')).toBe(await top1('folders'));
  });

  it('are what predict prints for ILSVRC', async () => {
    const images = ['set/val/10/0.jpg', 'set/val/2/0.jpg', 'set/val/0/0.jpg', 'set/val.txt'];
    const { code, stdout } = await wasm(
      ...['predict', 'folders', ...images, '--format', 'ilsvrc', '--topk', '1'],
    );
    expect(code).toBe(0);
    expect(stdout).toBe('10\n2\n0\n-1\n');
  });
});

describe('import says which order it takes the outputs to have', () => {
  it.each([
    ['val', ", sorted as text, as torchvision's ImageFolder has them, not by number: 0, 10, 2;"],
    ['val.txt', ', by number: 0, 2, 10;'],
  ])('of %s', async (val, order) => {
    const exported = await wasm('export', 'folders', '--format', 'safetensors', '--force');
    expect(exported.code, exported.stderr).toBe(0);
    const sets = [`data.val=${val}`, 'data.mean=[1,2,3]', 'data.std=1'];
    const { code, stderr } = await relaybp(
      ...['import', 'small.safetensors', '--config', 'c.yaml', '--out', `imported-${val}`],
      ...sets.flatMap((set) => ['--set', set]),
    );
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('the outputs are taken to be the classes of ');
    expect(stderr).toContain(`/set/${val}${order}`);
    const names = val === 'val' ? ['0', '10', '2'] : ['0', '2', '10'];
    expect(state(`imported-${val}/checkpoints/step-0`).classes).toEqual(names);
  });
});

describe('a list with a label that training does not know', () => {
  beforeAll(() => {
    list('two.txt', 'train', without10(TRAIN));
  });
  const refusal =
    /val\.txt: line 6: the label "10" is none of the 2 classes: 0, 2\n.*if a class has no training image/;

  it('is refused by train, and nothing is written', async () => {
    const sets = ['--set', 'data.train=two.txt', '--set', 'data.val=val.txt'];
    const { code, stderr } = await train('none', ...sets, '--set', 'data.classes=2');
    expect(code).toBe(3);
    expect(stderr).toMatch(refusal);
    expect(() => state('none')).toThrow('ENOENT');
  });

  it('is refused by eval and compare, counted by data check', async () => {
    list('two-val.txt', 'val', without10(VAL));
    const sets = ['--set', 'data.train=two.txt', '--set', 'data.val=two-val.txt'];
    await train('two', ...sets, '--set', 'data.classes=2', '--max-steps', '1');
    for (const args of [
      ['eval', 'two', '--data', 'set/val.txt'],
      ['compare', 'two', 'two', '--data', 'set/val.txt'],
    ]) {
      const { code, stderr } = await wasm(...args);
      expect(code).toBe(3);
      expect(stderr).toMatch(refusal);
    }
    const folder = mkdtempSync(join(tmpdir(), 'relaybp-labels-'));
    for (const [to, from] of [
      ['train.txt', 'two.txt'],
      ['val.txt', 'val.txt'],
    ] as const) {
      const text = readFileSync(join(cwd, 'set', from), 'utf8');
      writeFileSync(
        join(folder, to),
        text.replaceAll(/^/gm, 'images/').slice(0, -'images/'.length),
      );
    }
    symlinkSync(join(cwd, 'set'), join(folder, 'images'));
    const check = await relaybp('data', 'check', folder);
    expect(check.stderr).toContain('line 6: the label "10" is none of the 2 classes: 0, 2');
    expect(check.stdout).toContain('problem: classes that training does not know: 10');
    expect(check.code).toBe(3);
    rmSync(folder, { recursive: true });
  });

  it('is a class without a training image where labels are said to count from 0', async () => {
    const sets = ['data.train=two.txt', 'data.val=val.txt', 'data.labels=positions'];
    const { code, stdout, stderr } = await train(
      'counted',
      ...[...sets, 'data.classes=11'].flatMap((set) => ['--set', set]),
      ...['--max-steps', '1'],
    );
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('two.txt: no image of the classes 1, 3, 4, 5, 6 and 4 more');
    expect(stdout).toContain('val.txt: no image of the classes 1, 3, 4, 5, 6 and 3 more');
    expect(state('counted/checkpoints/step-1').classes).toHaveLength(11);
  });
});

describe('a list of positions', () => {
  const position = (name: string): string => String(['0', '10', '2'].indexOf(name));

  it('is said to be one where classes are numbers', async () => {
    list('positions.txt', 'val', VAL, position);
    const refused = await wasm('eval', 'folders', '--data', 'set/positions.txt');
    expect(refused.code).toBe(3);
    expect(refused.stderr).toContain('line 6: the label "1" is none of the 3 classes: 0, 10, 2');
    const said = ['--data', 'set/positions.txt', '--labels', 'positions'];
    expect(await top1('folders', ...said)).toBe(await top1('folders'));
  });

  it('is certainly one where they are not, and says so', async () => {
    list('words.txt', 'train', TRAIN, (name) => `class${name}`);
    list('positions.txt', 'val', VAL, position);
    const sets = ['--set', 'data.train=words.txt', '--set', 'data.val=positions.txt'];
    const { code, stdout, stderr } = await train('words', ...sets, '--max-steps', '1');
    expect(code, stderr).toBe(0);
    expect(stdout).toContain(
      'positions.txt: its labels are numbers, and taken as positions in the class list, counted from 0: 0 is class0, 2 is class2',
    );
  });
});

it('a class of training without a validation image is said', async () => {
  list('few.txt', 'val', without10(VAL));
  const sets = ['--set', 'data.train=train.txt', '--set', 'data.val=few.txt'];
  const { stdout } = await train('few', ...sets, '--max-steps', '1');
  expect(stdout).toContain('few.txt: no image of the class 10');
});
