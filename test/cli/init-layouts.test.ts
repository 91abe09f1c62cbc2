/** `init` on data sets as they are handed out: a config that trains, or what to write by hand. */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { loadConfig } from '../../src/config/load.js';
import { type Outcome, run } from '../support/cli.js';
import { ROOT } from '../support/consumer.js';
import {
  imagenet,
  inaturalist,
  kaggle,
  PLACES,
  placesDevkit,
  webDataset,
} from '../support/layouts.js';

vi.setConfig({ testTimeout: 240_000 });

let cwd: string;
let at: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'relaybp-init-layouts-'));
  at = join(cwd, 'set');
});
const relaybp = (...args: string[]): Promise<Outcome> =>
  run(args, cwd, { RELAYBP_CACHE_DIR: join(cwd, 'cache') });

/** @returns `data` of the config that is written; a step of training by it and `data check` of the folder succeed */
async function initialized(training: string) {
  const { code, stdout, stderr } = await relaybp('init', 'set');
  expect(code, stderr).toBe(0);
  expect(stderr).toContain(`set: training: ${training}`);
  expect(stdout).toMatch(/4 classes, 16 training images .*, 8 validation images/);
  const { data } = loadConfig(join(cwd, 'set.yaml')).config;
  const args = ['--engine', 'wasm', '--max-steps', '1', '--out', 'run', '--json'];
  const trained = await relaybp('train', 'set.yaml', ...args.slice(0, -1));
  expect(trained.code, trained.stderr).toBe(0);
  const checked = await relaybp('data', 'check', 'set', '--min-side', '1', '--json');
  const { parts } = JSON.parse(checked.stdout) as { parts: { counts: Record<string, number> }[] };
  const names = parts.map(({ counts }) => Object.keys(counts));
  expect(parts.map(({ counts }) => Object.values(counts))).toEqual([
    [4, 4, 4, 4],
    [2, 2, 2, 2],
  ]);
  expect(names[0]).toEqual(names[1]);
  const { root, train, val, roots, classNames } = data;
  expect([root, data.classes]).toEqual(['set', 4]);
  return {
    train,
    val,
    ...(roots && { roots }),
    ...(classNames && { classNames }),
    names: names[0],
  };
}

/** What it says that makes no config of it. */
async function refused(): Promise<string> {
  const { code, stderr } = await relaybp('init', 'set');
  expect(code).toBe(3);
  expect(readdirSync(cwd).filter((name) => name.endsWith('.yaml'))).toEqual([]);
  return stderr;
}

describe('init of shards', () => {
  const COLOURS = ['red', 'green', 'blue', 'yellow'];

  it('of WebDataset, with a file of class names', async () => {
    await webDataset(at);
    expect(await initialized('train-*.tar; validation: val-000.tar')).toEqual({
      train: 'train-*.tar',
      val: 'val-000.tar',
      classNames: 'classes.txt',
      names: COLOURS,
    });
  });

  it('of Hugging Face, in the folder data as the Hub has it', async () => {
    cpSync(join(ROOT, 'test/fixtures/parquet/hub'), join(at, 'data'), { recursive: true });
    mkdirSync(join(at, '.cache'));
    writeFileSync(join(at, 'README.md'), '# a data set');
    expect(await initialized('data/train-*.parquet')).toEqual({
      train: 'data/train-*.parquet',
      val: 'data/validation-00000-of-00001.parquet',
      names: COLOURS,
    });
  });

  it('in a folder for each part', async () => {
    await webDataset(at);
    for (const [part, names] of [
      ['train', ['train-000.tar', 'train-001.tar']],
      ['val', ['val-000.tar']],
    ] as const) {
      mkdirSync(join(at, part));
      for (const name of names) renameSync(join(at, name), join(at, part, name.slice(-7)));
    }
    const { train, val } = await initialized('train; validation: val');
    expect([train, val]).toEqual(['train', 'val']);
  });

  it('names them one by one where no pattern is of these alone', async () => {
    await webDataset(at);
    renameSync(join(at, 'train-000.tar'), join(at, 'a_train.tar'));
    renameSync(join(at, 'train-001.tar'), join(at, 'b_train.tar'));
    const { train } = await initialized('{a_train,b_train}.tar');
    expect(train).toBe('{a_train,b_train}.tar');
  });

  it('says what to write by hand where the names do not say it, or a part is missing', async () => {
    await webDataset(at);
    rmSync(join(at, 'val-000.tar'));
    const keys = 'data.root: set, data.train: "NAME-{000..099}.tar", data.val: ';
    const missing = await refused();
    expect(missing).toContain('none that is called after validation, and single images of a shard');
    expect(missing).toContain(keys);
    expect(missing).toContain('docs/datasets.md, "WebDataset: tar shards"');
    renameSync(join(at, 'train-000.tar'), join(at, '000.tar'));
    renameSync(join(at, 'train-001.tar'), join(at, '001.tar'));
    const nameless = await refused();
    expect(nameless).toContain('whose names say nothing of training and validation');
    expect(nameless).toContain(keys);
  });

  it('refuses compressed ones by name, and says which keys an unusual shard takes', async () => {
    await webDataset(at);
    for (const name of ['train-000.tar', 'train-001.tar', 'val-000.tar']) {
      cpSync(join(at, name), join(at, `${name}.gz`));
    }
    mkdirSync(join(cwd, 'plain'));
    for (const name of ['train-000.tar', 'train-001.tar', 'val-000.tar']) {
      renameSync(join(at, name), join(cwd, 'plain', name));
    }
    expect(await refused()).toContain('a compressed tar file has no places');
    rmSync(at, { recursive: true });
    cpSync(join(ROOT, 'test/fixtures/parquet/hub'), at, { recursive: true });
    const [train] = readdirSync(at).filter((name) => name.startsWith('train-'));
    writeFileSync(join(at, train!), 'no Parquet');
    const error = await refused();
    expect(error).toContain('no Parquet file');
    expect(error).toContain('write by hand: data.train, data.val, data.roots');
  });

  it('an archive beside what was unpacked from it is no shard', async () => {
    await kaggle(join(cwd, 'other'));
    mkdirSync(join(at, 'train'), { recursive: true });
    for (const name of ['cat', 'dog']) {
      cpSync(join(cwd, 'other/images'), join(at, 'train', name), { recursive: true });
    }
    writeFileSync(join(at, 'photos.tar'), 'an archive');
    const { code, stderr } = await relaybp('init', 'set');
    expect(code, stderr).toBe(0);
    expect(loadConfig(join(cwd, 'set.yaml')).config.data.classes).toBe(2);
  });
});

describe('init of lists', () => {
  it.each(['.', 'filelist_places365-standard'])('of Places365, in %s', async (folder) => {
    await placesDevkit(at);
    mkdirSync(join(at, folder), { recursive: true });
    for (const name of readdirSync(at).filter((one) => one.endsWith('.txt'))) {
      renameSync(join(at, name), join(at, folder, name));
    }
    const below = (name: string): string => join(folder, name);
    expect(
      await initialized(`${below('places365_train_standard.txt')}, its images below data_256; `),
    ).toEqual({
      train: below('places365_train_standard.txt'),
      val: below('places365_val.txt'),
      roots: { train: 'data_256', val: 'val_256' },
      classNames: below('categories_places365.txt'),
      names: PLACES,
    });
  });

  it('of Places205: tables in name, without class names', async () => {
    await placesDevkit(at);
    const folder = join(at, 'trainvalsplit_places205');
    mkdirSync(folder);
    renameSync(join(at, 'places365_train_standard.txt'), join(folder, 'train_places205.csv'));
    renameSync(join(at, 'places365_val.txt'), join(folder, 'val_places205.csv'));
    renameSync(join(at, 'categories_places365.txt'), join(at, 'other.txt'));
    expect(await initialized('trainvalsplit_places205/train_places205.csv, ')).toEqual({
      train: 'trainvalsplit_places205/train_places205.csv',
      val: 'trainvalsplit_places205/val_places205.csv',
      roots: { train: 'data_256', val: 'val_256' },
      names: ['0', '1', '2', '3'],
    });
  });

  it('of Places365 whose images are elsewhere: says which key names their folder', async () => {
    await placesDevkit(at);
    rmSync(join(at, 'data_256'), { recursive: true });
    const error = await refused();
    expect(error).toContain(
      'its first image, "/a/airfield/00000001.jpg", is in none of the folders',
    );
    expect(error).toContain('data.roots: {train: FOLDER, val: FOLDER} (docs/datasets.md)');
  });

  const IMAGENET = [
    'crane (n02012849)',
    'English setter',
    'kit fox, Vulpes macrotis',
    'crane (n03126707)',
  ];
  it("of ImageNet with ILSVRC's devkit, and as Kaggle has it", async () => {
    await imagenet(at);
    const val = 'ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt';
    const devkit = await initialized(`ILSVRC2012_img_train; validation: ${val}`);
    expect(devkit).toEqual({
      train: 'ILSVRC2012_img_train',
      val,
      roots: { val: 'ILSVRC2012_img_val' },
      classNames: 'ILSVRC2012_devkit_t12/data/meta.mat',
      names: IMAGENET,
    });
    rmSync(join(at, 'ILSVRC2012_devkit_t12'), { recursive: true });
    rmSync(join(cwd, 'set.yaml'));
    rmSync(join(cwd, 'run'), { recursive: true });
    mkdirSync(join(at, 'ILSVRC/Data/CLS-LOC'), { recursive: true });
    for (const part of ['train', 'val']) {
      renameSync(join(at, `ILSVRC2012_img_${part}`), join(at, 'ILSVRC/Data/CLS-LOC', part));
    }
    expect(await initialized('ILSVRC/Data/CLS-LOC/train; ')).toMatchObject({
      train: 'ILSVRC/Data/CLS-LOC/train',
      val: 'LOC_val_solution.csv',
      roots: { val: 'ILSVRC/Data/CLS-LOC/val' },
      classNames: 'LOC_synset_mapping.txt',
    });
  });

  it('of iNaturalist', async () => {
    await inaturalist(at);
    const { train, val, names } = await initialized('train2018.json; validation: val2018.json');
    expect([train, val]).toEqual(['train2018.json', 'val2018.json']);
    expect(names).toEqual(['Rissa tridactyla', 'Apus apus', 'Danaus plexippus', 'Aglais io']);
    rmSync(join(cwd, 'set.yaml'));
    rmSync(join(cwd, 'run'), { recursive: true });
    renameSync(join(at, 'train2018.json'), join(at, 'train_mini.json'));
    renameSync(join(at, 'val2018.json'), join(at, 'val.json'));
    expect(await initialized('train_mini.json; ')).toMatchObject({ val: 'val.json', names });
  });

  it('of Kaggle: tables for both parts, or one that is split', async () => {
    await kaggle(at);
    expect(await initialized('train.csv, its images below images; validation: val.csv')).toEqual({
      train: 'train.csv',
      val: 'val.csv',
      roots: { train: 'images', val: 'images' },
      names: ['Great Dane, blue', 'boxer', 'pug', 'shih-tzu'],
    });
    rmSync(join(at, 'val.csv'));
    rmSync(join(cwd, 'set.yaml'));
    const { code, stdout, stderr } = await relaybp('init', 'set');
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/4 classes, 12 training images .*, 4 validation images/);
    const trained = await relaybp(
      ...['train', 'set.yaml', '--engine', 'wasm', '--max-steps', '1', '--out', 'split'],
    );
    expect(trained.code, trained.stderr).toBe(0);
  });

  it('whose columns are not plain: says how to name them', async () => {
    await kaggle(at);
    writeFileSync(join(at, 'train.csv'), 'a,b,c\ntrain00,24,boxer\n');
    const error = await refused();
    expect(error).toContain('has the columns a, b, c');
    expect(error).toContain('data.columns: {image: …, label: …} in a config (docs/datasets.md)');
  });

  it('called train.txt and val.txt finds the folder of their images', async () => {
    await placesDevkit(at);
    renameSync(join(at, 'places365_train_standard.txt'), join(at, 'train.txt'));
    renameSync(join(at, 'places365_val.txt'), join(at, 'val.txt'));
    rmSync(join(at, 'categories_places365.txt'));
    expect(await initialized('train.txt, its images below data_256; ')).toEqual({
      train: 'train.txt',
      val: 'val.txt',
      roots: { train: 'data_256', val: 'val_256' },
      names: ['0', '1', '2', '3'],
    });
  });
});
