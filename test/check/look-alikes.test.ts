/** Renderings of one picture are told from other pictures; what is done with them. */
import { mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { candidates } from '../../src/check/look-alikes.js';
import { bitsApart, fieldsOf, looksAlike, pictureHash } from '../../src/check/picture-hash.js';
import type { DataCheckResult } from '../../src/commands/data-check.js';
import { decodePart } from '../../src/data/images/decode.js';
import { relativePath } from '../../src/data/index/image-index.js';
import { split } from '../../src/init/split.js';
import { Random } from '../../src/random.js';
import { indexWith } from '../data/indexes.js';
import { type Outcome, run } from '../support/cli.js';

/** A picture of blurred random colours, another one for each seed. */
function picture(seed: number): Sharp {
  const random = new Random(seed, 'picture');
  const raw = { width: 6, height: 5, channels: 3 as const };
  const pixels = Uint8Array.from({ length: 90 }, () => random.int(256));
  return sharp(pixels, { raw }).resize(216, 180);
}

async function look(image: Sharp) {
  const pixels = await decodePart({ contents: await image.toBuffer(), name: null }, { resize: 64 });
  return { hash: pictureHash(pixels)!, fields: fieldsOf(pixels) };
}
type Look = Awaited<ReturnType<typeof look>>;
const bits = ({ hash: a }: Look, { hash: b }: Look): number => bitsApart(a[0] ^ b[0], a[1] ^ b[1]);

describe('what a picture looks like', () => {
  it.each<[string, (image: Sharp) => Sharp]>([
    ['half as large', (image) => image.resize({ width: 108 }).jpeg()],
    ['a thumbnail', (image) => image.resize({ width: 48 }).jpeg({ quality: 60 })],
    ['enlarged', (image) => image.resize({ width: 500 }).jpeg()],
    ['compressed more', (image) => image.jpeg({ quality: 25 })],
    ['as WebP', (image) => image.webp({ quality: 50 })],
    ['of other proportions', (image) => image.resize(80, 80, { fit: 'fill' }).jpeg()],
  ])('stays the same %s', async (_, rendered) => {
    for (let seed = 0; seed < 12; seed++) {
      const original = await look(picture(seed).png());
      const png = await picture(seed).png().toBuffer();
      const other = await look(rendered(sharp(png)));
      expect(bits(original, other)).toBeLessThanOrEqual(10);
      expect(looksAlike(original.fields, other.fields)).toBe(true);
    }
  });

  it('is another one for other pictures', async () => {
    const looks = await Promise.all(
      Array.from({ length: 60 }, (_, seed) => look(picture(seed).png())),
    );
    for (const [i, a] of looks.entries()) {
      for (const b of looks.slice(0, i)) expect(looksAlike(a.fields, b.fields)).toBe(false);
    }
  });

  it('cannot be told of an even picture', async () => {
    const create = { width: 90, height: 60, channels: 3 as const, background: '#6789ab' };
    const pixels = await decodePart(
      { contents: await sharp({ create }).png().toBuffer(), name: null },
      { resize: 64 },
    );
    expect(pictureHash(pixels)).toBeNull();
  });
});

it('pairs of hashes up to seven bits apart are all found, as by comparing each with each', () => {
  const random = new Random(1, 'hashes');
  const word = (): number => random.int(2 ** 32);
  const hashes: [number, number][] = Array.from({ length: 300 }, () => [word(), word()]);
  for (let i = 0; i < 150; i++) {
    const near: [number, number] = [...hashes[i]!];
    for (let flips = 0; flips < 1 + (i % 7); flips++)
      near[random.int(2) as 0 | 1] ^= 1 << random.int(32);
    hashes.push([near[0] >>> 0, near[1] >>> 0]);
  }
  hashes.push([0, 0], [0, 0]); // not known: like none
  const [high, low] = [0, 1].map((half) => Uint32Array.from(hashes, (hash) => hash[half]!)) as [
    Uint32Array,
    Uint32Array,
  ];
  const found = new Set(
    [...candidates({ high, low })].map((pair) => pair.sort((a, b) => a - b).join()),
  );
  const near = new Set<string>();
  for (let b = 0; b < hashes.length - 2; b++) {
    for (let a = 0; a < b; a++) {
      if (bitsApart(high[a]! ^ high[b]!, low[a]! ^ low[b]!) <= 7) near.add(`${a},${b}`);
    }
  }
  expect(near.size).toBeGreaterThanOrEqual(150);
  for (const pair of near) expect(found).toContain(pair);
  for (const pair of found) expect(Number(pair.split(',')[1])).toBeLessThan(hashes.length - 2);
});

describe('the split of one folder', () => {
  /** @param counts images of each class, class after class */
  const sides = (groups: number[], counts: number[]) => {
    const index = indexWith(counts);
    const { train, val, tooSmall } = split(index, '', Uint32Array.from(groups));
    const lines = (text: string): string[] => text.trim().split('\n');
    const held = new Set(lines(val).map((line) => line.split('\t')[0]));
    const isVal = groups.map((_, i) => held.has(relativePath(index, i)));
    return { isVal, tooSmall, lines: lines(train).length + held.size };
  };

  it('has renderings of one picture on one side, of several classes too', () => {
    // 30 images of a in groups of 3, 30 of b alone; the first group of a holds the first of b as well.
    const groups = Array.from({ length: 60 }, (_, i) => (i < 30 ? i - (i % 3) : i));
    groups[30] = 0;
    const { isVal, lines } = sides(groups, [30, 30]);
    expect(lines).toBe(60);
    for (const [image, first] of groups.entries()) expect(isVal[image]).toBe(isVal[first]);
    expect(isVal.slice(0, 30).filter(Boolean)).toHaveLength(6); // a fifth
    expect(isVal.slice(30).filter(Boolean)).toHaveLength(6);
  });

  it('takes the smallest group where each is more than a fifth, and leaves out a class of one picture', () => {
    const groups = [0, 0, 0, 0, 4, 4, 4, 7, 7, 7];
    const { isVal, tooSmall } = sides(groups, [7, 3]);
    expect(isVal).toEqual([false, false, false, false, true, true, true, false, false, false]);
    expect(tooSmall).toEqual(['c1']);
  });
});

describe('of files', () => {
  let root: string;
  const at = (path: string): string => join(root, path);
  const relaybp = (...args: string[]): Promise<Outcome> =>
    run(args, root, { RELAYBP_CACHE_DIR: at('cache') });
  const write = async (path: string, image: Sharp): Promise<void> => {
    mkdirSync(dirname(at(path)), { recursive: true });
    await image.toFile(at(path));
  };
  const small = async (seed: number): Promise<Sharp> =>
    sharp(await picture(seed).png().toBuffer()).resize({ width: 100 });

  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'relaybp-alike-'));
    for (let i = 0; i < 10; i++) {
      for (const [k, name] of ['a', 'b'].entries()) {
        await write(`photos/${name}/${i}.jpg`, picture(100 * k + i));
        await write(`photos/${name}/${i}-small.webp`, await small(100 * k + i));
      }
    }
    for (let i = 0; i < 4; i++) {
      await write(`set/train/a/${i}.jpg`, picture(i));
      await write(`set/train/b/${i}.jpg`, picture(100 + i));
      await write(`set/val/a/${i}.jpg`, picture(20 + i));
      await write(`set/val/b/${i}.jpg`, picture(120 + i));
    }
    await write('set/val/a/leak.png', await small(2));
    await write('set/train/b/again.jpg', await small(103));
  });

  it('init keeps a photo and its smaller rendering together, and says so', async () => {
    const { code, stderr } = await relaybp('init', 'photos', '--out', 'p.yaml');
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('40 images are copies or renderings of others');
    const val = readFileSync(at('p.val.txt'), 'utf8').trim().split('\n');
    expect(val).toHaveLength(8);
    const photos = val.map((line) => /^(\S+?)(-small)?\.\w+\t/.exec(line)![1]);
    expect(new Set(photos).size).toBe(4);
  });

  it('data check names them, and counts those in several parts as problems', async () => {
    const { code, stdout } = await relaybp(
      'data',
      'check',
      'set',
      '--json',
      '--fix-list',
      'good.txt',
    );
    const { kinds } = JSON.parse(stdout) as DataCheckResult;
    expect(code).toBe(3);
    expect(kinds.alikeInSeveralParts.examples).toEqual([
      { path: at('set/train/a/2.jpg'), reason: at('set/val/a/leak.png') },
      { path: at('set/val/a/leak.png'), reason: at('set/train/a/2.jpg') },
    ]);
    expect(kinds.lookAlike.examples).toEqual([
      { path: at('set/train/b/again.jpg'), reason: at('set/train/b/3.jpg') },
    ]);
    const train = readFileSync(at('good.train.txt'), 'utf8');
    expect(train).not.toContain('a/2.jpg');
    expect(train).toContain('b/again.jpg');
    expect(readFileSync(at('good.val.txt'), 'utf8')).toContain('a/leak.png');
  });
});
