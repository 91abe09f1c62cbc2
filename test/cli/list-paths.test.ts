/** Where the paths of a list are looked for: one rule for the commands that are given one (docs/data.md). */
import { cpSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { type Outcome, run } from '../support/cli.js';
import { folderWith } from '../support/configs.js';
import { colourImages } from '../support/images.js';

vi.setConfig({ testTimeout: 240_000 });

let cwd: string;
const at = (path: string): string => join(cwd, path);
const relaybp = (...args: string[]): Promise<Outcome> =>
  run(args, cwd, { RELAYBP_CACHE_DIR: at('cache') });
const wasm = (...args: string[]): Promise<Outcome> => relaybp(...args, '--engine', 'wasm');

beforeAll(async () => {
  cwd = folderWith({});
  cpSync(join(await colourImages(), 'train'), at('photos'), { recursive: true });
  expect((await relaybp('init', 'photos', '--out', 'p.yaml')).code).toBe(0);
  const trained = await wasm('train', 'p.yaml', '--fast-dev-run', '--out', 'run');
  expect(trained.code, trained.stderr).toBe(0);
});

describe('the lists that init writes', () => {
  it('work in eval and compare as in train', async () => {
    for (const [list, images] of [
      ['p.train.txt', 19],
      ['p.val.txt', 4],
    ] as const) {
      const { code, stdout, stderr } = await wasm('eval', 'run', '--data', list);
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toContain(`${images} images`);
    }
    const compared = await wasm('compare', 'run', 'run', '--data', 'p.train.txt');
    expect([compared.code, compared.stderr]).toEqual([0, '']);
  });

  it('also from another folder, and where the images have moved', async () => {
    mkdirSync(at('elsewhere'));
    const away = await run(
      ['eval', '../run', '--data', '../p.val.txt', '--engine', 'wasm'],
      at('elsewhere'),
      { RELAYBP_CACHE_DIR: at('cache') },
    );
    expect([away.code, away.stderr]).toEqual([0, '']);
    renameSync(at('photos'), at('moved'));
    const missing = await wasm('eval', 'run', '--data', 'p.val.txt');
    expect(missing.code).toBe(3);
    expect(missing.stderr).toContain('4 of 4 files do not exist');
    const found = await wasm('eval', 'run', '--data', 'p.val.txt', '--data-root', 'moved');
    expect([found.code, found.stderr]).toEqual([0, '']);
    renameSync(at('moved'), at('photos'));
  });
});

describe('a list beside its images', () => {
  it('is read from there, which is said', async () => {
    cpSync(at('photos/red/1.jpg'), at('other/extra/1.jpg'));
    writeFileSync(at('other/list.txt'), 'extra/1.jpg red\n');
    const { code, stdout } = await wasm('eval', 'run', '--data', 'other/list.txt');
    expect(code).toBe(0);
    expect(stdout).toContain('1 images');
    expect(stdout).toContain(
      'other/list.txt: its images are found beside it, not below the data root',
    );
  });

  it('is refused where the data root has such an image, too', async () => {
    cpSync(at('photos/blue/0.jpg'), at('other/red/0.jpg'));
    writeFileSync(at('other/both.txt'), 'red/0.jpg red\n');
    const { code, stderr } = await wasm('eval', 'run', '--data', 'other/both.txt');
    expect(code).toBe(3);
    expect(stderr).toContain(
      `its first image is there twice, as ${at('photos/red/0.jpg')} and as ${at('other/red/0.jpg')}`,
    );
    expect(stderr).toContain('--data-root FOLDER');
    const chosen = await wasm(
      'eval',
      'run',
      '--data',
      'other/both.txt',
      '--data-root',
      'other',
      '--json',
    );
    expect(chosen.code).toBe(0);
  });
});

it('an empty class folder is to be removed rather than counted', async () => {
  mkdirSync(at('photos/void'));
  const config = readFileSync(at('p.yaml'), 'utf8').replace(/train: .*/, 'train: .');
  writeFileSync(at('folders.yaml'), config);
  const { code, stderr } = await wasm('train', 'folders.yaml', '--fast-dev-run', '--out', 'no');
  expect(code).toBe(3);
  expect(stderr).toContain(
    'photos: 4 classes, 1 of them without an image (void), but data.classes is 3',
  );
  expect(stderr).toContain(
    'hint: an output without images learns nothing: remove the empty class folders, then they are as many',
  );
});
