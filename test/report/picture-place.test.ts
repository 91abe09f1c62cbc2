import { execFileSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import type { DataConfig } from '../../src/config/experiment-schema.js';
import { ImageReader } from '../../src/data/loader/image-reader.js';
import { openImages } from '../../src/experiment/images.js';
import { picturesInPlace } from '../../src/report/picture-place.js';
import { embedPictures, Thumbnails } from '../../src/report/pictures.js';
import type { Picture } from '../../src/report/validation-images.js';
import { ROOT } from '../support/consumer.js';
import { webDataset } from '../support/layouts.js';

const root = mkdtempSync(join(tmpdir(), 'relaybp-pictures-'));
process.env.RELAYBP_CACHE_DIR = join(root, 'cache');
afterAll(() => rmSync(root, { recursive: true }));

/** Of a page only the file is looked at. */
const picture = (file: string): Picture => ({ file: join(root, file) }) as Picture;
const data = (more: object) =>
  ({ root: join(root, 'data'), train: 'train.txt', val: 'val.txt', ...more }) as DataConfig;

it('images of lists may lie in the folders that data.roots names, also outside of the root', () => {
  for (const file of ['images/1.jpg', 'other/2.jpg', 'data/3.jpg']) {
    mkdirSync(join(root, file, '..'), { recursive: true });
    writeFileSync(join(root, file), '');
  }
  const all = ['images/1.jpg', 'other/2.jpg', 'data/3.jpg'].map(picture);
  const { pictures, leftOut } = picturesInPlace(
    all,
    data({ roots: { val: '../images' } }),
    undefined,
  );
  expect(pictures.map(({ file }) => file)).toEqual([all[0]!.file, all[2]!.file]);
  expect(leftOut).toEqual([
    expect.stringMatching(/^1 of 3 pictures are not shown, as they are no files in/),
  ]);
});

describe('images in tar and Parquet files', () => {
  const read = async (pictures: Picture[]): Promise<(string | null)[]> => {
    const all = pictures.map((one) => ({ ...one, image: { picture: null } }) as Picture);
    await embedPictures(all);
    return all.map(({ image }) => image.picture);
  };

  it('are shown as those in files of their own, whichever part or other shard they are in', async () => {
    const at = join(root, 'shards');
    await webDataset(at);
    cpSync(join(at, 'val-000.tar'), join(at, 'other.TAR'));
    execFileSync('tar', ['-xf', join(at, 'val-000.tar'), '-C', at]);
    mkdirSync(join(at, 'folder.tar'));
    cpSync(join(at, 's10.jpg'), join(at, 'folder.tar/s10.jpg'));
    const shards = data({ root: at, train: 'train-{000..001}.tar', val: 'val-*.tar' });
    const names = ['val-000.tar/s10.jpg', 's10.jpg', 'other.TAR/s10.jpg', 'folder.tar/s10.jpg'];
    const more = ['val-000.tar/s31.jpg', 'train-001.tar/s00.jpg', 'val-000.tar/none.jpg'];
    const all = [...names, ...more].map((name) => picture(join('shards', name)));
    const { pictures, leftOut } = picturesInPlace(all, shards, undefined);
    expect([pictures.length, leftOut]).toEqual([7, []]);
    const [one, ...others] = await read(pictures);
    expect(one).toMatch(/^data:image\/webp;base64,/);
    expect(others.slice(0, 3)).toEqual([one, one, one]);
    expect(others[3]).not.toBe(one);
    expect(others[4]).not.toBeNull();
    expect(others[5]).toBeNull();
  });

  it('are found in rows of Parquet files', async () => {
    const at = join(root, 'hub');
    cpSync(join(ROOT, 'test/fixtures/parquet/hub'), at, { recursive: true });
    const [file] = readdirSync(at).filter((name) => name.startsWith('validation-'));
    const all = [0, 1].map((row) => picture(`hub/${file}/${row}`));
    const hub = data({ root: at, train: 'train-*.parquet', val: 'validation-*.parquet' });
    const { pictures, leftOut } = picturesInPlace(all, hub, undefined);
    expect(leftOut).toEqual([]);
    const index = await openImages(at, 'validation-*.parquet', undefined, () => {});
    const reader = new ImageReader(index);
    for (const [i, uri] of (await read(pictures)).entries()) {
      const { data: pixels, width, height } = await (await reader.load(i)).decode({ resize: 208 });
      const [left, top] = [width, height].map((side) => Math.floor((side - 208) / 2));
      const expected = await sharp(pixels, { raw: { width, height, channels: 3 } })
        .extract({ left: left!, top: top!, width: 208, height: 208 })
        .webp({ quality: 72 })
        .toBuffer();
      expect(uri).toBe(`data:image/webp;base64,${expected.toString('base64')}`);
    }
    await reader.close();
  });

  it('are not shown where their shard is a link out of the data, or becomes one', async () => {
    const [outside, at] = [join(root, 'outside'), join(root, 'linked')];
    await webDataset(outside);
    mkdirSync(at);
    symlinkSync(join(outside, 'val-000.tar'), join(at, 'val-000.tar'));
    const linked = data({ root: at, train: 'train-000.tar', val: 'val-000.tar' });
    const all = ['linked/val-000.tar/s10.jpg', 'outside/val-000.tar/s10.jpg'].map(picture);
    const found = picturesInPlace(all, linked, undefined);
    expect([found.pictures, found.leftOut]).toEqual([[], [expect.stringMatching(/^2 of 2/)]]);
    expect(picturesInPlace(all.slice(0, 1), linked, at).pictures).toHaveLength(1); // his own link

    cpSync(join(outside, 'val-000.tar'), join(at, 'train-000.tar'));
    const inside = [picture('linked/train-000.tar/s10.jpg')];
    const { pictures } = picturesInPlace(inside, linked, undefined);
    const thumbnails = new Thumbnails();
    expect((await thumbnails.make(pictures[0]!)).length).toBeGreaterThan(100);
    renameSync(join(at, 'train-000.tar'), join(at, 'moved.tar'));
    symlinkSync(join(outside, 'val-000.tar'), join(at, 'train-000.tar'));
    await expect(thumbnails.make(pictures[0]!)).rejects.toThrow('it has become a link');
    await thumbnails.close();
  });
});

it('a picture is found under its name in another Unicode form', () => {
  const [one, two] = ['NFC', 'NFD'].map((form) => `data/caf\u00e9.jpg`.normalize(form));
  writeFileSync(join(root, two!), '');
  const { pictures } = picturesInPlace([picture(one!)], data({}), undefined);
  expect(pictures).toMatchObject([{ file: join(root, two!) }]);
});
