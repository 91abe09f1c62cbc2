/** Indexes that are kept: when they are used, when they are made anew, and what is said about it. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hasChanged } from '../../../src/data/index/file-changes.js';
import { fingerprint } from '../../../src/data/index/fingerprint.js';
import { indexFolder } from '../../../src/data/index/folder-index.js';
import {
  type ImageIndex,
  imageFile,
  mtimeStamp,
  relativePath,
} from '../../../src/data/index/image-index.js';
import { IndexCache, type IndexingProgress } from '../../../src/data/index/index-cache.js';
import { writeIndexFile } from '../../../src/data/index/index-file.js';
import { indexList } from '../../../src/data/index/list-index.js';

let root: string;
let data: string;
let cache: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'relaybp-cache-'));
  [data, cache] = [join(root, 'data'), join(root, 'cache')];
  put('a/1.jpg', 'a/2.jpg', 'a/deep/3.jpg', 'b/4.jpg', 'b/notes.txt');
  settle();
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function put(...paths: string[]): void {
  for (const path of paths) {
    mkdirSync(dirname(join(data, path)), { recursive: true });
    writeFileSync(join(data, path), path);
  }
}

/** Makes all folders old enough to be trusted, each with a time of its own. */
function settle(folder = data, time = 1_600_000_000): void {
  utimesSync(folder, time, time);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) settle(join(folder, entry.name), time + 1);
  }
}

interface Opened {
  index: ImageIndex;
  notices: string[];
  /** Whether files were looked at. */
  made: boolean;
}

async function open(options: { rebuild?: boolean; classes?: string[]; list?: string } = {}) {
  const notices: string[] = [];
  const seen: IndexingProgress[] = [];
  const opener = new IndexCache({
    folder: cache,
    rebuild: options.rebuild,
    onNotice: (line) => notices.push(line),
    onProgress: (progress) => seen.push(progress),
  });
  const { index } = options.list
    ? await opener.openList(options.list, data, options.classes)
    : await opener.openFolder(data, options.classes);
  return { index, notices, made: seen.length > 0 } satisfies Opened;
}

const kept = (): string => {
  const [file, ...others] = readdirSync(cache);
  expect(others).toEqual([]);
  return join(cache, file!);
};
const paths = ({ index }: Opened) =>
  Array.from({ length: index.count }, (_, i) => relativePath(index, i));

describe('a folder', () => {
  it('is read once; then its kept index has the same columns, classes and fingerprint', async () => {
    const first = await open();
    expect(first).toMatchObject({ made: true, notices: [] });
    const second = await open();
    expect(second).toMatchObject({ made: false, notices: [] });
    expect(second.index).toEqual(first.index);
    expect(second.index).toEqual(indexFolder(data).index);
    expect(second.index.mtimes[3]).toBe(mtimeStamp(statSync(join(data, 'b/4.jpg')).mtimeMs));
    expect(second.index.labels.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(fingerprint(second.index)).toBe(fingerprint(indexFolder(data).index));
  });

  it('keeps what was found beside the images', async () => {
    put('stray.jpg', 'a/notes.txt', 'b/@eaDir/4.jpg/thumb.jpg');
    settle();
    const opener = new IndexCache({ folder: cache });
    const first = await opener.openFolder(data, ['a', 'b', 'gone']);
    const again = await opener.openFolder(data, ['a', 'b', 'gone']);
    for (const { strayFiles, missingClasses, index, leftOut } of [first, again]) {
      expect(leftOut).toEqual({ system: { '@eaDir': 1 }, kinds: { '.txt': 2 } });
      expect([strayFiles, missingClasses, index.classes]).toEqual([
        1,
        ['gone'],
        ['a', 'b', 'gone'],
      ]);
    }
    expect((await opener.openFolder(data, undefined)).index.classes).toEqual(['a', 'b']);
    expect(readdirSync(cache)).toHaveLength(2);
  });

  it.each<[string, () => void, string]>([
    ['a file is added', () => put('b/5.jpg'), 'b'],
    ['a file is removed', () => unlinkSync(join(data, 'a/2.jpg')), 'a'],
    ['a file is renamed', () => renameSync(join(data, 'a/2.jpg'), join(data, 'a/0.jpg')), 'a'],
    ['deep below', () => put('a/deep/6.jpg'), 'a/deep'],
    ['a class is added', () => put('c/7.jpg'), ''],
  ])('is read anew when %s, and says so in one line', async (_, change, where) => {
    const before = await open();
    change();
    const { made, notices, index } = await open();
    expect(made).toBe(true);
    const folder = where === '' ? data : `${data}/${where}`;
    expect(notices).toEqual([`${data}: ${folder} has changed since the index was made: made anew`]);
    expect(index).toEqual(indexFolder(data).index);
    expect(fingerprint(index)).not.toBe(fingerprint(before.index));
  });

  it('notices changes in linked folders, and where a dangling link leads by now', async () => {
    mkdirSync(join(root, 'other'));
    writeFileSync(join(root, 'other/8.jpg'), 'x');
    symlinkSync('../other', join(data, 'c'));
    symlinkSync('../../later', join(data, 'a/link'));
    settle();
    settle(join(root, 'other'));
    expect(paths(await open())).toContain('c/8.jpg');
    expect(await open()).toMatchObject({ made: false, notices: [] });
    mkdirSync(join(root, 'later'));
    writeFileSync(join(root, 'later/9.jpg'), 'x');
    settle(join(root, 'later'));
    const later = await open();
    expect(later.notices).toEqual([
      `${data}: ${data}/a/link has changed since the index was made: made anew`,
    ]);
    expect(paths(later)).toContain('a/link/9.jpg');
    expect(await open()).toMatchObject({ made: false });
    writeFileSync(join(root, 'other/10.jpg'), 'x');
    expect(paths(await open())).toContain('c/10.jpg');
  });

  it('is not trusted where a folder was changed less than 2 s before it was read', async () => {
    const now = Date.now() / 1000;
    utimesSync(join(data, 'b'), now, now);
    expect(await open()).toMatchObject({ made: true, notices: [] });
    expect(readdirSync(root)).not.toContain('cache');
    // What is added now could leave the same time behind.
    put('b/5.jpg');
    utimesSync(join(data, 'b'), now, now);
    expect(paths(await open())).toContain('b/5.jpg');
  });

  it('of few images notices those that were changed in place', async () => {
    const before = await open();
    writeFileSync(join(data, 'a/1.jpg'), 'longer than before');
    const { notices, index } = await open();
    expect(notices).toEqual([
      `${data}: ${data}/a/1.jpg has changed since the index was made: made anew`,
    ]);
    expect(fingerprint(index)).not.toBe(fingerprint(before.index));
    const time = statSync(join(data, 'b/4.jpg')).mtimeMs / 1000 - 5;
    utimesSync(join(data, 'b/4.jpg'), time, time);
    const touched = await open();
    expect(touched).toMatchObject({ made: true });
    expect(fingerprint(touched.index)).toBe(fingerprint(index)); // times do not count
  });

  it('with rebuild is read anew without a word', async () => {
    await open();
    expect(await open({ rebuild: true })).toMatchObject({ made: true, notices: [] });
    expect(await open()).toMatchObject({ made: false });
  });

  it.each<[string, (file: string) => void, string]>([
    ['cut off', (file) => truncateSync(file, 100), 'it is damaged'],
    ['nearly empty', (file) => truncateSync(file, 20), 'it is cut off'],
    ['a bit flipped', (file) => flip(file, 200), 'it is damaged'],
    ['the sum flipped', (file) => flip(file, statSync(file).size - 1), 'it is damaged'],
    [
      'of another format',
      (file) => change(file, (b) => b.writeUInt32LE(9, 8)),
      'its format is 9, this version writes 1',
    ],
    ['something else', (file) => writeFileSync(file, 'x'.repeat(100)), 'it is no index'],
    [
      'with a huge header',
      (file) => change(file, (b) => b.writeUInt32LE(0xfffffff0, 12)),
      'it is damaged',
    ],
  ])('whose kept index is %s is read anew', async (_, damage, why) => {
    const before = await open();
    const file = kept();
    damage(file);
    const { made, notices, index } = await open();
    expect({ made, notices }).toEqual({
      made: true,
      notices: [`${data}: its kept index ${file} cannot be used, as ${why}: made anew`],
    });
    expect(index).toEqual(before.index);
    expect(await open()).toMatchObject({ made: false, notices: [] });
  });

  it('says once that indexes cannot be kept', async () => {
    writeFileSync(cache, 'a file where the folder should be');
    const notices: string[] = [];
    const opener = new IndexCache({ folder: cache, onNotice: (line) => notices.push(line) });
    for (let i = 0; i < 2; i++) {
      expect((await opener.openFolder(data, undefined)).index.count).toBe(4);
    }
    expect(notices).toHaveLength(1);
    expect(notices[0]).toContain('cannot be kept and will be made again next time: ');
  });

  it('goes on in threads with the same result, also for names that are not UTF-8', async () => {
    for (let c = 0; c < 30; c++) put(...[1, 2, 3].map((i) => `class ${c}/sub ${i}/${i}.jpg`));
    mkdirSync(Buffer.from(`${data}/caf\xe9`, 'latin1'));
    writeFileSync(Buffer.from(`${data}/caf\xe9/\xff.jpg`, 'latin1'), 'x');
    const script = `
      let time = 0;
      performance.now = () => (time += 1e6); // what is done alone takes too long at once
      const { IndexCache } = await import('${new URL('../../../dist/data/index/index-cache.js', import.meta.url)}');
      const { fingerprint } = await import('${new URL('../../../dist/data/index/fingerprint.js', import.meta.url)}');
      const { index } = await new IndexCache({ folder: null }).openFolder(${JSON.stringify(data)});
      console.log(index.count, fingerprint(index), [...index.mtimes].join());`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
    });
    const { index } = indexFolder(data);
    expect(stderr).toBe('');
    expect(stdout).toBe(`95 ${fingerprint(index)} ${[...index.mtimes].join()}\n`);
  });
});

describe('a list', () => {
  const text = 'a/1.jpg x\nb/4.jpg y\na/deep/3.jpg x\n';
  const list = (content = text): string => {
    const file = join(root, 'list.txt');
    writeFileSync(file, content);
    utimesSync(file, 1_600_000_000, 1_600_000_000);
    return file;
  };

  it('is read once; a copy with the same contents is the same list', async () => {
    const file = list();
    const first = await open({ list: file });
    expect(first).toMatchObject({ made: true, notices: [] });
    expect(first.index).toEqual(indexList(file, { root: data }));
    const again = await open({ list: file });
    expect(again).toMatchObject({ made: false, notices: [] });
    expect(again.index).toEqual(first.index);
    writeFileSync(file, text);
    expect(await open({ list: file })).toMatchObject({ made: false, notices: [] });
  });

  it('is read anew when it changes, and when a folder that it names files in does', async () => {
    await open({ list: list() });
    const file = list(text.replace('b/4.jpg y', 'b/4.jpg z'));
    const changed = await open({ list: file });
    expect(changed.notices).toEqual([
      `${file}: the list has changed since its index was made: made anew`,
    ]);
    expect(changed.index.classes).toEqual(['x', 'z']);
    unlinkSync(join(data, 'a/deep/3.jpg'));
    await expect(open({ list: file })).rejects.toThrow(
      `1 of 3 files do not exist (first: line 3, "${data}/a/deep/3.jpg")`,
    );
  });
});

it('hasChanged tells size and time, and nothing of files whose state is not known', () => {
  const { index } = indexFolder(data);
  const changed = (image: number): boolean =>
    hasChanged(index, image, statSync(imageFile(index, image)));
  expect(changed(0)).toBe(false);
  writeFileSync(join(data, 'a/1.jpg'), 'other size');
  expect(changed(0)).toBe(true);
  const { mtimeMs } = statSync(join(data, 'a/2.jpg'));
  utimesSync(join(data, 'a/2.jpg'), mtimeMs / 1000, mtimeMs / 1000 + 1);
  expect(changed(1)).toBe(true);
  index.mtimes[1] = 0;
  expect(changed(1)).toBe(false);
});

it('mtimeStamp is milliseconds modulo 2^32, and never 0', () => {
  expect(mtimeStamp(1_600_000_000_123.9)).toBe(1_600_000_000_123 % 2 ** 32);
  expect(mtimeStamp(2 ** 32)).toBe(1);
  expect(mtimeStamp(-1)).toBe(2 ** 32 - 1);
});

it('an index file that cannot be written leaves nothing behind', async () => {
  const { index } = await open();
  const folder = join(root, 'full');
  mkdirSync(folder);
  const facts = {
    classes: index.classes,
    fingerprint: '',
    missingClasses: [],
    strayFiles: 0,
    list: null,
  };
  const directories = {
    pathBytes: new Uint8Array(0),
    pathOffsets: new Uint32Array(1),
    states: null as never, // fails half-way
  };
  const write = () => writeIndexFile(join(folder, 'x.bin'), { facts, index, directories });
  expect(write).toThrow();
  expect(readdirSync(folder)).toEqual([]);
});

function change(file: string, edit: (bytes: Buffer) => void): void {
  const bytes = readFileSync(file);
  edit(bytes);
  chmodSync(file, 0o644);
  writeFileSync(file, bytes);
}

const flip = (file: string, at: number): void =>
  change(file, (bytes) => {
    bytes[at]! ^= 1;
  });
