/** A prepared data set from elsewhere is data: what cannot be is refused, whole as its checksums are. */
import {
  cpSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { classLists } from '../../src/data/index/class-lists.js';
import { fingerprint } from '../../src/data/index/fingerprint.js';
import type { ImageIndex } from '../../src/data/index/image-index.js';
import { classCounts } from '../../src/data/index/image-index.js';
import { readIndexFile, writeIndexFile } from '../../src/data/index/index-file.js';
import { openPrepared } from '../../src/data/index/prepared.js';
import { checksum } from '../../src/data/index/shard-file.js';
import { DataError } from '../../src/errors.js';
import { colourImages } from '../support/images.js';
import { need, set, Workplace } from './support.js';

let place: Workplace;
/** Shards of pixels and of JPEGs, with one image that cannot be decoded. */
let sound: string;
/** The training part of a copy, and of a copy of the JPEGs. */
let part: string;
let jpegs: string;
let clean: string;

beforeAll(async () => {
  const images = await colourImages();
  writeFileSync(join(images, 'train/green/broken.jpg'), 'no image');
  place = new Workplace(images);
  const prepare = [
    'data',
    'prepare',
    'c.yaml',
    '--images-per-shard',
    '100',
    ...set('data.onError={policy: skip, limit: 5}'),
  ];
  expect(await place.relaybp([...prepare, '--out', 'sound-raw'])).toMatchObject({ code: 0 });
  expect(await place.relaybp([...prepare, '--out', 'sound-jpeg', '--quality', '90'])).toMatchObject(
    { code: 0 },
  );
  sound = place.at('sound');
});
beforeEach(() => {
  clean = mkdtempSync(join(tmpdir(), 'relaybp-elsewhere-'));
  cpSync(`${sound}-raw`, join(clean, 'raw'), { recursive: true });
  cpSync(`${sound}-jpeg`, join(clean, 'jpeg'), { recursive: true });
  part = join(clean, 'raw/train');
  jpegs = join(clean, 'jpeg/train');
});

const COUNT = 24;
/** The place of the image that cannot be decoded. */
const BROKEN = 19;

type Facts = Record<string, unknown>;
const facts = (): Facts => JSON.parse(readFileSync(join(part, 'prepared.json'), 'utf8'));
const saying = (changes: Facts): void =>
  writeFileSync(join(part, 'prepared.json'), JSON.stringify({ ...facts(), ...changes }));

/** An index with other contents, whole, and with the fingerprint of these. */
function indexed(change: (index: ImageIndex) => Partial<ImageIndex>): void {
  const path = join(part, 'index.bin');
  const kept = readIndexFile(path, '/')!;
  const index = { ...kept.index, ...change(kept.index) };
  // Of names that are none there is no fingerprint.
  const named = { ...index, classes: index.classes.map(String) };
  const other = { ...kept.facts, classes: index.classes, fingerprint: fingerprint(named) };
  writeIndexFile(path, { ...kept, index, facts: other });
  saying({ fingerprint: other.fingerprint });
}

const changed = <T extends Int32Array | Uint32Array>(column: T, at: number, value: number): T => {
  const copy = column.slice() as T;
  copy[at] = value;
  return copy;
};

interface Shard {
  /** Length, width, height and checksum of each image. */
  rows: number[][];
  json: string;
  /** Bytes of the images, as the end of the file says. */
  bytes: number;
}

/** A shard with another table, whole by its checksum. */
function tabled(change: (shard: Shard) => void, folder = part): void {
  const path = join(folder, 'shard-00000.bin');
  const file = readFileSync(path);
  const end = file.subarray(file.length - 28);
  const [bytes, text] = [end.readDoubleLE(8), end.readUInt32LE(4)];
  const number = (i: number): number => file.readUInt32LE(bytes + 4 * i);
  const shard: Shard = {
    rows: Array.from({ length: COUNT }, (_, i) => [0, 1, 2, 3].map((j) => number(4 * i + j))),
    json: file.toString('utf8', file.length - 28 - text, file.length - 28),
    bytes,
  };
  change(shard);
  const table = Buffer.concat([
    Buffer.from(Uint32Array.from(shard.rows.flat()).buffer),
    Buffer.from(shard.json),
  ]);
  end.writeUInt32LE(shard.rows.length, 0);
  end.writeUInt32LE(Buffer.byteLength(shard.json), 4);
  end.writeDoubleLE(shard.bytes, 8);
  end.writeUInt32LE(checksum(table), 16);
  writeFileSync(path, Buffer.concat([file.subarray(0, bytes), table, end]));
}

const row = (place: number, changes: Record<number, number>) => (shard: Shard) => {
  for (const [column, value] of Object.entries(changes)) shard.rows[place]![Number(column)] = value;
};
const failures = (json: unknown) => (shard: Shard) => {
  shard.json = JSON.stringify(json);
};

function refused(folder: string, message: RegExp): void {
  let error: unknown;
  try {
    openPrepared(folder, undefined);
  } catch (caught) {
    error = caught;
  }
  expect(error).toBeInstanceOf(DataError);
  expect((error as DataError).message).toMatch(message);
  expect((error as DataError).message).toContain(folder);
  expect((error as DataError).hint).toBeTruthy();
}

it('as it was prepared is opened, also when written again as it was', () => {
  indexed(() => ({}));
  for (const folder of [part, jpegs]) {
    tabled(() => {}, folder);
    const { count, packed } = openPrepared(folder, undefined);
    expect([count, packed!.failures.map(([image]) => image)]).toEqual([COUNT, [BROKEN]]);
  }
});

describe('facts that cannot be are refused', () => {
  it.each<[string, Facts, RegExp]>([
    ['images without end', { images: 1e15, shards: 1e13 }, /it is of another data set/],
    ['less than no images', { images: -1 }, /"images" cannot be/],
    ['no images to a shard', { imagesPerShard: 0 }, /"imagesPerShard" cannot be/],
    ['shards that are not needed', { shards: 2 }, /"shards" cannot be/],
    ['no side', { side: 0 }, /"side" cannot be/],
    ['a side without end', { side: 1e9 }, /"side" cannot be/],
    ['another side', { side: 17 }, /its image 0 is 22x18, with a shorter side of 17/],
    ['a quality of pixels', { quality: 90 }, /"quality" cannot be/],
    ['an encoding of its own', { encoding: 'gif' }, /"encoding" cannot be/],
    ['a name that is none', { source: 5 }, /"source" cannot be/],
    ['another fingerprint', { fingerprint: 'f'.repeat(64) }, /its fingerprint is another/],
  ])('%s', (_, changes, message) => {
    saying(changes);

    refused(part, message);
  });
  it.each(['null', '[]', '5', '{"format": 2}', '{'])('%s', (json) => {
    writeFileSync(join(part, 'prepared.json'), json);
    refused(part, /its format is|cannot be read/);
  });
});

describe('an index that cannot be is refused', () => {
  it.each<[string, (index: ImageIndex) => Partial<ImageIndex>, RegExp]>([
    [
      'a label beyond the classes',
      ({ labels }) => ({ labels: changed(labels, 5, 3) }),
      /image 5 has the label 3, but there are 3 classes/,
    ],
    [
      'a label below them',
      ({ labels }) => ({ labels: changed(labels, 5, -1) }),
      /image 5 has the label -1/,
    ],
    ['fewer classes', () => ({ classes: ['blue'] }), /has the label 1, but there are 1 classes/],
    ['a class twice', () => ({ classes: ['blue', 'red', 'red'] }), /it is damaged/],
    ['a class without a name', () => ({ classes: [1, 2, 3] as never }), /it is damaged/],
    ['fewer labels', ({ labels }) => ({ labels: labels.slice(1) }), /it is damaged/],
    ['fewer sizes', ({ sizes }) => ({ sizes: sizes.slice(1) }), /it is damaged/],
    [
      'paths that run backwards',
      ({ pathOffsets }) => ({ pathOffsets: changed(pathOffsets, 3, 1) }),
      /it is damaged/,
    ],
    [
      'paths beyond their bytes',
      ({ pathOffsets }) => ({ pathOffsets: changed(pathOffsets, COUNT, 2 ** 31) }),
      /it is damaged/,
    ],
  ])('%s', (_, change, message) => {
    indexed(change);
    refused(part, message);
  });
});

describe('a shard that cannot be is refused', () => {
  const RAW = 3 * 22 * 18;
  it.each<[string, (shard: Shard) => void, RegExp]>([
    ['fewer bytes than pixels', row(2, { 0: RAW - 1 }), /its image 2 has 1187 bytes for 22x18/],
    ['more bytes than pixels', row(2, { 0: 2 ** 32 - 1 }), /its image 2 has 4294967295 bytes/],
    ['a size of none', row(2, { 1: 0 }), /its image 2 is 0x18/],
    [
      'a smaller size',
      row(2, { 1: 1, 2: 1, 0: 3 }),
      /its image 2 is 1x1, with a shorter side of 18/,
    ],
    ['a size without end', row(2, { 1: 2 ** 32 - 1 }), /its image 2 is 4294967295x18/],
    ['an image of no bytes without a reason', row(2, { 0: 0, 1: 0, 2: 0 }), /its image 2 is 0x0/],
    ['fewer images', ({ rows }) => rows.pop(), /it has 23 images instead of 24/],
    [
      'an image left out with a reason',
      failures([
        [BROKEN, 'x'],
        [2, 'x'],
      ]),
      /its image 2 is there/,
    ],
    [
      'a failure nowhere',
      failures([
        [BROKEN, 'x'],
        [COUNT, 'x'],
      ]),
      /its failures are no list/,
    ],
    [
      'a failure twice',
      failures([
        [BROKEN, 'x'],
        [BROKEN, 'x'],
      ]),
      /its failures are no list/,
    ],
    [
      'a failure between images',
      failures([
        [BROKEN, 'x'],
        [0.5, 'x'],
      ]),
      /its failures are no list/,
    ],
    ['a reason that is none', failures([[BROKEN, { toString: 1 }]]), /its failures are no list/],
    ['failures that are no list', failures({ length: 1 }), /its failures are no list/],
    ['no failures', failures([]), new RegExp(`its image ${BROKEN} is 0x0`)],
    [
      'failures that are no JSON',
      (shard) => {
        shard.json = '[[';
      },
      /JSON/,
    ],
    [
      'fewer bytes of images',
      (shard) => {
        shard.bytes -= 16;
      },
      /it is damaged/,
    ],
    [
      'bytes of images that are no number',
      (shard) => {
        shard.bytes = Number.NaN;
      },
      /it is damaged/,
    ],
    [
      'images before its beginning',
      (shard) => {
        shard.bytes = -shard.bytes;
      },
      /it is damaged/,
    ],
  ])('%s', (_, change, message) => {
    tabled(change);
    refused(part, message);
  });

  it('a JPEG of no bytes, or of more than there can be', () => {
    tabled(row(2, { 0: 0 }), jpegs);
    refused(jpegs, /its image 2 has 0 bytes for 22x18 pixels/);
    tabled(row(2, { 0: 1e6 }), jpegs);
    refused(jpegs, /its image 2 has 1000000 bytes for 22x18 pixels/);
  });
});

const inElsewhere = (...args: string[]) =>
  place.relaybp([
    ...args,
    ...set(`data.root=${join(clean, 'raw')}`, 'data.onError={policy: skip, limit: 30}'),
  ]);

it('other bytes than JPEGs count as undecodable', async () => {
  saying({ encoding: 'jpeg', quality: 90 });
  const { code, stderr } = await inElsewhere('data', 'stats', 'c.yaml');
  expect([code, stderr]).toEqual([3, expect.stringContaining('none of 24 images can be decoded')]);
});

it.each(['prepared.json', 'index.bin', 'shard-00000.bin'])(
  'a pipe for %s is refused, not waited for',
  async (name) => {
    rmSync(join(part, name));
    need('mkfifo', join(part, name));
    const { code, stderr } = await inElsewhere('data', 'stats', 'c.yaml');
    expect([code, stderr]).toEqual([3, expect.stringContaining('it is no regular file')]);
  },
);

it('a shard that only seems to hold a table of 16 GiB is refused, and nothing is allocated for it', async () => {
  const path = join(part, 'shard-00000.bin');
  const end = readFileSync(path).subarray(-28);
  const [images, text] = [COUNT, 2 ** 32 - 1];
  end.writeUInt32LE(images, 0);
  end.writeUInt32LE(text, 4);
  end.writeDoubleLE(2 ** 34, 8);
  truncateSync(path, 2 ** 34 + 16 * images + text);
  const file = openSync(path, 'a');
  writeSync(file, end);
  const before = process.memoryUsage.rss();
  refused(part, /it is damaged/);
  expect(process.memoryUsage.rss() - before).toBeLessThan(2 ** 28);
});

it.each(['class-aware', 'shuffle', '{kind: power, q: 0.5}'])(
  'an impossible label is refused by %s as by every other sampler, by name',
  async (sampler) => {
    indexed(({ labels }) => ({ labels: changed(labels, 5, 3) }));
    const train = ['train', 'c.yaml', '--engine', 'wasm', '--out', 'never'];
    const { code, stderr } = await inElsewhere(...train, ...set(`data.sampler=${sampler}`));
    expect([code, stderr]).toEqual([3, expect.stringContaining('image 5 has the label 3')]);
  },
);

it('lists of classes are not made of impossible labels', () => {
  for (const label of [3, -1]) {
    const labels = Int32Array.of(0, 1, label, 2);
    const message = `image 2 has the label ${label}, but there are 3 classes`;
    expect(() => classLists(labels, 3)).toThrow(message);
    expect(() => classCounts({ labels, classes: ['a', 'b', 'c'] } as never)).toThrow(message);
  }
});
