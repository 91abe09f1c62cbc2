/** `relaybp data prepare`: training from shards sees the very same batches; nothing half-written is used. */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { decodeImage } from '../../src/data/images/decode.js';
import { fingerprint } from '../../src/data/index/fingerprint.js';
import type { ImageIndex } from '../../src/data/index/image-index.js';
import { imagePath, relativePath } from '../../src/data/index/image-index.js';
import { openPrepared } from '../../src/data/index/prepared.js';
import { decodedImages } from '../../src/data/loader/decoded-images.js';
import { dataStatistics } from '../../src/data/statistics/statistics.js';
import { openImages } from '../../src/experiment/images.js';
import { collect, loaderOptions } from '../data/loading.js';
import { type Outcome, run } from '../support/cli.js';
import { SMALL_CONFIG } from '../support/configs.js';
import { colourImages } from '../support/images.js';

let root: string;
let cwd: string;
const SIDE = 18;

beforeAll(async () => {
  root = await colourImages();
  // A damaged image, one with transparency, and one of an odd name.
  const jpeg = readFileSync(join(root, 'train/red/0.jpg'));
  writeFileSync(join(root, 'train/red/1.jpg'), jpeg.subarray(0, jpeg.length / 2));
  await sharp({ create: { width: 30, height: 24, channels: 4, background: '#ff000080' } })
    .png()
    .toFile(join(root, 'train/green/clear.png'));
  cpSync(join(root, 'train/blue/0.jpg'), join(root, "train/blue/a 'b'\n[shrink=2].jpg"));
});
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'relaybp-prepare-'));
  writeFileSync(join(cwd, 'c.yaml'), SMALL_CONFIG.replace('data/small', root));
});

const prepare = (...args: string[]): Promise<Outcome> =>
  run(['data', 'prepare', 'c.yaml', '--out', 'out', '--set', `data.resize=${SIDE}`, ...args], cwd, {
    RELAYBP_CACHE_DIR: join(cwd, 'cache'),
  });
const original = (part = 'train'): Promise<ImageIndex> =>
  openImages(root, part, undefined, () => {});
const prepared = (part = 'train') => openPrepared(join(cwd, 'out', part), undefined);
const options = (dataset: ImageIndex, resize = SIDE) =>
  loaderOptions(dataset, {
    augment: { flip: true, color: null, resizedCrop: { scale: [0.3, 1], ratio: [0.75, 1.33] } },
    onError: { policy: 'skip', limit: 10 },
    preprocessing: { resize, crop: 16, mean: { kind: 'channel', values: [100, 110, 120] } },
  });
const shards = (): Map<string, Buffer> =>
  new Map(
    readdirSync(join(cwd, 'out/train'))
      .filter((name) => name.startsWith('shard'))
      .map((name) => [name, readFileSync(join(cwd, 'out/train', name))]),
  );

describe('shards', () => {
  it('give the same batches as the original images, to the bit', async () => {
    const { code, stdout } = await prepare('--images-per-shard', '10');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^train: 25 images in 3 shards, 0\.0 MiB, /);
    expect(stdout).toContain('1 cannot be decoded; the first: ');
    expect(stdout).toContain('train c.yaml --set data.root=out');
    const [from, to] = [await original(), prepared()];
    expect(fingerprint(to)).toBe(fingerprint(from));
    expect([to.count, to.classes]).toEqual([25, from.classes]);
    for (let i = 0; i < 25; i++) expect(imagePath(to, i)).toBe(imagePath(from, i));
    // 13 batches: every image, the damaged one among them, and its substitutes.
    const [originals, packed] = [await collect(options(from), 13), await collect(options(to), 13)];
    expect(packed).toEqual(originals);
    expect(new Set(originals.flatMap(({ indices }) => indices)).size).toBeGreaterThan(15);
  });

  it('are opened by the name of the part, and evaluated from', async () => {
    await prepare();
    const val = await openImages(join(cwd, 'out'), 'val', ['red', 'green', 'blue'], () => {});
    expect([...val.labels]).toEqual([2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0]);
    for await (const { index, sizes } of decodedImages({ dataset: val, sides: [SIDE, 9] })) {
      const whole = await decodeImage(imagePath(val, index), SIDE);
      expect(Buffer.compare(sizes[0]!.data, whole.data)).toBe(0);
      expect([sizes[1]!.width, sizes[1]!.height]).toEqual([11, 9]);
    }
    const other = () => openPrepared(join(cwd, 'out/val'), ['red', 'blue']);
    expect(other).toThrow('has the class "green", which the model was not trained on');
  });

  it('of another decoding are used, and said to be so; their statistics are their own', async () => {
    await prepare();
    const facts = join(cwd, 'out/train/prepared.json');
    const now = JSON.parse(readFileSync(facts, 'utf8')) as { decoding: number };
    const opened = async (decoding: number) => {
      writeFileSync(facts, JSON.stringify({ ...now, decoding }));
      const notices: string[] = [];
      const index = await openImages(join(cwd, 'out'), 'train', undefined, (line) =>
        notices.push(line),
      );
      const cacheDir = join(cwd, 'cache');
      const { read } = await dataStatistics(index, { resize: SIDE, crop: 16, cacheDir });
      return { notices, read };
    };
    expect(await opened(now.decoding)).toEqual({ notices: [], read: false });
    const { notices, read } = await opened(now.decoding - 1);
    expect(notices).toEqual([
      expect.stringContaining(
        'was prepared by a version of relaybp that decodes some files otherwise',
      ),
    ]);
    expect(read).toBe(false);
    expect((await opened(now.decoding)).read).toBe(true);
  });

  it('are too small for a larger shorter side', async () => {
    await prepare();
    const message = 'prepared with a shorter side of 18, but images of 19 are needed';
    await expect(collect(options(prepared(), 19), 1)).rejects.toThrow(message);
    const sides = decodedImages({ dataset: prepared(), sides: [19] });
    await expect(sides.next()).rejects.toThrow(message);
  });

  it('of JPEGs hold the resized images in that quality', async () => {
    expect((await prepare('--quality', '90')).code).toBe(0);
    let seen = 0;
    for await (const { index, sizes } of decodedImages({ dataset: prepared(), sides: [SIDE] })) {
      if (sizes.length === 0) continue; // the one that cannot be decoded
      seen++;
      const { data, width, height } = await decodeImage(imagePath(prepared(), index), SIDE);
      const raw = { width, height, channels: 3 as const };
      const jpeg = await sharp(data, { raw }).jpeg({ quality: 90 }).toBuffer();
      expect(Buffer.compare(sizes[0]!.data, await sharp(jpeg).raw().toBuffer())).toBe(0);
    }
    expect(seen).toBe(24);
  });

  it('have the statistics of the originals only if they hold the same pixels', async () => {
    const cacheDir = join(cwd, 'statistics');
    const options = { resize: SIDE, crop: 16, cacheDir };
    const originals = await dataStatistics(await original(), options);
    expect(originals.read).toBe(false);
    await prepare();
    expect(await dataStatistics(prepared(), options)).toEqual({ ...originals, read: true });
    const smaller = await dataStatistics(prepared(), { ...options, resize: 17 });
    expect(smaller.read).toBe(false); // resized twice
    rmSync(join(cwd, 'out'), { recursive: true });
    await prepare('--quality', '40');
    const jpegs = await dataStatistics(prepared(), options);
    expect(jpegs.read).toBe(false);
    expect(jpegs.statistics.channelMean).not.toEqual(originals.statistics.channelMean);
    expect((await dataStatistics(prepared(), options)).read).toBe(true);
  });

  it('that are there are kept when the work goes on', async () => {
    await prepare('--images-per-shard', '10');
    const whole = shards();
    const path = (name: string) => join(cwd, 'out/train', name);
    const before = statSync(path('shard-00000.bin')).mtimeMs;
    // As after an interruption: the last two are missing, one of them half-written.
    rmSync(path('shard-00001.bin'));
    rmSync(path('shard-00002.bin'));
    writeFileSync(path('shard-00001.bin.tmp'), 'half');
    const facts = JSON.parse(readFileSync(path('prepared.json'), 'utf8'));
    writeFileSync(path('prepared.json'), JSON.stringify({ ...facts, complete: false }));
    expect(() => prepared()).toThrow('is not prepared completely');
    const { stdout } = await prepare('--images-per-shard', '10');
    expect(stdout).toMatch(/^train: 25 images in 3 shards, 1 of them kept from before/);
    expect(stdout).toContain('1 cannot be decoded');
    expect(shards()).toEqual(whole);
    expect(statSync(path('shard-00000.bin')).mtimeMs).toBe(before);
    expect(readdirSync(join(cwd, 'out/train')).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('that are damaged are named, and so are damaged images in them', async () => {
    await prepare('--images-per-shard', '10');
    const path = join(cwd, 'out/train/shard-00000.bin');
    const bytes = readFileSync(path);
    bytes[5]! ^= 1;
    writeFileSync(path, bytes);
    const [first] = await collect(
      { ...options(prepared()), augment: null, sampler: { kind: 'sequential', seed: 0 } },
      1,
    );
    expect(first!.labels[0]).toBe(-1);
    const reasons = decodedImages({ dataset: prepared(), sides: [SIDE] });
    expect((await reasons.next()).value.reason).toBe(`damaged in ${path}`);
    await reasons.return(undefined);
    bytes[bytes.length - 60]! ^= 1; // in the table
    writeFileSync(path, bytes);
    expect(() => prepared()).toThrow(`${path}: it is damaged`);
    truncateSync(path, 100);
    expect(() => prepared()).toThrow(`${path}: it is cut off`);
    rmSync(path);
    expect(() => prepared()).toThrow(`${path}: `);
  });

  it('are not mixed with others', async () => {
    await prepare();
    const other = await prepare('--side', '16');
    expect([other.code, other.stderr]).toEqual([
      2,
      expect.stringContaining('was prepared with another "side": 18, not 16'),
    ]);
    const copies = await prepare('--format', 'copies');
    expect([copies.code, copies.stderr]).toEqual([2, expect.stringContaining('holds shards')]);
    const again = await run(
      ['data', 'prepare', 'c.yaml', '--out', 'x', '--set', 'data.root=out'],
      cwd,
    );
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('is prepared already')]);
    mkdirSync(join(cwd, 'full/train'), { recursive: true });
    writeFileSync(join(cwd, 'full/train/notes.txt'), 'mine');
    const full = await run(['data', 'prepare', 'c.yaml', '--out', 'full'], cwd);
    expect([full.code, full.stderr]).toEqual([
      2,
      expect.stringContaining('is not empty ("notes.txt")'),
    ]);
    const itself = await run(['data', 'prepare', 'c.yaml', '--out', root], cwd);
    expect([itself.code, itself.stderr]).toEqual([
      2,
      expect.stringContaining('the original images'),
    ]);
  });

  it('are not written if too many images cannot be decoded', async () => {
    const { code, stderr } = await prepare('--set', 'data.onError={policy: fail}');
    expect([code, stderr]).toEqual([
      3,
      expect.stringContaining('train/red/1.jpg: cannot be decoded'),
    ]);
    expect(readdirSync(join(cwd, 'out/train')).sort()).toEqual(['index.bin', 'prepared.json']);
  });
});

describe('copies', () => {
  it('are smaller files of the same names and formats', async () => {
    const { code, stdout } = await prepare('--format', 'copies', '--json');
    expect(code).toBe(0);
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({ formatVersion: 1, format: 'copies', side: 18, quality: 95 });
    expect(result.parts[0]).toMatchObject({ part: 'train', images: 25, files: 24, kept: 0 });
    const [from, to] = [
      await original(),
      await openImages(join(cwd, 'out'), 'train', undefined, () => {}),
    ];
    expect(to.count).toBe(24);
    const names = Array.from({ length: 25 }, (_, i) => relativePath(from, i));
    expect(Array.from({ length: 24 }, (_, i) => relativePath(to, i))).toEqual(
      names.filter((name) => name !== 'red/1.jpg'),
    );
    const clear = readFileSync(join(cwd, 'out/train/green/clear.png'));
    expect((await sharp(clear).metadata()).format).toBe('png');
    const expected = await decodeImage(join(root, 'train/green/clear.png'), SIDE);
    expect(Buffer.compare(await sharp(clear).raw().toBuffer(), expected.data)).toBe(0);
    // Again: what is there is kept.
    rmSync(join(cwd, 'out/train/blue/3.jpg'));
    const again = JSON.parse((await prepare('--format', 'copies', '--json')).stdout);
    expect(again.parts[0]).toMatchObject({ files: 24, kept: 23 });
    expect(again.parts[0].bytes).toBe(result.parts[0].bytes);
    const other = await prepare('--format', 'copies', '--quality', '80');
    expect([other.code, other.stderr]).toEqual([
      2,
      expect.stringContaining('"quality": 95, not 80'),
    ]);
  });

  it('of a list have a list', async () => {
    const list = join(root, 'some.txt');
    writeFileSync(
      list,
      'train/red/0.jpg red\ntrain/red/1.jpg red\n/train/blue/2.jpg blue\nval/green/1.jpg green\n',
    );
    const { code, stderr } = await prepare('--format', 'copies', '--set', 'data.train=some.txt');
    expect([code, stderr]).toEqual([0, '']);
    expect(readFileSync(join(cwd, 'out/some.txt'), 'utf8')).toBe(
      'train/red/0.jpg\tred\n/train/blue/2.jpg\tblue\nval/green/1.jpg\tgreen\n',
    );
    const index = await openImages(join(cwd, 'out'), 'some.txt', undefined, () => {});
    expect(index.count).toBe(3);
    writeFileSync(list, 'train/red/0.jpg red\n../x.jpg blue\nval/green/1.jpg green\n');
    cpSync(join(root, 'val/blue/0.jpg'), join(root, '../x.jpg'));
    const outside = await prepare('--format', 'copies', '--set', 'data.train=some.txt');
    rmSync(join(root, '../x.jpg'));
    expect([outside.code, outside.stderr]).toEqual([
      3,
      expect.stringContaining('lies outside the data root'),
    ]);
  });
});

describe('a part that is no place in the data root', () => {
  /** The images as `<base>/images`, with what lies beside them. */
  let base: string;
  beforeEach(() => {
    base = mkdtempSync(join(tmpdir(), 'relaybp-beside-'));
    mkdirSync(join(base, 'images/val'), { recursive: true });
    cpSync(join(root, 'val'), join(base, 'images/val'), { recursive: true });
    cpSync(join(root, 'val'), join(base, 'train'), { recursive: true });
    mkdirSync(join(base, 'lists'));
    writeFileSync(
      join(base, 'lists/train.txt'),
      'val/red/0.jpg red\nval/blue/1.jpg blue\nval/green/1.jpg green\n',
    );
    writeFileSync(join(cwd, 'c.yaml'), SMALL_CONFIG.replace('data/small', join(base, 'images')));
  });
  const contents = (folder: string): Map<string, string> =>
    new Map(
      readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .filter((name) => statSync(join(folder, name)).isFile())
        .map((name) => [name, readFileSync(join(folder, name), 'base64')]),
    );
  /** Prepares with this `data.train` into a folder in `base`. */
  const into = (out: string, train: string, ...args: string[]): Promise<Outcome> =>
    run(
      [
        'data',
        'prepare',
        'c.yaml',
        '--out',
        join(base, out),
        '--set',
        `data.train=${train}`,
        '--json',
        ...args,
      ],
      cwd,
      { RELAYBP_CACHE_DIR: join(cwd, 'cache') },
    );

  it.each([
    ['../train', 'train', 'copies'],
    ['../train', 'train', 'shards'],
    ['../lists/train.txt', 'train.txt', 'copies'],
    ['../lists/train.txt', 'train.txt', 'shards'],
    ['ABSOLUTE/lists/train.txt', 'train.txt', 'shards'],
    ['ABSOLUTE/images/val', 'val', 'copies'],
  ] as const)('%s goes to %s in the output folder, as %s', async (given, name, format) => {
    const part = given.replace('ABSOLUTE', base);
    const before = contents(base);
    const { code, stdout, stderr } = await into('out', part, '--format', format);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringContaining(
        `data.train: ${part} is no place in the data root: in ${join(base, 'out')} it is ${name}`,
      ),
    });
    const result = JSON.parse(stdout);
    expect(result.parts[0]).toMatchObject({ part, name });
    expect(result.set).toEqual([`data.root=${join(base, 'out')}`, `data.train=${name}`]);
    // The originals are as they were, and all that is new lies in the folder.
    const after = contents(base);
    for (const [file, bytes] of before) expect(after.get(file), file).toBe(bytes);
    const more = [...after.keys()].filter((file) => !before.has(file));
    expect(more.filter((file) => !file.startsWith('out/'))).toEqual([]);
    const index = await openImages(join(base, 'out'), name, undefined, () => {});
    expect([index.count, index.classes]).toEqual([
      part.endsWith('.txt') ? 3 : 15,
      ['blue', 'green', 'red'],
    ]);
  });

  it('gets another name where the data root has something of that name', async () => {
    writeFileSync(join(base, 'images/train.txt'), 'val/red/0.jpg red\n');
    const { stdout } = await into(
      'out',
      '../lists/train.txt',
      '--format',
      'copies',
      '--set',
      'data.val=../train',
    );
    const { set, parts } = JSON.parse(stdout);
    expect(set.slice(1)).toEqual(['data.train=train-train.txt', 'data.val=train']);
    expect(parts.map(({ name }: { name: string }) => name)).toEqual(['train-train.txt', 'train']);
  });

  it('is written once where it is both', async () => {
    const { stdout } = await into('out', '../train', '--set', 'data.val=../train/');
    const { set, parts } = JSON.parse(stdout);
    expect(parts).toHaveLength(1);
    expect(set.slice(1)).toEqual(['data.train=train', 'data.val=train']);
  });

  it.each<[string, string, () => void, string]>([
    ['the folder of the originals', 'images', () => {}, 'is the folder of the original images'],
    [
      'a link to it',
      'link',
      () => symlinkSync(join(base, 'images'), join(base, 'link')),
      'is the folder of the original images',
    ],
    ['the folder that the part lies in', '.', () => {}, 'lies among the originals of data.train'],
    ['a folder in it', 'train/red', () => {}, 'lies among the originals of data.train'],
    [
      'a folder whose part is a link',
      'out',
      () => {
        mkdirSync(join(base, 'out'));
        symlinkSync(join(base, 'images/val'), join(base, 'out/val'));
      },
      'by way of a link',
    ],
    [
      'a folder with a file in the place of a part',
      'out',
      () => {
        mkdirSync(join(base, 'out'));
        writeFileSync(join(base, 'out/train'), 'mine');
      },
      'out/train cannot be written: ',
    ],
  ])('is not written into %s', async (_, out, arrange, message) => {
    arrange();
    const before = contents(base);
    for (const format of ['copies', 'shards']) {
      const { code, stderr } = await into(out, '../train', '--format', format);
      expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(message) });
      expect(contents(base)).toEqual(before);
    }
  });

  it('has copies only where no link leads elsewhere, and no file is in the way', async () => {
    mkdirSync(join(base, 'out/train'), { recursive: true });
    symlinkSync(join(base, 'images/val/red'), join(base, 'out/train/red'));
    const before = contents(join(base, 'images'));
    const linked = await into('out', '../train', '--format', 'copies');
    expect([linked.code, linked.stderr]).toEqual([2, expect.stringContaining('by way of a link')]);
    expect(contents(join(base, 'images'))).toEqual(before);
    rmSync(join(base, 'out/train/red'));
    writeFileSync(join(base, 'out/train/red'), 'mine');
    const inTheWay = await into('out', '../train', '--format', 'copies');
    expect([inTheWay.code, inTheWay.stderr]).toEqual([
      2,
      expect.stringMatching(/error: --out: .*\/out\/train\/red.* cannot be written: /),
    ]);
  });

  it('in a folder of lists, of names of 255 bytes', async () => {
    const long = (end: string): string =>
      `${'é'.repeat(120)}${'x'.repeat(255 - 240 - end.length)}${end}`;
    mkdirSync(join(base, 'images/lists'));
    const image = readFileSync(join(base, 'images/val/red/0.jpg'));
    // Two that begin alike, and one that is no UTF-8.
    const names = [long('1.jpg'), long('2.jpg')];
    for (const name of names) writeFileSync(join(base, 'images/val/red', name), image);
    const odd = Buffer.concat([
      Buffer.from(join(base, 'images/val/red/')),
      Buffer.alloc(250, 0xe9),
      Buffer.from('x.jpg'),
    ]);
    writeFileSync(odd, image);
    const list = `lists/${long('.txt')}`;
    writeFileSync(
      join(base, 'images', list),
      `${names.map((name) => `val/red/${name} red`).join('\n')}\nval/blue/0.jpg blue\nval/green/0.jpg green\n`,
    );
    const { code, stderr, stdout } = await into('out', list, '--format', 'copies');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout).parts).toMatchObject([{ files: 4 }, { files: 18, kept: 4 }]);
    const index = await openImages(join(base, 'out'), list, undefined, () => {});
    expect(index.count).toBe(4);
    expect(
      readdirSync(join(base, 'out'), { recursive: true, encoding: 'utf8' }).filter((name) =>
        name.endsWith('.tmp'),
      ),
    ).toEqual([]);
  });
});
