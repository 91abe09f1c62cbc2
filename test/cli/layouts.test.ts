/**
 * Data sets as they are handed out: each trains, is evaluated and checked without a file being edited. The images are
 * of one colour for each class, so a network that was given the right labels is right about all of them.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { loadConfig } from '../../src/config/load.js';
import type { ReportData } from '../../src/report/page-data.js';
import { type Outcome, run } from '../support/cli.js';
import { SMALL_CONFIG } from '../support/configs.js';
import { ROOT } from '../support/consumer.js';
import {
  imagenet,
  inaturalist,
  kaggle,
  PLACES,
  placesDevkit,
  placesFolders,
  webDataset,
} from '../support/layouts.js';

vi.setConfig({ testTimeout: 240_000 }); // whole trainings by processes of their own

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'relaybp-layouts-'));
});
const relaybp = (...args: string[]): Promise<Outcome> =>
  run(args, cwd, { RELAYBP_CACHE_DIR: join(cwd, 'cache') });

/** What `eval --json` says that is looked at here. */
interface Evaluated {
  images: number;
  top1: number;
  perClass: { class: string; images: number }[];
}

/** `relaybp <args>`, which must succeed. */
async function succeeds(...args: string[]): Promise<Outcome> {
  const outcome = await relaybp(...args);
  expect(outcome.code, outcome.stderr).toBe(0);
  return outcome;
}

/** A small config with these keys of `data`. */
const configWith = (data: string): string =>
  SMALL_CONFIG.replace(
    /data: .*\n/,
    `data:\n  resize: 18\n  crop: 16\n  mean: channel\n  std: channel\n${data}`,
  );

/** The images of each class. All must have been told rightly. */
function allRight({ top1, perClass }: Evaluated): Record<string, number> {
  expect(top1).toBe(100);
  return Object.fromEntries(perClass.map((row) => [row.class, row.images]));
}

/**
 * Writes a config with these keys of `data`, trains it, evaluates the run and checks the data.
 *
 * @returns what training said, the evaluation, and the classes with the images that `data check` counted in each
 */
async function trained(data: string, steps = 60) {
  writeFileSync(join(cwd, 'layout.yaml'), configWith(data));
  const training = await succeeds(
    ...['train', 'layout.yaml', '--engine', 'wasm', '--out', 'run'],
    ...['--set', `training.epochs=null`, '--set', `training.steps=${steps}`],
    ...['--set', 'evaluation.every=1000 steps', '--set', 'checkpoint.every=1000 steps'],
  );
  const { stdout } = await succeeds('eval', 'run', '--engine', 'wasm', '--json');
  const check = await succeeds('data', 'check', 'layout.yaml', '--min-side', '1', '--json');
  const counts = (JSON.parse(check.stdout) as { parts: { counts: Record<string, number> }[] })
    .parts;
  return {
    training,
    evaluation: JSON.parse(stdout) as Evaluated,
    counts: counts.map((part) => part.counts),
  };
}

/** A page about the run, wherever it is made, has all its pictures. */
async function pagesHavePictures(): Promise<void> {
  for (const [folder, path] of [
    [cwd, 'run'],
    [tmpdir(), join(cwd, 'run')],
  ] as const) {
    const out = join(cwd, 'page.html');
    const args = ['report', path, '--out', out];
    const { code, stderr } = await run(args, folder, { RELAYBP_CACHE_DIR: join(cwd, 'cache') });
    expect([code, stderr]).toEqual([0, '']);
    const html = readFileSync(out, 'utf8');
    const [, json] = /<script[^>]*id="data"[^>]*>(.*?)<\/script>/s.exec(html)!;
    const { runs } = JSON.parse(json!) as ReportData;
    const images = runs[0]!.validation!.galleries.flatMap((gallery) => gallery.images);
    expect(images.length).toBeGreaterThan(0);
    for (const { picture } of images) expect(picture).toMatch(/^data:image\/webp;/);
  }
}

const each = (names: readonly string[], images: number): Record<string, number> =>
  Object.fromEntries(names.map((name) => [name, images]));

describe('Places365', () => {
  const DATA = [
    '  root: places365',
    '  train: places365_train_standard.txt',
    '  val: places365_val.txt',
    '  roots: {train: data_256, val: val_256}',
    '  classNames: categories_places365.txt',
    '  classes: 4',
    '',
  ].join('\n');

  it('as the devkit has it: lists, a root for each part, names of the classes', async () => {
    await placesDevkit(join(cwd, 'places365'));
    const { evaluation, counts } = await trained(DATA);
    expect(counts).toEqual([each(PLACES, 4), each(PLACES, 2)]);
    expect(allRight(evaluation)).toEqual(each(PLACES, 2));
    await pagesHavePictures();
    const predicted = await succeeds(
      ...['predict', 'run', 'places365/val_256', '--engine', 'wasm', '--format', 'csv'],
    );
    expect(predicted.stdout).toMatch(/Places365_val_00000001\.jpg,b\/bathroom,/);
    expect(predicted.stdout).toMatch(/Places365_val_00000004\.jpg,a\/apartment_building\/outdoor,/);
    await succeeds('export', 'run', '--format', 'safetensors', '--out', 'model.safetensors');
    await succeeds('report', 'run', '--out', 'report.html');
    for (const file of ['model.safetensors', 'report.html']) {
      expect(readFileSync(join(cwd, file), 'latin1')).toContain('a/apartment_building/outdoor');
    }
  });

  it.each(['shards', 'copies'])(
    'prepared as %s it trains with what is said to be set',
    async (format) => {
      await placesDevkit(join(cwd, 'places365'));
      writeFileSync(join(cwd, 'layout.yaml'), configWith(DATA));
      const { stdout } = await succeeds(
        ...['data', 'prepare', 'layout.yaml', '--out', 'prepared', '--format', format, '--json'],
      );
      rmSync(join(cwd, 'places365/data_256'), { recursive: true });
      const { set } = JSON.parse(stdout) as { set: string[] };
      await succeeds(
        ...['train', 'layout.yaml', '--engine', 'wasm', '--fast-dev-run', '--out', 'run'],
        ...set.flatMap((one) => ['--set', one]),
      );
      const evaluated = await succeeds('eval', 'run', '--engine', 'wasm', '--json');
      const { perClass } = JSON.parse(evaluated.stdout) as Evaluated;
      expect(Object.fromEntries(perClass.map((row) => [row.class, row.images]))).toEqual(
        each(PLACES, 2),
      );
    },
  );

  it('data check leaves the bad ones out of a list that trains in place of the first', async () => {
    await placesDevkit(join(cwd, 'places365'));
    writeFileSync(join(cwd, 'places365/data_256/b/bookstore/00000002.jpg'), '');
    writeFileSync(join(cwd, 'layout.yaml'), configWith(DATA));
    const checked = await relaybp(
      'data',
      'check',
      'layout.yaml',
      '--fix-list',
      'good.txt',
      '--json',
    );
    const { lists } = JSON.parse(checked.stdout) as {
      lists: { part: string; value: string; images: number }[];
    };
    expect([checked.code, lists.map(({ images }) => images)]).toEqual([3, [15, 8]]);
    const set = lists.flatMap(({ value }, i) => ['--set', `data.${['train', 'val'][i]}=${value}`]);
    await succeeds('train', 'layout.yaml', '--engine', 'wasm', '--fast-dev-run', ...set);
    expect(readFileSync(join(cwd, 'good.train.txt'), 'utf8')).toContain(
      '/a/apartment_building/outdoor/00000001.jpg\ta/apartment_building/outdoor\n',
    );
  });

  it('a list whose images lie elsewhere is refused with the key that says where', async () => {
    await placesDevkit(join(cwd, 'places365'));
    writeFileSync(join(cwd, 'layout.yaml'), configWith(DATA.replace(/.*roots.*\n/, '')));
    const { code, stderr } = await relaybp('train', 'layout.yaml', '--engine', 'wasm');
    expect([code, stderr]).toEqual([
      3,
      expect.stringMatching(/16 of 16 files do not exist.*\n.*data\.roots/),
    ]);
  });

  it('as unpacked: the folders that hold images are the classes, and init offers them', async () => {
    await placesFolders(join(cwd, 'places'));
    const init = await succeeds('init', 'places');
    expect(init.stderr).toBe(
      'places/train: its 2 folders hold folders alone: those with the images are taken for the classes (4: a/airfield, a/apartment_building/outdoor, b/bathroom, …); --class-folders top takes the 2 others (a, b)\n',
    );
    expect(init.stdout).toContain('4 classes, 16 training images');
    expect(loadConfig(join(cwd, 'places.yaml')).config.data).toMatchObject({
      classFolders: 'leaves',
      classes: 4,
    });
    const { evaluation, counts, training } = await trained(
      '  root: places\n  classFolders: leaves\n  classes: 4\n',
    );
    expect(training.stderr).not.toContain('classFolders');
    expect(allRight(evaluation)).toEqual(each(PLACES, 2));
    expect(counts).toEqual([each(PLACES, 4), each(PLACES, 2)]);
  });

  it('data check and training of the folders at the top say what lies below them', async () => {
    await placesFolders(join(cwd, 'places'));
    const { stderr } = await succeeds('data', 'check', 'places', '--min-side', '1');
    expect(stderr).toContain(
      'its 2 class folders hold folders alone, 4 of them (a/airfield, a/apartment_building/outdoor, b/bathroom, b/bookstore): if those are the classes, data.classFolders: leaves',
    );
  });
});

describe('ImageNet', () => {
  const NAMES = [
    'crane (n02012849)',
    'English setter',
    'kit fox, Vulpes macrotis',
    'crane (n03126707)',
  ]; // in the order of their synsets, as every other program has them

  it.each([
    [
      'ILSVRC2012',
      'ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt',
      'ILSVRC2012_devkit_t12/data/meta.mat',
    ],
    ['Kaggle', 'LOC_val_solution.csv', 'LOC_synset_mapping.txt'],
  ])('of %s: folders of synsets, validation images in one folder', async (_, val, names) => {
    await imagenet(join(cwd, 'imagenet'));
    const { evaluation, counts } = await trained(
      [
        '  root: imagenet',
        '  train: ILSVRC2012_img_train',
        `  val: ${val}`,
        '  roots: {val: ILSVRC2012_img_val}',
        `  classNames: ${names}`,
        '  classes: 4',
        '',
      ].join('\n'),
    );
    expect(counts).toEqual([each(NAMES, 4), each(NAMES, 2)]);
    expect(allRight(evaluation)).toEqual(each(NAMES, 2));
    expect(evaluation.perClass.map((row) => row.class).sort()).toEqual([...NAMES].sort());
  });
});

describe('tables and annotations', () => {
  it('a table as Kaggle has it: column names, quotes, images without an extension', async () => {
    await kaggle(join(cwd, 'dogs'));
    const { evaluation, counts } = await trained(
      [
        '  root: dogs',
        '  train: train.csv',
        '  val: val.csv',
        '  roots: {train: images, val: images}',
        '  columns: {image: id, label: breed}',
        '  classes: 4',
        '',
      ].join('\n'),
    );
    const names = ['Great Dane, blue', 'boxer', 'pug', 'shih-tzu'];
    expect(counts).toEqual([each(names, 4), each(names, 2)]);
    expect(allRight(evaluation)).toEqual(each(names, 2));
  });

  it('iNaturalist by its JSON, and by its folders', async () => {
    await inaturalist(join(cwd, 'inat'));
    const { evaluation, counts } = await trained(
      '  root: inat\n  train: train2018.json\n  val: val2018.json\n  classes: 4\n',
    );
    const names = ['Rissa tridactyla', 'Apus apus', 'Danaus plexippus', 'Aglais io'];
    expect(counts).toEqual([each(names, 4), each(names, 2)]);
    expect(allRight(evaluation)).toEqual(each(names, 2));
    const init = await succeeds('init', 'inat/train_val2018', '--out', 'new.yaml');
    expect(init.stderr).toContain('4: Aves/100, Aves/101, Insecta/102, …');
  });
});

describe('WebDataset', () => {
  const DATA = [
    '  root: wds',
    '  train: train-{000..001}.tar',
    '  val: val-000.tar',
    '  classNames: classes.txt',
    '  classes: 4',
    '',
  ].join('\n');
  const NAMES = ['red', 'green', 'blue', 'yellow'];

  it('trains from tar shards, goes on from a checkpoint, and is checked', async () => {
    await webDataset(join(cwd, 'wds'));
    const { evaluation, counts } = await trained(DATA);
    expect(counts).toEqual([each(NAMES, 4), each(NAMES, 2)]);
    expect(allRight(evaluation)).toEqual(each(NAMES, 2));
    const others = await succeeds(
      ...['eval', 'run', '--engine', 'wasm', '--data', 'wds/train-{000..001}.tar', '--json'],
    );
    expect((JSON.parse(others.stdout) as Evaluated).images).toBe(16);
    await pagesHavePictures();
    await succeeds('train', 'layout.yaml', '--engine', 'wasm', '--out', 'a', '--max-steps', '4');
    await succeeds('train', 'layout.yaml', '--engine', 'wasm', '--out', 'b', '--max-steps', '2');
    await succeeds(
      ...['train', 'layout.yaml', '--engine', 'wasm', '--out', 'b', '--max-steps', '4', '--resume'],
    );
    const weights = (run: string): Buffer => {
      return readFileSync(join(cwd, run, 'checkpoints/step-4/weights.safetensors'));
    };
    expect(weights('a').equals(weights('b'))).toBe(true);
  });

  it('prepared as shards it trains; copies would have no names', async () => {
    await webDataset(join(cwd, 'wds'));
    writeFileSync(join(cwd, 'layout.yaml'), configWith(DATA));
    await succeeds('data', 'prepare', 'layout.yaml', '--out', 'prepared');
    const copies = await relaybp(
      ...['data', 'prepare', 'layout.yaml', '--out', 'copies', '--format', 'copies'],
    );
    expect([copies.code, copies.stderr]).toEqual([2, expect.stringContaining('lie in shards')]);
    const fix = await relaybp('data', 'check', 'layout.yaml', '--fix-list', 'good.txt');
    expect([fix.code, fix.stderr]).toEqual([2, expect.stringContaining('a list names files')]);
    const options = ['--engine', 'wasm', '--fast-dev-run', '--set', 'data.root=prepared'];
    await succeeds('train', 'layout.yaml', ...options, '--out', 'run');
    await pagesHavePictures();
  });
});

it('Parquet files of Hugging Face: images and names of classes out of the files', async () => {
  cpSync(join(ROOT, 'test/fixtures/parquet/hub'), join(cwd, 'hub'), { recursive: true });
  const { evaluation, counts } = await trained(
    '  root: hub\n  train: train-*.parquet\n  val: validation-*.parquet\n  classes: 4\n',
  );
  const names = ['red', 'green', 'blue', 'yellow'];
  expect(counts).toEqual([each(names, 4), each(names, 2)]);
  expect(allRight(evaluation)).toEqual(each(names, 2));
  await pagesHavePictures();
});
