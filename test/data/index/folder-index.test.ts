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
import { leftOutText } from '../../../src/data/index/left-out.js';
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

  it('leaves out folders of the system wherever they are, and counts their files', () => {
    put('a/1.jpg', 'b/2.jpg', 'b/deep/3.jpg');
    put(
      '@eaDir/4.jpg',
      'a/@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg',
      'b/deep/@eaDir/3.jpg/x@SynoEAStream',
    );
    put('#recycle/5.jpg', '__MACOSX/a/._1.jpg', '$RECYCLE.BIN/6.jpg', 'b/@Recycle/7.jpg');
    put('System Volume Information/8.dat', 'lost+found/9', 'FOUND.000/10.CHK');
    const { index, leftOut } = indexFolder(root);
    expect(index.classes).toEqual(['a', 'b']);
    expect(paths(index)).toEqual(['a/1.jpg', 'b/2.jpg', 'b/deep/3.jpg']);
    expect(leftOut.kinds).toEqual({});
    expect(leftOut.system).toEqual({
      '@eaDir': 3,
      '#recycle': 1,
      __MACOSX: 1,
      '$RECYCLE.BIN': 1,
      '@Recycle': 1,
      'System Volume Information': 1,
      'lost+found': 1,
      'FOUND.000': 1,
    });
    expect(leftOutText({ system: { '@eaDir': 3, empty: 0 }, kinds: {} })).toBe(
      '3 files in system folders (@eaDir)',
    );
  });

  it('takes every extension that is read and files without one, and counts the others by extension', () => {
    put('a/1.jfif', 'a/2.JPE', 'a/3.jif', 'a/4.gif', 'a/5.tif', 'a/6.TIFF', 'a/7.avif');
    put('a/8.bmp', 'a/deep/9.BMP', 'a/labels.txt', 'a/README', 'a/10.jpg.1', 'stray.txt');
    writeFileSync(join(root, 'a/11'), Buffer.from('ffd8ffe000104a464946', 'hex'));
    writeFileSync(join(root, 'a/12.03'), Buffer.from('ffd8ffe000104a464946', 'hex'));
    const { index, leftOut, strayFiles } = indexFolder(root);
    expect(paths(index).map((path) => path.slice(2))).toEqual(
      '1.jfif 11 2.JPE 3.jif 4.gif 5.tif 6.TIFF 7.avif'.split(' '),
    );
    expect(leftOut.kinds).toEqual({ '.bmp': 2, '.txt': 1, '.1': 1, '.03': 1, '': 1 });
    expect(strayFiles).toEqual([]);
    expect(leftOutText(leftOut)).toBe(
      '6 files not read as images (2 .bmp, 1 without an extension, 1 .03, 1 .1, 1 .txt)',
    );
  });

  it('names what it found where there is no image', () => {
    put('a/1.bmp', 'a/2.bmp', 'b/@eaDir/3.jpg');
    expect(() => indexFolder(root)).toThrow(
      'no images in its 2 class folder(s) (.jpg, .png, .webp, .gif, .tif, .avif), but 1 file in system folders (@eaDir); 2 files not read as images (2 .bmp)',
    );
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

describe('classFolders: leaves', () => {
  const leaves = () => indexFolder(root, { classFolders: 'leaves' });

  it('takes the folders that hold images, named by their paths, at any depth', () => {
    put('b/bookstore/1.jpg', 'a/airfield/2.jpg', 'a/apartment_building/outdoor/3.jpg', 'zoo/4.jpg');
    mkdirSync(join(root, 'b/bakery'));
    put('a b/x/5.jpg', 'b/notes.txt', 'b/@eaDir/6.jpg', 'zoo/@eaDir/7.jpg', '@eaDir/8.jpg');
    const { index, emptyClasses: empty, leftOut } = leaves();
    expect(leftOut.system).toEqual({ '@eaDir': 3 });
    expect(index.classes).toEqual([
      'a b/x', // a blank comes before a slash
      'a/airfield',
      'a/apartment_building/outdoor',
      'b/bakery',
      'b/bookstore',
      'zoo',
    ]);
    expect(empty).toEqual(['b/bakery']);
    expect(paths(index)).toEqual([
      'a b/x/5.jpg',
      'a/airfield/2.jpg',
      'a/apartment_building/outdoor/3.jpg',
      'b/bookstore/1.jpg',
      'zoo/4.jpg',
    ]);
    expect([...index.labels]).toEqual([0, 1, 2, 4, 5]);
  });

  it('matches the classes that were trained by their paths', () => {
    put('a/x/1.jpg', 'b/y/2.jpg');
    const classes = ['b/y', 'c/z', 'a/x'];
    const { index, missingClasses } = indexFolder(root, { classFolders: 'leaves', classes });
    expect([...index.labels]).toEqual([2, 0]);
    expect(missingClasses).toEqual(['c/z']);
  });

  it('refuses a folder with images that has such folders in it', () => {
    put('a/1.jpg', 'a/old/deep/2.jpg', 'b/x/3.jpg');
    expect(leaves).toThrow(/^a: holds images, and so does a\/old\/deep in it/);
    rmSync(join(root, 'a/old/deep/2.jpg'));
    expect(leaves().index.classes).toEqual(['a', 'b/x']); // folders of nothing are no classes of their own
  });

  it('ends in a loop of links', () => {
    put('a/x/1.jpg');
    symlinkSync(join(root, 'a'), join(root, 'a/again'));
    expect(leaves().index.classes).toEqual(['a/x']);
  });
});
