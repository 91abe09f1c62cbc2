import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { loadConfig } from '../../src/config/load.js';
import { planExperiment } from '../../src/experiment/experiment-plan.js';
import { choose } from '../../src/init/choices.js';
import { type Outcome, run } from '../support/cli.js';
import { ROOT } from '../support/consumer.js';
import { colourImages } from '../support/images.js';

vi.setConfig({ testTimeout: 240_000 }); // whole trainings by processes of their own

const SCHEMA = 'schema/relaybp.schema.json';

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
      '3 classes, 23 training images (12 blue to 4 red), 15 validation images; shorter side 20 pixels',
    );
    const text = read('my-photos.yaml');
    expect(text).toMatch(/^# yaml-language-server: \$schema=relaybp\.schema\.json\n/);
    expect(stdout).toContain('written: my-photos.yaml, relaybp.schema.json\n');
    expect(read('relaybp.schema.json')).toBe(readFileSync(join(ROOT, SCHEMA), 'utf8'));
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
    expect(stdout).toContain(
      'written: flat.yaml, flat.train.txt, flat.val.txt, relaybp.schema.json\n',
    );
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

  it('names a folder that begins with ~ so that it is not taken for a home folder', async () => {
    cpSync(images, join(cwd, '~photos'), { recursive: true });
    expect(await relaybp('init', '~photos', '--out', 'c.yaml')).toMatchObject({ code: 0 });
    expect(loadConfig(join(cwd, 'c.yaml')).config.data.root).toBe('./~photos');
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

describe('init where the validation part has no classes', () => {
  const copyTo = (name: string): void =>
    cpSync(join(images, 'train'), join(cwd, name, 'train'), { recursive: true });
  const loose = (folder: string): void => {
    mkdirSync(join(cwd, folder), { recursive: true });
    cpSync(join(images, 'val/red/0.jpg'), join(cwd, folder, '0.jpg'));
  };
  const SPLIT = 'a fifth of each class of a/train is set aside for validation\n';

  it.each([
    ['there is none', () => {}, ''],
    ['it is empty', () => mkdirSync(join(cwd, 'a/val')), `a/val has no class folders: ${SPLIT}`],
    ['it holds images', () => loose('a/valid'), `a/valid has no class folders: ${SPLIT}`],
    ['it is a test set', () => loose('a/test'), `a/test has no class folders: ${SPLIT}`],
    [
      'its folders are no classes',
      () => loose('a/val/all'),
      `a/val has none of the training classes (but all): ${SPLIT}`,
    ],
  ])('%s: training images are set aside, and that is said', async (_, make, notice) => {
    copyTo('a');
    make();
    const { code, stdout, stderr } = await relaybp('init', 'a');
    expect({ code, stderr }).toEqual({ code: 0, stderr: notice });
    expect(stdout).toContain('3 classes, 19 training images (10 blue to 3 red), 4 validation');
    expect(lines('a.train.txt')[0]).toMatch(/^train\/blue\/\d+\.jpg\tblue$/);
    const trained = await relaybp(
      ...['train', 'a.yaml', '--engine', 'wasm', '--fast-dev-run', '--out', 'run'],
    );
    expect([trained.code, trained.stderr]).toEqual([0, '']);
  });

  it('classes that are too small to be split are named', async () => {
    copyTo('a');
    for (const name of ['apple', 'banana']) {
      mkdirSync(join(cwd, 'a/train', name));
      cpSync(join(images, 'val/red/0.jpg'), join(cwd, 'a/train', name, '0.jpg'));
      const { stderr } = await relaybp('init', 'a', '--out', `${name}.yaml`);
      const count = name === 'apple' ? '1 class has' : '2 classes have';
      const names = name === 'apple' ? 'apple' : 'apple, banana';
      expect(stderr).toContain(`${count} a single picture, which is for training: ${names}\n`);
    }
  });

  it('parts with images and no class folders are not taken for classes', async () => {
    loose('a/train');
    loose('a/val');
    const { code, stderr } = await relaybp('init', 'a');
    expect(code).toBe(3);
    expect(stderr).toContain('a/train: no class folders in it: what the images show is not known');
    expect(existsSync(join(cwd, 'a.yaml'))).toBe(false);
  });
});

describe('the schema beside a config', () => {
  beforeEach(() => cpSync(images, join(cwd, 'a'), { recursive: true }));
  const init = (): Promise<Outcome> => relaybp('init', 'a', '--out', 'configs/a.yaml');

  it('is brought up to date, and left alone if it is none of ours', async () => {
    mkdirSync(join(cwd, 'configs'));
    const ours = readFileSync(join(ROOT, SCHEMA), 'utf8');
    const older = JSON.stringify({ ...JSON.parse(ours), description: 'An older one.' });
    writeFileSync(join(cwd, 'configs/relaybp.schema.json'), older);
    expect((await init()).code).toBe(0);
    expect(read('configs/relaybp.schema.json')).toBe(ours);

    rmSync(join(cwd, 'configs/a.yaml'));
    writeFileSync(join(cwd, 'configs/relaybp.schema.json'), '{}');
    const { code, stderr } = await init();
    expect(code).toBe(0);
    expect(stderr).toContain("configs/relaybp.schema.json is not relaybp's");
    expect(read('configs/relaybp.schema.json')).toBe('{}');
    expect(read('configs/a.yaml')).not.toContain('$schema');
  });

  it('is not copied in a folder that holds relaybp itself', async () => {
    const config = join(ROOT, `.init-test-${process.pid}.yaml`);
    try {
      const { code, stdout } = await run(['init', join(cwd, 'a'), '--out', config], ROOT);
      expect(code).toBe(0);
      expect(stdout).not.toContain('relaybp.schema.json');
      const [first] = readFileSync(config, 'utf8').split('\n');
      expect(first).toBe(`# yaml-language-server: $schema=${SCHEMA}`);
    } finally {
      rmSync(config, { force: true });
    }
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
