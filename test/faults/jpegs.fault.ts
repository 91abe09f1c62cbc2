/** Damaged JPEGs: what the fast decoder accepts sharp decodes as well, and neither reads or writes where it must not. */
import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import koffi from 'koffi';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeImage } from '../../src/data/images/decode.js';
import { decodeFastJpeg } from '../../src/data/images/fast-jpeg.js';
import type { Pixels } from '../../src/data/images/preprocessing.js';
import { JpegDecoder } from '../../src/data/images/turbojpeg.js';
import { Random } from '../../src/random.js';
import { decodedBySharp, withOrientation } from '../data/images/jpegs.js';
import { mutatedBytes } from './mutate.js';
import { times } from './support.js';

const CASES = times(600, 12_000);
const PAGE = 4096;

const originals: Buffer[] = [];
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'relaybp-jpegs-'));
  const fixture = new URL('../fixtures/jpeg/decoded.jsonl', import.meta.url);
  for (const line of readFileSync(fixture, 'utf8').trim().split('\n')) {
    const { jpeg } = JSON.parse(line) as { jpeg: string };
    originals.push(withOrientation(Buffer.from(jpeg, 'base64'), 1 + (originals.length % 8)));
  }
  const odd = join(process.env.RELAYBP_TEST_DATA ?? '', 'odd-jpegs');
  if (!process.env.RELAYBP_TEST_DATA || !existsSync(odd)) return;
  for (const name of readdirSync(odd)) {
    const bytes = readFileSync(join(odd, name));
    if (/\.jpe?g$/i.test(name) && bytes.length < 150_000) originals.push(bytes);
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Memory of so many bytes that ends where the process may neither read nor write. */
function guarded(length: number): { bytes: Uint8Array; free: () => void } {
  const libc = koffi.load('libc.so.6');
  const map = libc.func('void *mmap(void *, size_t, int, int, int, int64_t)');
  const protect = libc.func('int mprotect(void *, size_t, int)');
  const unmap = libc.func('int munmap(void *, size_t)');
  const pages = Math.ceil(length / PAGE) * PAGE;
  const [READ_WRITE, PRIVATE_ANONYMOUS] = [3, 0x22];
  const memory: unknown = map(null, pages + PAGE, READ_WRITE, PRIVATE_ANONYMOUS, -1, 0);
  const start = koffi.address(memory);
  expect(protect(start + BigInt(pages), PAGE, 0)).toBe(0);
  const view = new Uint8Array(koffi.view(memory, pages));
  return { bytes: view.subarray(pages - length), free: () => unmap(memory, pages + PAGE) };
}

const meanDifference = (a: Pixels, b: Pixels): number =>
  a.data.reduce((sum, value, i) => sum + Math.abs(value - b.data[i]!), 0) / a.data.length;

/** Changes anywhere, or in the first bytes, where the header is. */
function mutated(bytes: Buffer, random: Random): Buffer {
  if (random.int(2) === 0) return mutatedBytes(bytes, random);
  const head = Math.min(bytes.length, 700);
  return Buffer.concat([mutatedBytes(bytes.subarray(0, head), random), bytes.subarray(head)]);
}

describe('mutated JPEGs', () => {
  it('that the fast decoder accepts are decoded by sharp, to the same picture', async () => {
    let [accepted, refused] = [0, 0];
    for (let i = 0; i < CASES; i++) {
      const random = new Random(i, 'jpegs');
      const bytes = mutated(originals[i % originals.length]!, random);
      const resize = [16, 30, 43, 72][random.int(4)]!;
      const found = await decodeFastJpeg(bytes, resize, 1e8);
      if (!found) {
        refused++;
        continue;
      }
      accepted++;
      const judge = await decodedBySharp(bytes, resize).catch((error: unknown) => String(error));
      if (typeof judge === 'string') {
        writeFileSync(join(tmpdir(), `relaybp-jpeg-${i}.jpg`), bytes);
        expect.fail(`case ${i}: sharp refuses it: ${judge}`);
      }
      const { width, height } = await sharp(bytes).metadata();
      const shrunk = Math.min(width, height) >= 2 * resize;
      const wider = Math.abs(found.width - judge.width);
      const higher = Math.abs(found.height - judge.height);
      // What libjpeg-turbo shrinks loses rows and columns that fill no block, and may so round otherwise.
      expect(wider + higher, `case ${i}`).toBeLessThanOrEqual(shrunk ? 1 : 0);
      if (wider + higher > 0) continue;
      expect(meanDifference(found, judge), `case ${i}`).toBeLessThan(shrunk ? 50 : 3);
    }
    expect(Math.min(accepted, refused)).toBeGreaterThan(CASES / 50);
  });

  it('are read and written within their memory', async () => {
    let decoded = 0;
    for (let i = 0; i < CASES; i++) {
      const random = new Random(i, 'jpegs');
      const changed = mutated(originals[i % originals.length]!, random);
      const input = guarded(Math.max(1, changed.length));
      input.bytes.set(changed);
      const decoder = JpegDecoder.open()!;
      try {
        const resize = [16, 30, 43, 72][random.int(4)]!;
        await decodeFastJpeg(input.bytes, resize, 1e8);
        const header = decoder.header(input.bytes);
        const usual = header && !header.lossless && header.precision === 8;
        if (!usual || header.width * header.height > 1e6) continue;
        const shrink = 1 << random.int(4);
        const [width, height] = [
          Math.ceil(header.width / shrink),
          Math.ceil(header.height / shrink),
        ];
        const output = guarded(3 * width * height);
        try {
          if (await decoder.decode(input.bytes, shrink, null, output.bytes)) decoded++;
        } finally {
          output.free();
        }
      } finally {
        decoder.close();
        input.free();
      }
    }
    expect(decoded).toBeGreaterThan(CASES / 50);
  });
});

it('a large JPEG that is cut off or replaced while it is read is decoded, or refused in words', async () => {
  const path = join(folder, 'large.jpg');
  const noise = Buffer.from({ length: 3 * 3000 * 2000 }).map((_, i) => (i * 2654435761) >>> 24);
  const image = sharp(noise, { raw: { width: 3000, height: 2000, channels: 3 } });
  const whole = await image.jpeg({ quality: 95 }).toBuffer();
  expect(whole.length).toBeGreaterThan(2 ** 22);
  let [decoded, refused] = [0, 0];
  for (let i = 0; i < times(20, 200); i++) {
    writeFileSync(path, whole);
    const decoding = Promise.all(
      [0, 1, 2].map(() =>
        decodeImage(path, 256).then(
          () => decoded++,
          (error: Error) => {
            expect(error.message.length).toBeGreaterThan(5);
            refused++;
          },
        ),
      ),
    );
    await new Promise((resolve) => setTimeout(resolve, (i % 20) / 4));
    if (i % 2 === 0) truncateSync(path, (i * 9973) % whole.length);
    else writeFileSync(path, 'another file');
    await decoding;
  }
  expect(Math.min(decoded, refused)).toBeGreaterThan(0);
});
