import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { DataConfig } from '../../src/config/experiment-schema.js';
import { picturesInPlace } from '../../src/report/picture-place.js';
import type { Picture } from '../../src/report/validation-images.js';

const root = mkdtempSync(join(tmpdir(), 'relaybp-pictures-'));
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

it('images in tar and Parquet files are counted as what they are', () => {
  const all = ['data/a.tar/x.jpg', 'data/b.parquet/7', 'data/3.jpg'].map(picture);
  const { pictures, leftOut } = picturesInPlace(all, data({}), undefined);
  expect(pictures).toHaveLength(1);
  expect(leftOut).toEqual(['2 of 3 pictures are not shown, as they lie in tar or Parquet files']);
});
