import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { relativePath } from '../../../src/data/index/image-index.js';
import { indexList } from '../../../src/data/index/list-index.js';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'relaybp-list-'));
  mkdirSync(join(root, 'sub dir'));
  for (const name of ['a.jpg', 'b.jpg', 'sub dir/ü c.jpg']) writeFileSync(join(root, name), name);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function list(text: string): string {
  const file = join(root, 'list.txt');
  writeFileSync(file, text);
  return file;
}

describe('indexList', () => {
  it('reads names as labels, sorted; paths may contain spaces', () => {
    const text = '\ufeffb.jpg zoo\r\n\nsub dir/ü c.jpg \t alley\n  a.jpg zoo';
    const index = indexList(list(text), { root });
    expect(index.classes).toEqual(['alley', 'zoo']);
    expect([0, 1, 2].map((i) => relativePath(index, i))).toEqual([
      'b.jpg',
      'sub dir/ü c.jpg',
      'a.jpg',
    ]);
    expect([...index.labels]).toEqual([1, 0, 1]);
    expect([...index.sizes]).toEqual([5, 16, 5]);
  });

  it('takes names or positions with a class list; a leading slash is relative to the root', () => {
    const classes = ['zoo', 'alley', 'bay'];
    const index = indexList(list('/a.jpg 1\nb.jpg 0\n/sub dir/ü c.jpg 2\n'), { root, classes });
    expect(index.classes).toEqual(classes);
    expect([...index.labels]).toEqual([1, 0, 2]);
    const names = indexList(list('/a.jpg alley\nb.jpg zoo\n'), { root, classes });
    expect([...names.labels]).toEqual([1, 0]);
  });

  it('a label after a tab may contain spaces', () => {
    const index = indexList(list('a.jpg\tdark blue\r\nsub dir/ü c.jpg\t red \nb.jpg red'), {
      root,
    });
    expect(index.classes).toEqual(['dark blue', 'red']);
    expect([...index.labels]).toEqual([0, 1, 1]);
    expect(relativePath(index, 1)).toBe('sub dir/ü c.jpg');
  });

  it('refuses UTF-16, as PowerShell writes it', () => {
    const file = join(root, 'utf16.txt');
    writeFileSync(file, Buffer.from('\ufeffa.jpg zoo\r\nb.jpg alley\r\n', 'utf16le'));
    expect(() => indexList(file, { root })).toThrow('utf16.txt: it is UTF-16 text');
  });

  it.each(['list.txt', 'list.csv'])(
    'a zero byte in a path is refused with its line, in %s',
    (name) => {
      const file = join(root, name);
      for (const path of ['a\0.jpg', 'a\0']) {
        writeFileSync(
          file,
          name.endsWith('.csv') ? `image,label\n${path},zoo\n` : `a.jpg zoo\n${path} zoo\n`,
        );
        expect(() => indexList(file, { root })).toThrow(
          `${file}: line 2: its path has a zero byte`,
        );
      }
    },
  );

  it('names the line that is wrong', () => {
    const read = (text: string, classes?: string[]) => () =>
      indexList(list(text), { root, classes });
    expect(read('a.jpg 0\nb.jpg 2', ['x', 'y'])).toThrow(
      'list.txt: line 2: the label "2" is none of the 2 classes: x, y; and no position from 0 to 1 among them',
    );
    expect(read('a.jpg -1', ['x'])).toThrow('line 1: the label "-1"');
    expect(read('a.jpg x\nb.jpg\n')).toThrow(
      'line 2 is "b.jpg", without a path or without a label',
    );
    expect(read('a.jpg x\nc.jpg x\nd.jpg x')).toThrow(
      `2 of 3 files do not exist (first: line 2, "${root}/c.jpg")`,
    );
    expect(read('\n \n')).toThrow('the list has no images');
    expect(() => indexList(join(root, 'none.txt'), { root })).toThrow('no such list file');
  });
});
