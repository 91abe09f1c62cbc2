import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fingerprint } from '../../../src/data/index/fingerprint.js';
import { indexFolder } from '../../../src/data/index/folder-index.js';
import {
  classCounts,
  emptyClasses,
  type ImageIndex,
  imagePath,
  relativePath,
} from '../../../src/data/index/image-index.js';
import { compareCodePoints } from '../../../src/data/index/name-order.js';
import { DataError } from '../../../src/errors.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'relaybp-index-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function put(...paths: string[]): void {
  for (const path of paths) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), path);
  }
}
const paths = (index: ImageIndex) =>
  Array.from({ length: index.count }, (_, i) => relativePath(index, i));

describe('indexFolder', () => {
  it('takes images at any depth, in any case, with any name, sorted by code point', () => {
    const odd = ['b/a [1].jpg', "b/it's.PNG", 'b/line\nbreak.jpeg', 'b/x y/z/ü.WebP', 'b/"q".JPG'];
    put(...odd, 'B/1.jpg', 'é/2.jpg', 'a/3.jpg', '\u{1f600}/4.jpg', '\uff21/5.jpg');
    put('a/notes.txt', 'a/.hidden.jpg', 'a/.git/6.jpg', '.cache/7.jpg', 'README.md');
    const { index, strayFiles, emptyClasses: empty } = indexFolder(root);
    expect(index.classes).toEqual(['B', 'a', 'b', 'é', '\uff21', '\u{1f600}']);
    expect(paths(index)).toEqual([
      'B/1.jpg',
      'a/3.jpg',
      'b/"q".JPG',
      'b/a [1].jpg',
      "b/it's.PNG",
      'b/line\nbreak.jpeg',
      'b/x y/z/ü.WebP',
      'é/2.jpg',
      '\uff21/5.jpg',
      '\u{1f600}/4.jpg',
    ]);
    expect([...index.labels]).toEqual([0, 1, 2, 2, 2, 2, 2, 3, 4, 5]);
    expect([...index.sizes]).toEqual(paths(index).map((path) => Buffer.byteLength(path)));
    expect(imagePath(index, 1)).toBe(join(root, 'a/3.jpg'));
    expect([strayFiles, empty]).toEqual([[], []]);
    expect(index.labels.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(() => relativePath(index, 10)).toThrow('image 10 is not in the index: it holds 10');
  });

  it('keeps empty classes and reports them and stray files', () => {
    put('a/1.jpg', 'c/2.jpg', 'c/3.jpg', 'stray.jpg');
    mkdirSync(join(root, 'b'));
    const result = indexFolder(root);
    expect(result.index.classes).toEqual(['a', 'b', 'c']);
    expect(result.emptyClasses).toEqual(['b']);
    expect(result.strayFiles).toEqual(['stray.jpg']);
    expect(emptyClasses(result.index)).toEqual(['b']);
    expect([...classCounts(result.index)]).toEqual([1, 0, 2]);
  });

  it('follows links to files and folders, and loops of links end', () => {
    put('real/a/1.jpg', 'real/b/2.jpg', 'elsewhere/3.jpg');
    const link = (to: string, from: string) => symlinkSync(to, join(root, from));
    link('../../elsewhere/3.jpg', 'real/a/link.jpg');
    link('.', 'real/a/self');
    link('..', 'real/a/up');
    link('/', 'real/a/top');
    link('loop', 'real/a/loop');
    link('../../elsewhere', 'real/a/folder');
    link('gone.jpg', 'real/a/dangling.jpg');
    link('../elsewhere', 'real/c');
    const { index } = indexFolder(join(root, 'real'));
    expect(index.classes).toEqual(['a', 'b', 'c']);
    expect(paths(index)).toEqual([
      'a/1.jpg',
      'a/dangling.jpg', // size 0, left to the loader's policy
      'a/folder/3.jpg',
      'a/link.jpg',
      'b/2.jpg',
      'c/3.jpg',
    ]);
    expect(index.sizes[1]).toBe(0);
  });

  it('matches classes by name at evaluation', () => {
    put('a/1.jpg', 'c/2.jpg');
    const { index, missingClasses } = indexFolder(root, { classes: ['a', 'b', 'c'] });
    expect(index.classes).toEqual(['a', 'b', 'c']);
    expect([...index.labels]).toEqual([0, 2]);
    expect(missingClasses).toEqual(['b']);
    expect(() => indexFolder(root, { classes: ['a', 'b'] })).toThrow(
      `${root}: 1 class folder(s) that the model was not trained on: "c"; it knows 2 classes`,
    );
  });

  it('says what is wrong with a folder', () => {
    const message = (folder: string) => {
      try {
        indexFolder(folder);
      } catch (error) {
        expect(error).toBeInstanceOf(DataError);
        expect((error as DataError).hint).toBeTruthy();
        return (error as Error).message;
      }
      return 'no error';
    };
    expect(message(join(root, 'gone'))).toBe(`${root}/gone: no such folder`);
    expect(message(root)).toBe(`${root}: no class folders in it`);
    put('x.jpg', 'y.jpg');
    expect(message(join(root, 'x.jpg'))).toBe(`${root}/x.jpg: not a folder`);
    expect(message(root)).toBe(
      `${root}: 2 image(s) directly in it (first: "x.jpg") but no class folders`,
    );
    put('a/readme.txt');
    expect(message(root)).toContain('no images in its 1 class folder(s)');
  });
});

describe('fingerprint', () => {
  it('depends on paths, labels, sizes and classes, not on the root', () => {
    put('one/a/1.jpg', 'one/b/2.jpg', 'two/a/1.jpg', 'two/b/2.jpg');
    writeFileSync(join(root, 'two/a/1.jpg'), 'one/a/1.jpg');
    writeFileSync(join(root, 'two/b/2.jpg'), 'one/b/2.jpg');
    const print = (folder: string) => fingerprint(indexFolder(join(root, folder)).index);
    const one = print('one');
    expect(one).toMatch(/^[0-9a-f]{64}$/);
    expect(print('two')).toBe(one);
    writeFileSync(join(root, 'two/b/2.jpg'), 'longer than before');
    expect(print('two')).not.toBe(one);
    put('one/c/3.jpg');
    expect(print('one')).not.toBe(one);
  });
});

it('compareCodePoints orders like UTF-8 bytes', () => {
  const names = ['a', 'ab', 'B', '', 'é', '\uffee', '\u{10000}', '\ue000', 'Ω'];
  const expected = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  expect([...names].sort(compareCodePoints)).toEqual(expected);
});
