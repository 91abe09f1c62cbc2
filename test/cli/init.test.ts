import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { loadConfig } from '../../src/config/load.js';
import { choose } from '../../src/init/choices.js';
import { planExperiment } from '../../src/plan/experiment.js';
import { type Outcome, run } from '../support/cli.js';
import { colourImages } from '../support/images.js';

vi.setConfig({ testTimeout: 240_000 }); // whole trainings by processes of their own

let images: string;
let cwd: string;
beforeAll(async () => {
  images = await colourImages();
});
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'relaybp-init-'));
});

const relaybp = (...args: string[]): Promise<Outcome> =>
  run(args, cwd, { RELAYBP_CACHE_DIR: join(cwd, 'cache') });
const read = (file: string): string => readFileSync(join(cwd, file), 'utf8');
const lines = (file: string): string[] => read(file).trimEnd().split('\n');

describe('init', () => {
  it('writes a commented config for train and val, which trains', async () => {
    cpSync(images, join(cwd, 'my photos'), { recursive: true });
    const { code, stdout, stderr } = await relaybp('init', 'my photos');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain(
      '3 classes, 23 training images (12 blue to 4 red), 15 validation images; shorter side 20 to 20 pixels',
    );
    const text = read('my-photos.yaml');
    expect(text).toMatch(/^# yaml-language-server: \$schema=.*schema\/relaybp\.schema\.json\n/);
    expect(text).toContain('# 3 classes, 23 training images: 12 ("blue") to 4 ("red") a class.');
    expect(text).toContain('the largest has 3.0 x the smallest');
    const { config } = loadConfig(join(cwd, 'my-photos.yaml'));
    expect(config).toMatchObject({
      name: 'my-photos',
      data: { root: 'my photos', train: 'train', val: 'val', classes: 3, sampler: 'class-aware' },
      losses: [
        { name: 'primary', after: 'seg3', weight: 1, range: { downTo: 'seg2' } },
        { name: 'auxiliary', after: 'seg2', weight: 0.3, range: { downTo: 'seg1' } },
      ],
      training: { batchSize: 8 },
    });
    const trained = await relaybp(
      ...['train', 'my-photos.yaml', '--engine', 'wasm', '--fast-dev-run', '--out', 'run'],
    );
    expect(trained.code).toBe(0);
  });

  it('splits one folder into lists, the same every time, and leaves the images alone', async () => {
    cpSync(join(images, 'train'), join(cwd, 'flat'), { recursive: true });
    renameSync(join(cwd, 'flat/blue'), join(cwd, 'flat/dark blue'));
    const { code, stdout } = await relaybp('init', 'flat');
    expect(code).toBe(0);
    expect(stdout).toContain('written: flat.yaml, flat.train.txt, flat.val.txt');
    const [train, val] = [lines('flat.train.txt'), lines('flat.val.txt')];
    const count = (list: string[], name: string): number =>
      list.filter((line) => line.endsWith(`\t${name}`)).length;
    const classes = ['dark blue', 'green', 'red'];
    expect(classes.map((name) => count(train, name))).toEqual([10, 6, 3]);
    expect(classes.map((name) => count(val, name))).toEqual([2, 1, 1]);
    expect(new Set([...train, ...val]).size).toBe(23);
    await relaybp('init', 'flat', '--out', 'again.yaml');
    expect(lines('again.val.txt')).toEqual(val);
    const { config } = loadConfig(join(cwd, 'flat.yaml'));
    expect(config.data).toMatchObject({ train: '../flat.train.txt', val: '../flat.val.txt' });
    const trained = await relaybp(
      ...['train', 'flat.yaml', '--engine', 'wasm', '--fast-dev-run', '--out', 'run'],
    );
    expect([trained.code, trained.stderr]).toEqual([0, '']);
  });

  it('takes other usual names, and a "train" that is a class for a class', async () => {
    cpSync(join(images, 'train'), join(cwd, 'a/Training'), { recursive: true });
    cpSync(join(images, 'val'), join(cwd, 'a/valid'), { recursive: true });
    expect((await relaybp('init', 'a')).code).toBe(0);
    expect(loadConfig(join(cwd, 'a.yaml')).config.data).toMatchObject({
      train: 'Training',
      val: 'valid',
    });
    cpSync(join(images, 'train'), join(cwd, 'vehicles'), { recursive: true });
    renameSync(join(cwd, 'vehicles/red'), join(cwd, 'vehicles/train'));
    expect((await relaybp('init', 'vehicles')).stdout).toContain('3 classes');
  });

  it('overwrites nothing, and writes nothing when it fails', async () => {
    cpSync(join(images, 'train'), join(cwd, 'flat'), { recursive: true });
    writeFileSync(join(cwd, 'flat.yaml'), 'mine');
    const taken = await relaybp('init', 'flat');
    expect(taken.code).toBe(2);
    expect(taken.stderr).toContain('flat.yaml: is there already, and is not overwritten');
    expect(read('flat.yaml')).toBe('mine');
    expect(existsSync(join(cwd, 'flat.train.txt'))).toBe(false);

    mkdirSync(join(cwd, 'single/only'), { recursive: true });
    cpSync(join(images, 'train/red'), join(cwd, 'single/only'), { recursive: true });
    const single = await relaybp('init', 'single');
    expect(single.code).toBe(3);
    expect(single.stderr).toContain('images in one class only ("only")');
    expect(existsSync(join(cwd, 'single.yaml'))).toBe(false);
    expect(existsSync(join(cwd, 'single.train.txt'))).toBe(false);

    expect((await relaybp('init', 'nowhere')).stderr).toContain('nowhere: no such folder');
    expect((await relaybp('init', 'flat/red')).stderr).toContain('but no class folders');
  });
});

describe('what is chosen', () => {
  const chosen = (images: number, side: number) =>
    choose({
      classes: [
        { name: 'a', images: images - 10 },
        { name: 'b', images: 10 },
      ],
      images,
      shorterSides: [side],
      unreadable: { count: 0, first: null },
    });

  it.each([
    [100, 500, { crop: 112, batchSize: 32, epochs: 100, lr: 0.025 }],
    [530, 128, { crop: 112, resize: 128, batchSize: 32, epochs: 59 }],
    [5017, 128, { crop: 112, batchSize: 64, epochs: 30, lr: 0.05 }],
    [5017, 80, { crop: 64, resize: 72 }],
    [60_000, 32, { crop: 32, resize: 36, batchSize: 64 }],
    [100_000, 375, { crop: 224, resize: 256 }],
    [5, 20, { crop: 32, batchSize: 2 }],
  ])('%d images with a shorter side of %d', (count, side, expected) => {
    expect(chosen(count, side)).toMatchObject(expected);
  });

  it.each([16, 64, 128, 400])('a config for a side of %d can be planned', async (side) => {
    const { configText } = await import('../../src/init/config-text.js');
    const { parseConfig } = await import('../../src/config/load.js');
    const survey = {
      classes: [
        { name: 'a: #1', images: 30_000 },
        { name: '"b"', images: 10 },
      ],
      images: 30_010,
      shorterSides: [side],
      unreadable: { count: 0, first: null },
    };
    const text = configText({
      file: 'c.yaml',
      name: 'c',
      classes: 2,
      layout: { root: 'odd: # "folder"', train: '- train', val: 'val' },
      wasSplit: false,
      survey,
      choices: choose(survey),
      schema: 's.json',
    });
    const loaded = parseConfig(text, 'c.yaml');
    expect(loaded.config.data).toMatchObject({ root: 'odd: # "folder"', train: '- train' });
    const plan = planExperiment(loaded);
    // The sizes that the comments give.
    for (const { name, layers } of plan.network.segments) {
      const [height, width] = layers.at(-1)!.output;
      expect(text).toContain(`- name: ${name} # ${height}x${width}`);
    }
  });
});
