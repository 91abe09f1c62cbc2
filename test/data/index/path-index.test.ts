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

it('nothing at all is an error', () => {
  const empty = temporaryFolder();
  expect(() => indexPaths([empty.path])).toThrow(`no images in ${empty.path}`);
  expect(() => indexPaths([])).toThrow('no images are named');
  empty.remove();
});
