/** `relaybp data check` on a data set of real JPEGs with real damage; every number is counted by hand. */
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CheckReport, KindReport } from '../../src/check/check.js';
import { markDuplicates, orderByHash } from '../../src/check/duplicates.js';
import { isCut } from '../../src/check/inspect.js';
import { bitOf, KINDS } from '../../src/check/kinds.js';
import type { DataCheckResult } from '../../src/commands/data-check.js';
import { classCounts, relativePath } from '../../src/data/index/image-index.js';
import { indexList } from '../../src/data/index/list-index.js';
import { type Outcome, run } from '../support/cli.js';

const REAL = process.env.RELAYBP_TEST_DATA;
let root: string;
const at = (path: string): string => join(root, path);
const relaybp = (...args: string[]): Promise<Outcome> =>
  run(args, root, { RELAYBP_CACHE_DIR: at('cache') });
const json = async (...args: string[]): Promise<DataCheckResult & { code: number | null }> => {
  const { stdout, stderr, code } = await relaybp('data', 'check', ...args, '--json');
  expect(stdout, stderr).not.toBe('');
  return { ...JSON.parse(stdout), code };
};

/** A photograph-like JPEG, another one for each number. */
async function photo(path: string, seed: number, side = 64): Promise<string> {
  mkdirSync(dirname(at(path)), { recursive: true });
  const noise = { type: 'gaussian' as const, mean: 100 + seed, sigma: 30 };
  const create = { width: side, height: side, channels: 3 as const, background: '#888', noise };
  await sharp({ create }).jpeg().toFile(at(path));
  return at(path);
}

/** Paths of the examples, below the data set. */
const paths = ({ examples }: KindReport): string[] =>
  examples.map(({ path }) => path.slice(at('set/').length)).sort();
const counts = ({ kinds }: CheckReport): Record<string, number> =>
  Object.fromEntries(
    Object.entries(kinds)
      .filter(([, { count }]) => count > 0)
      .map(([name, { count }]) => [name, count]),
  );

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'relaybp-check-'));
  let seed = 0;
  for (const name of ['cat', 'dog', 'owl']) {
    for (let i = 0; i < 4; i++) await photo(`set/train/${name}/${i}.jpg`, seed++);
    await photo(`set/val/${name}/v.jpg`, seed++);
  }
  mkdirSync(at('set/train/yak')); // a class without images
  // Damage.
  const whole = readFileSync(at('set/train/cat/0.jpg'));
  writeFileSync(at('set/train/cat/cut.jpg'), whole.subarray(0, whole.length / 2));
  writeFileSync(at('set/train/cat/empty.jpg'), '');
  writeFileSync(at('set/train/cat/also-empty.jpg'), '');
  writeFileSync(at('set/train/dog/page.jpg'), '<html>404 not found</html>');
  symlinkSync('gone.jpg', at('set/train/dog/dangling.jpg'));
  const png = await sharp(at('set/train/dog/1.jpg')).png().toBuffer();
  writeFileSync(at('set/train/dog/cut.png'), png.subarray(0, png.length - 200));
  // Oddities.
  writeFileSync(at('set/train/dog/really-png.jpg'), png);
  await photo('set/train/owl/tiny.jpg', 77, 20);
  await sharp(at('set/train/owl/1.jpg'))
    .toColourspace('b-w')
    .jpeg()
    .toFile(at('set/train/owl/gray.jpg'));
  await sharp(at('set/train/owl/1.jpg'))
    .toColourspace('cmyk')
    .jpeg()
    .toFile(at('set/train/owl/cmyk.jpg'));
  await sharp(at('set/train/owl/2.jpg')).ensureAlpha(0.5).png().toFile(at('set/train/owl/a.png'));
  await sharp(at('set/train/owl/3.jpg'))
    .toColourspace('rgb16')
    .png()
    .toFile(at('set/train/owl/deep.png'));
  await sharp(at('set/train/owl/3.jpg'))
    .withMetadata({ orientation: 6 })
    .jpeg({ quality: 70 })
    .toFile(at('set/train/owl/turned.jpg'));
  // Copies.
  copyFileSync(at('set/train/cat/1.jpg'), at('set/train/cat/copy.jpg'));
  copyFileSync(at('set/train/cat/2.jpg'), at('set/train/dog/cat.jpg'));
  copyFileSync(at('set/val/owl/v.jpg'), at('set/train/owl/from-val.jpg'));
}, 60_000);
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('relaybp data check', () => {
  let report: Awaited<ReturnType<typeof json>>;
  beforeAll(async () => {
    report = await json('set', '--fix-list', 'good.txt');
  }, 60_000);

  it('finds each kind of damage and oddity where it is, and nothing else', () => {
    const { kinds } = report;
    expect(counts(report)).toEqual({
      zeroByte: 2,
      truncated: 2,
      undecodable: 2,
      conflictingLabels: 2,
      inSeveralParts: 2,
      duplicate: 1,
      tooSmall: 1,
      wrongExtension: 1,
      grayscale: 1,
      cmyk: 1,
      alpha: 1,
      sixteenBit: 1,
      rotated: 1,
      lookAlike: 3,
    });
    expect(kinds.lookAlike.examples.map(({ path, reason }) => [path, reason])).toEqual([
      [at('set/train/dog/really-png.jpg'), at('set/train/dog/1.jpg')],
      [at('set/train/owl/deep.png'), at('set/train/owl/3.jpg')],
      [at('set/train/owl/gray.jpg'), at('set/train/owl/1.jpg')], // whose colours are next to none
    ]);
    expect(paths(kinds.zeroByte)).toEqual(['train/cat/also-empty.jpg', 'train/cat/empty.jpg']);
    expect(paths(kinds.truncated)).toEqual(['train/cat/cut.jpg', 'train/dog/cut.png']);
    expect(paths(kinds.undecodable)).toEqual(['train/dog/dangling.jpg', 'train/dog/page.jpg']);
    expect(kinds.undecodable.examples.at(-1)!.reason).toBe('text, perhaps a web page');
    expect(paths(kinds.wrongExtension)).toEqual(['train/dog/really-png.jpg']);
    expect(kinds.wrongExtension.examples[0]!.reason).toBe('holds png');
    expect(kinds.tooSmall.examples[0]).toEqual({
      path: at('set/train/owl/tiny.jpg'),
      reason: '20x20',
    });
    expect(paths(kinds.grayscale)).toEqual(['train/owl/gray.jpg']);
    expect(paths(kinds.cmyk)).toEqual(['train/owl/cmyk.jpg']);
    expect(paths(kinds.alpha)).toEqual(['train/owl/a.png']);
    expect(paths(kinds.sixteenBit)).toEqual(['train/owl/deep.png']);
    expect(paths(kinds.rotated)).toEqual(['train/owl/turned.jpg']);
  });

  it('finds copies: in a class, over classes, over parts', () => {
    const { kinds, duplicates } = report;
    expect(kinds.duplicate.examples).toEqual([
      { path: at('set/train/cat/copy.jpg'), reason: at('set/train/cat/1.jpg') },
    ]);
    expect(kinds.conflictingLabels.examples).toEqual([
      { path: at('set/train/cat/2.jpg'), reason: at('set/train/dog/cat.jpg') },
      { path: at('set/train/dog/cat.jpg'), reason: at('set/train/cat/2.jpg') },
    ]);
    expect(kinds.inSeveralParts.examples).toEqual([
      { path: at('set/train/owl/from-val.jpg'), reason: at('set/val/owl/v.jpg') },
      { path: at('set/val/owl/v.jpg'), reason: at('set/train/owl/from-val.jpg') },
    ]);
    expect(duplicates).toEqual({ groups: 3, images: 6 });
  });

  it('counts images, classes and imbalance', () => {
    const [train, val] = report.parts;
    expect(report.images).toBe(31);
    expect(train).toMatchObject({
      name: 'train',
      images: 28,
      classes: 3,
      emptyClasses: ['yak'],
      counts: { cat: 8, dog: 9, owl: 11, yak: 0 },
      largest: { name: 'owl', images: 11 },
      smallest: { name: 'cat', images: 8 },
      imbalance: 1.38,
    });
    expect(val).toMatchObject({ name: 'val', images: 3, classes: 3, imbalance: 1 });
    // 2 empty, 2 cut off, 2 undecodable, 2 in conflict, 2 in both parts
    expect([report.problems, report.code]).toEqual([10, 3]);
  });

  it('writes lists that train without the bad images', () => {
    expect(report.lists.map(({ file, part, images }) => [file, part, images])).toEqual([
      ['good.train.txt', 'train', 19],
      ['good.val.txt', 'val', 3],
    ]);
    const set = at('set');
    const train = indexList(at('good.train.txt'), { root: set });
    expect(train.classes).toEqual(['cat', 'dog', 'owl']);
    expect([...classCounts(train)]).toEqual([4, 5, 10]);
    const names = Array.from({ length: train.count }, (_, i) => relativePath(train, i));
    expect(names).toContain('train/cat/copy.jpg'); // information, no problem
    for (const bad of ['cat/cut.jpg', 'cat/2.jpg', 'dog/cat.jpg', 'owl/from-val.jpg']) {
      expect(names).not.toContain(`train/${bad}`);
    }
    const val = indexList(at('good.val.txt'), { root: set });
    expect(relativePath(val, 2)).toBe('val/owl/v.jpg'); // what is measured stays as it is
  });

  it('of the good images finds no problem', async () => {
    mkdirSync(at('good'), { recursive: true });
    for (const name of ['cat', 'dog']) {
      mkdirSync(at(`good/${name}`));
      copyFileSync(at(`set/train/${name}/3.jpg`), at(`good/${name}/3.jpg`));
    }
    const { code, stdout } = await relaybp('data', 'check', 'good', '--fix-list', 'all.txt');
    expect(stdout).toMatch(
      /^good: 2 images read in [\d.]+ s\n {2}2 images in 2 classes, from 1 \(cat\) to 1 \(dog\): 1 to 1\nwritten: all.txt, 2 images; use it with data: \{root: good, train: ..\/all.txt\}\nno problems\n$/,
    );
    expect(code).toBe(0);
    expect(readFileSync(at('all.txt'), 'utf8')).toBe('cat/3.jpg\tcat\ndog/3.jpg\tdog\n');
  });

  it('takes limits, and names as many examples as asked', async () => {
    const args = ['--max-pixels', '4095', '--min-side', '65', '--examples', '1'];
    const { kinds, problems } = await json('good', ...args);
    expect([kinds.tooLarge.count, kinds.tooSmall.count, problems]).toEqual([2, 2, 2]);
    expect(kinds.tooLarge.examples).toEqual([
      { path: at('good/cat/3.jpg'), reason: '64x64, more than 4095 pixels' },
    ]);
  });

  it('finds files that were changed in place since the index was made', async () => {
    for (const folder of ['good/cat', 'good/dog', 'good']) utimesSync(at(folder), 1e9, 1e9);
    expect((await json('good')).kinds.changed.count).toBe(0);
    const bytes = readFileSync(at('good/dog/3.jpg'));
    writeFileSync(at('good/dog/3.jpg'), Buffer.concat([bytes, Buffer.from('x')]));
    const { kinds, code } = await json('good');
    expect([paths(kinds.changed), kinds.changed.count, code]).toEqual([['/dog/3.jpg'], 1, 0]);
    expect((await json('good', '--rebuild-index')).kinds.changed.count).toBe(0);
    expect((await json('good')).kinds.changed.count).toBe(0);
  });

  it('classes that training does not know are a problem', async () => {
    for (const [path, from] of [
      ['two/train/cat/1.jpg', 'cat/0'],
      ['two/train/dog/1.jpg', 'dog/0'],
      ['two/test/emu/1.jpg', 'owl/0'],
    ] as const) {
      mkdirSync(dirname(at(path)), { recursive: true });
      copyFileSync(at(`set/train/${from}.jpg`), at(path));
    }
    const { parts, problems, code } = await json('two');
    expect(parts.map(({ name, unknownClasses }) => [name, unknownClasses])).toEqual([
      ['train', []],
      ['test', ['emu']],
    ]);
    expect([problems, code]).toEqual([1, 3]);
  });

  it('keeps names that are not UTF-8 as they are, and leaves out what no list can hold', async () => {
    const odd = Buffer.from(`${at('odd')}/caf\xe9/\xff 1.jpg`, 'latin1');
    mkdirSync(Buffer.from(`${at('odd')}/caf\xe9`, 'latin1'), { recursive: true });
    copyFileSync(at('set/train/cat/0.jpg'), odd);
    copyFileSync(at('set/train/cat/1.jpg'), join(at('odd'), 'b.jpg'));
    mkdirSync(at('odd/b'));
    copyFileSync(at('set/train/cat/1.jpg'), at('odd/b/line\nbreak.jpg'));
    const { kinds, lists } = await json('odd', '--fix-list', 'odd.txt');
    expect(kinds.undecodable.count).toBe(0);
    expect(lists[0]).toMatchObject({ images: 1, unfit: 1 });
    expect(readFileSync(at('odd.txt'), 'latin1')).toBe('caf\xe9/\xff 1.jpg\tcaf\\xe9\n');
    const index = indexList(at('odd.txt'), { root: at('odd') });
    expect([index.classes, index.sizes[0]]).toEqual([['caf\\xe9'], readFileSync(odd).length]);
  });

  it('refuses what it cannot write or find before it reads anything', async () => {
    const write = await relaybp('data', 'check', 'set', '--fix-list', 'none/good.txt');
    expect(write).toMatchObject({ code: 2, stdout: '' });
    expect(write.stderr).toContain('--fix-list none/good.train.txt: its folder cannot be written');
    const gone = await relaybp('data', 'check', 'gone');
    expect(gone).toMatchObject({ code: 3, stdout: '' });
    expect(gone.stderr).toContain('gone: no such folder');
  });
});

/** What ODD.tsv says of each file, which Pillow and `file` found. */
it.skipIf(!REAL || !existsSync(join(REAL, 'odd-jpegs')))(
  'agrees with what other programs say of damaged and odd real JPEGs',
  async () => {
    mkdirSync(at('real'));
    symlinkSync(join(REAL!, 'odd-jpegs'), at('real/odd'));
    const report = await json('real', '--examples', '99');
    const rows = readFileSync(join(REAL!, 'odd-jpegs/ODD.tsv'), 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => {
        const [file, bytes, , mode, , orientation, , pillow] = line.split('\t') as string[];
        return { file: file!, bytes, mode, orientation: Number(orientation), pillow: pillow! };
      });
    const names = ({ examples }: KindReport): string[] =>
      examples.map(({ path }) => path.split('/').at(-1)!).sort();
    const where = (test: (row: (typeof rows)[number]) => boolean): string[] =>
      rows
        .filter(test)
        .map(({ file }) => file)
        .sort();
    const { kinds } = report;
    expect(report.images).toBe(rows.length);
    expect(names(kinds.grayscale)).toEqual(where(({ mode }) => mode === 'L'));
    expect(names(kinds.cmyk)).toEqual(where(({ mode }) => mode === 'CMYK'));
    expect(names(kinds.rotated)).toEqual(
      where(({ orientation }) => orientation >= 2 && orientation <= 8),
    );
    expect(names(kinds.zeroByte)).toEqual(where(({ bytes }) => bytes === '0'));
    const unreadable = [kinds.truncated, kinds.undecodable, kinds.zeroByte].flatMap(names).sort();
    expect(unreadable).toEqual(
      where(({ pillow }) => pillow.startsWith('error') && !pillow.includes('not decoded here')),
    );
    expect(names(kinds.tooLarge)).toEqual(['giant_280mp.jpg']);
  },
  120_000,
);

describe('copies', () => {
  it('are ordered by all 64 bits, stably', () => {
    const high = Uint32Array.of(5, 0x80000000, 5, 0, 5, 5);
    const low = Uint32Array.of(1, 0, 0xffffffff, 9, 1, 0x10000);
    expect([...orderByHash({ high, low })]).toEqual([3, 0, 4, 5, 2, 1]);
  });

  it('are found among many as by comparing hashes as text', () => {
    const text = Array.from({ length: 5000 }, (_, i) => `image ${(i * 7919) % 3000}`);
    const digests = text.map((one) => createHash('sha256').update(one).digest());
    const hashes = {
      high: Uint32Array.from(digests, (d) => d.readUInt32BE(0)),
      low: Uint32Array.from(digests, (d) => d.readUInt32BE(4)),
    };
    const findings = new Uint32Array(5000);
    const places = { parts: new Uint8Array(5000), classes: new Int32Array(5000) };
    const twins = new Map<number, number>();
    const facts = markDuplicates(findings, hashes, places, (image, twin) => twins.set(image, twin));
    const firsts = new Map<string, number>();
    for (const [i, one] of text.entries()) {
      const first = firsts.get(one);
      if (first === undefined) firsts.set(one, i);
      expect([findings[i], twins.get(i)]).toEqual(
        first === undefined ? [0, undefined] : [bitOf('duplicate'), first],
      );
    }
    expect(facts).toEqual({ groups: 2000, images: 4000 });
  });
});

it('isCut goes by the end marks of each format, not by those of an embedded preview', () => {
  const bytes = (text: string) => Buffer.from(text, 'latin1');
  const jpeg = '\xff\xd8\xff\xe1 preview \xff\xd8\xff\xda..\xff\xd9 then \xff\xda data';
  expect(isCut(bytes(jpeg))).toBe(true);
  expect(isCut(bytes(`${jpeg}\xff\xd9 trailer`))).toBe(false);
  expect(isCut(bytes('\x89PNG\r\n\x1a\n IHDR IDAT'))).toBe(true);
  expect(isCut(bytes('\x89PNG\r\n\x1a\n IHDR IDAT IEND'))).toBe(false);
  expect(isCut(bytes('RIFF\x0a\0\0\0WEBPVP8 12'))).toBe(false);
  expect(isCut(bytes('RIFF\x0b\0\0\0WEBPVP8 12'))).toBe(true);
  expect(isCut(bytes('GIF89a'))).toBe(false);
});

it('a finding has a bit of its own below the thirty-first', () => {
  expect(KINDS.length).toBeLessThanOrEqual(30);
  expect(new Set(KINDS.map(({ name }) => bitOf(name))).size).toBe(KINDS.length);
});
