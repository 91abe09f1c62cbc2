import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { imagePath } from '../../../src/data/index/image-index.js';
import { indexPaths } from '../../../src/data/index/path-index.js';
import { solid, temporaryFolder } from '../images.js';

const folder = temporaryFolder();
afterAll(folder.remove);
beforeAll(async () => {
  for (const name of ['b/2.jpg', 'b/1.PNG', 'b/c/0.webp', 'a.jpg']) {
    await solid(join(folder.path, name), [1, 2, 3]).catch(() => {});
  }
});

it('files in the order given, folders with all their images', () => {
  const at = (name: string): string => join(folder.path, name);
  const { index, names } = indexPaths([at('missing.jpg'), at('b'), 'relative.jpg']);
  expect(names).toEqual([
    at('missing.jpg'),
    at('b/1.PNG'),
    at('b/2.jpg'),
    at('b/c/0.webp'),
    'relative.jpg',
  ]);
  expect(imagePath(index, 2)).toBe(at('b/2.jpg'));
  expect(imagePath(index, 4)).toBe(join(process.cwd(), 'relative.jpg'));
});

it('leaves out what is no image, and counts it', async () => {
  const { path, remove } = temporaryFolder();
  await solid(join(path, '1.jpg'), [1, 2, 3]);
  await solid(join(path, 'deep/@eaDir/1.jpg/thumb.jpg'), [1, 2, 3]);
  renameSync(join(path, '1.jpg'), join(path, '1'));
  writeFileSync(join(path, 'notes.txt'), 'no image');
  writeFileSync(join(path, 'LICENSE'), 'no image');
  const { names, leftOut } = indexPaths([path]);
  expect(names).toEqual([join(path, '1')]);
  expect(leftOut).toEqual({ system: { '@eaDir': 1 }, kinds: { '.txt': 1, '': 1 } });
  remove();
});

it('nothing at all is an error', () => {
  const empty = temporaryFolder();
  expect(() => indexPaths([empty.path])).toThrow(`no images in ${empty.path}`);
  expect(() => indexPaths([])).toThrow('no images are named');
  empty.remove();
});

it('shards and lists are no images, and it is said what takes them; one among images is left to the decoder', () => {
  expect(() => indexPaths(['a.tar', 'b.parquet'])).toThrow('a.tar: is no image, nor a folder');
  expect(() => indexPaths(['x/list.txt'])).toThrow('x/list.txt: is no image, nor a folder');
  expect(indexPaths(['x/list.txt', 'a.jpg']).names).toEqual(['x/list.txt', 'a.jpg']);
});
