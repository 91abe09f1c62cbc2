import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeImage } from '../../../src/data/images/decode.js';
import { decodeFastJpeg } from '../../../src/data/images/fast-jpeg.js';
import type { Pixels } from '../../../src/data/images/preprocessing.js';
import { JpegDecoder, whyNoTurboJpeg } from '../../../src/data/images/turbojpeg.js';
import { decodedBySharp, withOrientation, withSegment } from './jpegs.js';

/** A line of the fixture; see scripts/reference-jpeg.py. */
interface Reference {
  kind: string;
  options: object;
  size: [number, number];
  jpeg: string;
  sha256: Record<string, string>;
}
const fixture = new URL('../../fixtures/jpeg/decoded.jsonl', import.meta.url);
const cases = readFileSync(fixture, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Reference);
const named = cases.map(
  (found) =>
    [`${found.kind} ${found.size.join('x')} ${JSON.stringify(found.options)}`, found] as const,
);
const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');
const fast = (bytes: Uint8Array, resize: number): Promise<Pixels | null> =>
  decodeFastJpeg(bytes, resize, 1e8);
const meanDifference = (a: Pixels, b: Pixels): number =>
  a.data.reduce((sum, value, i) => sum + Math.abs(value - b.data[i]!), 0) / a.data.length;

it('has the library that this platform is tested with', () => expect(whyNoTurboJpeg()).toBeNull());

describe('pixels equal those of Pillow to the bit', () => {
  it.each(named)('%s', async (_, { jpeg, size: [width, height], sha256: expected }) => {
    const bytes = Buffer.from(jpeg, 'base64');
    const found = await fast(bytes, Math.min(width, height));
    expect([found?.width, found?.height]).toEqual([width, height]);
    expect(sha256(found!.data)).toBe(expected[1]);
  });

  it.each(named)(
    'at reduced scales: %s',
    async (_, { jpeg, size: [width, height], sha256: expected }) => {
      const bytes = Buffer.from(jpeg, 'base64');
      const decoder = JpegDecoder.open()!;
      try {
        for (const [scale, hash] of Object.entries(expected)) {
          const shrink = Number(scale);
          decoder.header(bytes);
          const out = new Uint8Array(3 * Math.ceil(width / shrink) * Math.ceil(height / shrink));
          expect(await decoder.decode(bytes, shrink, null, out)).toBe(true);
          expect(sha256(out), `at 1/${scale}`).toBe(hash);
        }
      } finally {
        decoder.close();
      }
    },
  );
});

it('a decoder that has refused a file is not used again', () => {
  const decoder = JpegDecoder.open()!;
  try {
    const whole = Buffer.from(cases[0]!.jpeg, 'base64');
    expect(decoder.header(whole)).toMatchObject({ width: 64, height: 48, lossless: false });
    const broken = Buffer.from(whole);
    broken[broken.indexOf(Buffer.from([0xff, 0xc0])) + 3] = 3; // a frame too short for its components
    expect(decoder.header(broken)).toBeNull();
    expect(decoder.failed).toBe(true);
    // libjpeg-turbo might give the size of the file before.
    expect(() => decoder.header(whole)).toThrow('has failed');
  } finally {
    decoder.close();
  }
});

describe('orientations', () => {
  /** Where the pixel of the upright image at x, y is stored, by the definition in EXIF (2.32, 4.6.4, tag 274). */
  const stored: Record<number, (x: number, y: number, w: number, h: number) => [number, number]> = {
    1: (x, y) => [x, y],
    2: (x, y, w) => [w - 1 - x, y],
    3: (x, y, w, h) => [w - 1 - x, h - 1 - y],
    4: (x, y, _, h) => [x, h - 1 - y],
    5: (x, y) => [y, x],
    6: (x, y, _, h) => [y, h - 1 - x],
    7: (x, y, w, h) => [w - 1 - y, h - 1 - x],
    8: (x, y, w) => [w - 1 - y, x],
  };

  it.each([43, 20, 60])(
    'give the same picture, turned, to the bit, with a shorter side of %i',
    async (resize) => {
      const plain = Buffer.from(cases.find(({ size }) => size[0] === 67)!.jpeg, 'base64');
      const upright = (await fast(plain, resize))!;
      const { width: w, height: h } = upright;
      for (const [key, place] of Object.entries(stored)) {
        const orientation = Number(key);
        const found = (await fast(withOrientation(plain, orientation), resize))!;
        expect([found.width, found.height]).toEqual(orientation < 5 ? [w, h] : [h, w]);
        let wrong = 0;
        for (let y = 0; y < found.height; y++) {
          for (let x = 0; x < found.width; x++) {
            const [fromX, fromY] = place(x, y, w, h);
            for (let c = 0; c < 3; c++) {
              const value = upright.data[3 * (fromY * w + fromX) + c];
              if (found.data[3 * (y * found.width + x) + c] !== value) wrong++;
            }
          }
        }
        expect(wrong, `orientation ${key}`).toBe(0);
        const judge = await decodedBySharp(withOrientation(plain, orientation), resize);
        expect([judge.width, judge.height]).toEqual([found.width, found.height]);
        expect(meanDifference(judge, found)).toBeLessThan(0.5);
      }
    },
  );
});

describe('sizes and pixels are those of sharp', () => {
  it.each([
    [200, 100, 50],
    [101, 67, 32],
    [67, 100, 32],
    [8, 5, 64],
    [333, 250, 256],
    [97, 31, 256],
    [1030, 519, 128],
    [517, 1029, 64],
    [3, 200, 7],
  ])('%i×%i to a shorter side of %i', async (width, height, resize) => {
    const pixels = Uint8Array.from({ length: 3 * width * height }, (_, i) => {
      const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
      return 128 + 100 * Math.sin(x / 9 + (i % 3)) * Math.cos(y / 7);
    });
    const jpeg = await sharp(pixels, { raw: { width, height, channels: 3 } })
      .jpeg()
      .toBuffer();
    const found = (await fast(jpeg, resize))!;
    const judge = await decodedBySharp(jpeg, resize);
    expect([found.width, found.height]).toEqual([judge.width, judge.height]);
    // Where libjpeg-turbo has shrunk it, less is left to resize than in the whole image.
    expect(meanDifference(found, judge)).toBeLessThan(
      Math.min(width, height) >= 2 * resize ? 4 : 0.5,
    );
  });
});

describe('what is unusual is left to sharp', () => {
  const plain = Buffer.from(cases.find(({ size }) => size[0] === 67)!.jpeg, 'base64');
  const at = (bytes: Buffer, marker: number): number => bytes.indexOf(Buffer.from([0xff, marker]));
  const changed = (change: (bytes: Buffer) => Buffer): Buffer => change(Buffer.from(plain));
  const set = (bytes: Buffer, place: number, value: number): Buffer => {
    bytes[place] = value;
    return bytes;
  };

  it.each([
    ['no JPEG', Buffer.from('not an image')],
    ['nothing', Buffer.alloc(0)],
    ['a beginning', plain.subarray(0, 40)],
    ['a cut end', plain.subarray(0, plain.length - 30)],
    ['a missing end mark', plain.subarray(0, plain.length - 2)],
    [
      'stray bytes between segments',
      changed((b) => Buffer.concat([b.subarray(0, 2), Buffer.from([0]), b.subarray(2)])),
    ],
    ['12 bits', changed((b) => set(b, at(b, 0xc0) + 4, 12))],
    ['arithmetic coding', changed((b) => set(b, at(b, 0xc0) + 1, 0xc9))],
    ['lossless coding', changed((b) => set(b, at(b, 0xc0) + 1, 0xc3))],
    ['other sampling', changed((b) => set(b, at(b, 0xc0) + 11, 0x41))],
    ['other names of components', changed((b) => set(b, at(b, 0xc0) + 10, 0x52))],
    ['another height', changed((b) => set(b, at(b, 0xc0) + 6, 60))],
    ['a wrong orientation', withOrientation(plain, 9)],
    ['two orientations', withOrientation(withOrientation(plain, 3), 3)],
  ])('%s', async (_, bytes) => expect(await fast(bytes, 20)).toBeNull());

  it('also what is too large', async () => {
    expect(await decodeFastJpeg(plain, 20, 67 * 43 - 1)).toBeNull();
    expect(await decodeFastJpeg(plain, 20, 67 * 43)).not.toBeNull();
    expect(await fast(plain, 2000)).toBeNull();
  });
});

const data = process.env.RELAYBP_TEST_DATA;
const skipped = data ? '' : ' (skipped: RELAYBP_TEST_DATA is not set)';
describe.skipIf(!data)(`real images${skipped}`, () => {
  const odd = join(data ?? '', 'odd-jpegs');
  beforeAll(() => expect(existsSync(odd)).toBe(true));

  it('odd JPEGs are decoded or refused as by sharp', async () => {
    const files = readdirSync(odd).filter((name) => /\.jpe?g$/i.test(name));
    let [decoded, refused] = [0, 0];
    for (const name of files) {
      for (const resize of [72, 256]) {
        const judge = await decodedBySharp(readFileSync(join(odd, name)), resize).catch(() => null);
        const found = await decodeImage(join(odd, name), resize).catch(() => null);
        expect([found?.width, found?.height], name).toEqual([judge?.width, judge?.height]);
        if (found) decoded++;
        else refused++;
      }
    }
    expect([decoded, refused]).toEqual([58, 14]);
  });

  it('scenes of all sizes differ from those of sharp by less than half a level', async () => {
    const root = join(data ?? '', 'scenes-varied', 'val');
    const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.jpg'),
    );
    let [sum, worst, count] = [0, 0, 0];
    for (const name of files.sort().filter((_, i) => i % 4 === 0)) {
      const bytes = readFileSync(join(root, name));
      const found = await fast(bytes, 256);
      if (!found) continue;
      const judge = await decodedBySharp(bytes, 256);
      const difference = meanDifference(found, judge);
      [sum, worst, count] = [sum + difference, Math.max(worst, difference), count + 1];
    }
    expect(count).toBeGreaterThan(40);
    expect(sum / count).toBeLessThan(0.25);
    expect(worst).toBeLessThan(0.5);
  });
});

describe('colour profiles', () => {
  const plain = Buffer.from(cases.find(({ size }) => size[0] === 67)!.jpeg, 'base64');
  const withProfile = async (name: string): Promise<Buffer> => {
    const pixel = sharp({ create: { width: 1, height: 1, channels: 3, background: '#123456' } });
    const tagged = await pixel.withIccProfile(name).jpeg().toBuffer();
    const { icc } = await sharp(tagged).metadata();
    const content = Buffer.concat([Buffer.from('ICC_PROFILE\0\u0001\u0001', 'latin1'), icc!]);
    return withSegment(plain, 0xe2, content);
  };

  it('of sRGB change nothing, and need no sharp', async () => {
    const tagged = await withProfile('srgb');
    expect((await sharp(tagged).metadata()).icc).toBeDefined();
    expect((await fast(tagged, 43))!.data).toEqual((await fast(plain, 43))!.data);
    const judge = await decodedBySharp(tagged, 43);
    expect(meanDifference((await fast(tagged, 43))!, judge)).toBe(0);
  });

  it('of other colours, and broken ones, are for sharp', async () => {
    expect(await fast(await withProfile('p3'), 43)).toBeNull();
    const broken = withSegment(plain, 0xe2, Buffer.from('ICC_PROFILE\0\u0001\u0001xyz', 'latin1'));
    const found = await fast(broken, 43);
    const judge = await decodedBySharp(broken, 43);
    if (found) expect(meanDifference(found, judge)).toBe(0);
  });
});
