/** "é" in one character (NFC) and in two (NFD): the same class, the same file. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { indexFolder } from '../../../src/data/index/folder-index.js';
import { imagePath, relativePath } from '../../../src/data/index/image-index.js';
import { IndexCache } from '../../../src/data/index/index-cache.js';
import { indexList } from '../../../src/data/index/list-index.js';
import { relabelled, sameClasses } from '../../../src/data/index/relabel.js';
import { pathAsThere } from '../../../src/data/index/unicode-forms.js';
import { openImages } from '../../../src/experiment/images.js';

const [ONE, TWO] = ['café', 'café'].map((name, i) => name.normalize(i === 0 ? 'NFC' : 'NFD')) as [
  string,
  string,
];
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'relaybp-forms-'));
});
function put(...paths: string[]): void {
  for (const path of paths) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), path);
  }
}

it('a class folder of either form is one class, also where both are there', () => {
  expect(ONE).not.toBe(TWO);
  put(`train/${ONE}/1.jpg`, `train/${TWO}/2.jpg`, 'train/zoo/3.jpg', `val/${TWO}/4.jpg`);
  const train = indexFolder(join(root, 'train'));
  expect(train.index.classes).toEqual([ONE, 'zoo']);
  expect([...train.index.labels].sort()).toEqual([0, 0, 1]);
  const val = indexFolder(join(root, 'val'), { classes: train.index.classes });
  expect([...val.index.labels]).toEqual([0]);
  expect([val.index.classes, val.missingClasses]).toEqual([[ONE, 'zoo'], ['zoo']]);
});

it("a checkpoint's classes are matched whatever their form, and keep it", () => {
  put(`${ONE}/1.jpg`, 'zoo/2.jpg');
  const { index, missingClasses } = indexFolder(root, { classes: ['zoo', TWO] });
  expect([index.classes, [...index.labels], missingClasses]).toEqual([['zoo', TWO], [1, 0], []]);
  const own = indexFolder(root).index;
  expect(sameClasses(['zoo', TWO], own.classes)).toBe(true);
  expect(relabelled(own, ['zoo', TWO])).toMatchObject({ classes: ['zoo', TWO] });
});

it('a label of a list is one class, and its file is found, in either form', async () => {
  put(`${TWO}/${TWO}.jpg`, `${ONE}/b.jpg`, 'plain/c.jpg');
  const lines = [`${ONE}/${ONE}.jpg ${ONE}`, `${ONE}/b.jpg ${TWO}`, 'plain/c.jpg plain'];
  const list = join(root, 'list.txt');
  writeFileSync(list, lines.slice(0, 1).concat(lines.slice(2)).join('\n'));
  // Two folders of one name would be two files; here one of them is enough.
  const found = indexList(list, { root });
  expect(found.classes).toEqual([ONE, 'plain']);
  expect(found.sizes.every((size) => size > 0)).toBe(true);
  const cached = await new IndexCache({ folder: null }).openList(list, root, undefined);
  expect(cached.index).toEqual(found);
  writeFileSync(list, lines.slice(1).join('\n'));
  const classes = indexList(list, { root, classes: ['plain', ONE] });
  expect([...classes.labels]).toEqual([1, 0]);

  writeFileSync(list, `${ONE}/gone.jpg ${ONE}`);
  expect(() => indexList(list, { root })).toThrow('1 of 1 files do not exist');
});

it('a part of a data set, too', async () => {
  put(`${TWO}/a/1.jpg`, `${TWO}/b/2.jpg`);
  expect(pathAsThere(join(root, ONE))).toBe(join(root, TWO));
  expect(pathAsThere(join(root, 'nothing'))).toBe(join(root, 'nothing'));
  expect(pathAsThere(join(root, `${ONE}x`))).toBe(join(root, `${ONE}x`));
  const index = await openImages(root, ONE, undefined, () => {});
  expect(index.classes).toEqual(['a', 'b']);
  expect(imagePath(index, 0)).toBe(join(root, TWO, 'a/1.jpg'));
  expect(relativePath(index, 0)).toBe('a/1.jpg');
});
