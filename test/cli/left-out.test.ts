/** What lies in a data set's folders and is no image: said in one line by every command that goes through them. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, it, vi } from 'vitest';
import { type Outcome, run } from '../support/cli.js';
import { colourImages } from '../support/images.js';

vi.setConfig({ testTimeout: 240_000 });

let cwd: string;
const relaybp = (...args: string[]): Promise<Outcome> =>
  run(args, cwd, { RELAYBP_CACHE_DIR: join(cwd, 'cache') });
const at = (path: string): string => join(cwd, path);
const SAID =
  'photos/train: left out: 19 files in system folders (@eaDir); 2 files not read as images (1 .bmp, 1 .txt)';

beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'relaybp-left-out-'));
  cpSync(await colourImages(), at('photos'), { recursive: true });
  // Of 12 blue, 7 green and 4 red images, four in the manners of other programs.
  renameSync(at('photos/train/blue/0.jpg'), at('photos/train/blue/0'));
  renameSync(at('photos/train/blue/1.jpg'), at('photos/train/blue/1.JFIF'));
  renameSync(at('photos/train/green/0.jpg'), at('photos/train/green/0.jpe'));
  renameSync(at('photos/train/red/0.jpg'), at('photos/train/red/0.jif'));
  // A file server's thumbnails, and a class folder of its own making.
  for (const [name, count] of [
    ['blue', 12],
    ['green', 6],
  ] as const) {
    for (let i = 0; i < count; i++) {
      mkdirSync(at(`photos/train/${name}/@eaDir/${i}.jpg`), { recursive: true });
      cpSync(
        at('photos/val/red/0.jpg'),
        at(`photos/train/${name}/@eaDir/${i}.jpg/SYNOPHOTO_THUMB_M.jpg`),
      );
    }
  }
  mkdirSync(at('photos/train/@eaDir'));
  cpSync(at('photos/val/red/0.jpg'), at('photos/train/@eaDir/thumb.jpg'));
  writeFileSync(at('photos/train/red/labels.txt'), 'red');
  writeFileSync(at('photos/train/red/5.bmp'), 'BM');
});

it('init counts the images alone, also where it splits', async () => {
  const { code, stdout, stderr } = await relaybp('init', 'photos');
  expect([code, stderr.match(/left out/g)?.length]).toEqual([0, 1]);
  expect(stderr).toContain(SAID);
  expect(stdout).toContain(
    '3 classes, 23 training images (12 blue to 4 red), 15 validation images',
  );

  const split = await relaybp('init', 'photos/train', '--out', 'split.yaml');
  expect(split.stdout).toContain('3 classes, 19 training images (10 blue to 3 red), 4 validation');
  const lists = ['train', 'val'].map((part) => readFileSync(at(`split.${part}.txt`), 'utf8'));
  expect(lists.join('')).not.toContain('@eaDir');
  expect(lists.join('')).toContain('blue/0\tblue\n');
});

it('train, data check and predict say what they leave out', async () => {
  const trained = await relaybp(
    ...['train', 'photos.yaml', '--engine', 'wasm', '--fast-dev-run', '--out', 'run'],
  );
  expect(trained.code, trained.stderr).toBe(0);
  expect(trained.stdout).toContain(SAID);
  expect(trained.stdout).toContain('23 training images');

  const checked = await relaybp('data', 'check', 'photos');
  expect([checked.code, checked.stderr]).toEqual([0, expect.stringContaining(SAID)]);
  expect(checked.stdout).toContain('train: 23 images in 3 classes');
  expect(checked.stdout).not.toContain('another format'); // 0 holds a JPEG, and its name says nothing

  const predicted = await relaybp(
    ...['predict', 'run', 'photos/train/red', '--engine', 'wasm', '--format', 'csv'],
  );
  expect(predicted.stderr).toContain('left out: 2 files not read as images (1 .bmp, 1 .txt)');
  expect(predicted.stdout.trim().split('\n')).toHaveLength(1 + 4);
});
