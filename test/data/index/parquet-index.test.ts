/**
 * Parquet files of images. The files of test/fixtures/parquet are of pyarrow and Hugging Face's datasets
 * (scripts/reference-parquet.py, which says what they hold).
 */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { fingerprint } from '../../../src/data/index/fingerprint.js';
import { relativePath } from '../../../src/data/index/image-index.js';
import { IndexCache } from '../../../src/data/index/index-cache.js';
import { indexShards } from '../../../src/data/index/member-index.js';
import { hasMembers, IN_PAGE } from '../../../src/data/index/members.js';
import { shardFiles } from '../../../src/data/index/shard-files.js';
import { MemberReader } from '../../../src/data/loader/member-reader.js';
import { DataError } from '../../../src/errors.js';
import { ROOT } from '../../support/consumer.js';

const FOLDER = join(ROOT, 'test/fixtures/parquet');
const PAGES = join(FOLDER, 'pages');
const folder = mkdtempSync(join(tmpdir(), 'relaybp-parquet-'));
afterAll(() => rmSync(folder, { recursive: true }));

const indexed = async (root: string, part: string, columns = {}) =>
  (await indexShards(shardFiles(root, part), { root, columns })).index;

/** What is read of each image, or why nothing is, in an order that jumps between pages. */
async function contents(root: string, part: string, columns = {}): Promise<string[]> {
  const index = await indexed(root, part, columns);
  if (!hasMembers(index)) throw new Error('no members');
  const reader = new MemberReader(index);
  const read = new Array<string>(index.count);
  try {
    for (let k = 0; k < index.count; k++) {
      const i = (7 * k) % index.count;
      read[i] = await reader.bytes(i).then(
        (bytes) => bytes.toString(),
        (error: Error) => error.message,
      );
    }
  } finally {
    await reader.close();
  }
  return read;
}

const PICTURES = Array.from({ length: 40 }, (_, i) =>
  i === 0 || i === 3 || i === 7 ? 'it has no contents' : `picture ${i}`.repeat(i),
);

describe('pages', () => {
  it.each(readdirSync(PAGES).filter((name) => name !== 'flat.parquet'))('of %s', async (name) => {
    const index = await indexed(PAGES, name);
    expect(index.classes).toEqual(['0', '1', '2']);
    expect([...index.labels]).toEqual(Array.from({ length: 40 }, (_, i) => i % 3));
    expect(relativePath(index, 12)).toBe(`${name}/12`);
    const inPieces = [...index.members!.lengths].filter((length) => length !== IN_PAGE).length;
    expect(inPieces).toBe(/^plain-none/.test(name) ? 40 : 0);
    const found = await contents(PAGES, name);
    expect(found).toEqual(PICTURES);
  });

  it('of a column of bytes without a structure, and labels of text', async () => {
    const columns = { image: 'img', label: 'kind' };
    const index = await indexed(PAGES, 'flat.parquet', columns);
    expect(index.classes).toEqual(['cat', 'dog', 'owl']);
    expect(await contents(PAGES, 'flat.parquet', columns)).toEqual(
      Array.from({ length: 6 }, (_, i) => `picture ${i}`),
    );
    await expect(indexed(PAGES, 'flat.parquet')).rejects.toThrow(
      'flat.parquet: it has the columns img, kind, and which are the images is not plain',
    );
    await expect(indexed(PAGES, 'flat.parquet', { image: 'imgs', label: 'kind' })).rejects.toThrow(
      'it has no column "imgs" (data.columns.image), but img, kind; did you mean "img"?',
    );
  });
});

describe("Hugging Face's files", () => {
  const HUB = join(FOLDER, 'hub');

  it('have their classes, and images in one piece', async () => {
    const index = await indexed(HUB, 'train-*.parquet');
    expect(index.classes).toEqual(['red', 'green', 'blue', 'yellow']);
    expect([...index.labels]).toEqual([0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3]);
    expect(relativePath(index, 9)).toBe('train-00001-of-00002.parquet/1');
    for (const read of await contents(HUB, 'train-*.parquet')) expect(read).toMatch(/^.{6}JFIF/s);
  });

  it('are kept as an index, and looked at again once they change', async () => {
    const root = join(folder, 'hub');
    cpSync(HUB, root, { recursive: true });
    const notices: string[] = [];
    const open = async () => {
      const cache = new IndexCache({
        folder: join(folder, 'cache'),
        onNotice: (line) => notices.push(line),
      });
      const part = 'train-*.parquet';
      return (await cache.openShards(shardFiles(root, part), part, { root })).index;
    };
    await new Promise((resolve) => setTimeout(resolve, 2100)); // what is younger is not kept
    const first = await open();
    const kept = readdirSync(join(folder, 'cache')).filter((name) => name.startsWith('index-'));
    expect(kept).toHaveLength(1);
    const second = await open();
    expect(second).toEqual(first);
    expect(fingerprint(second)).toBe(fingerprint(first));
    expect(notices).toEqual([]);
    const reader = new MemberReader(
      second as typeof second & { members: NonNullable<typeof second.members> },
    );
    const file = join(root, 'train-00000-of-00002.parquet');
    cpSync(join(root, 'validation-00000-of-00001.parquet'), file);
    await expect(reader.bytes(0)).rejects.toThrow('train-00000-of-00002.parquet has changed since');
    await reader.close();
    await open();
    expect(notices).toEqual([expect.stringContaining('train-00000-of-00002.parquet has changed')]);
  });

  it('that are damaged or cut off are refused, or lose single images, whatever byte it is', async () => {
    const name = 'validation-00000-of-00001.parquet';
    const whole = readFileSync(join(HUB, name));
    const write = (bytes: Uint8Array): void => writeFileSync(join(folder, 'x.parquet'), bytes);
    write(whole.subarray(0, -1));
    await expect(indexed(folder, 'x.parquet')).rejects.toThrow(
      'x.parquet: it is cut off, or no Parquet file',
    );
    for (let at = 0; at < whole.length; at += 41) {
      const damaged = Buffer.from(whole);
      damaged[at] = 255 - damaged[at]!;
      write(damaged);
      try {
        await indexed(folder, 'x.parquet');
      } catch (error) {
        expect(error, `byte ${at}`).toBeInstanceOf(DataError);
      }
    }
  });
});
