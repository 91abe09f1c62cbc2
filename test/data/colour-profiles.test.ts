import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { inspect } from '../../src/check/inspect.js';
import { bitOf } from '../../src/check/kinds.js';
import { decodeImage, decodePart } from '../../src/data/images/decode.js';
import { grayToSrgb } from '../../src/data/images/gray-profile.js';
import type { Pixels } from '../../src/data/images/preprocessing.js';
import { temporaryFolder } from './images.js';
import {
  chunk,
  exifChunk,
  gamma,
  grayProfile,
  iccChunk,
  identity,
  parametric,
  png,
  rgbProfile,
  srgbLight,
  table,
} from './png.js';

const folder = temporaryFolder();
const at = (name: string) => join(folder.path, name);
afterAll(folder.remove);

/** As many pixels side by side, one row repeated. */
function strip(pixels: readonly (readonly number[])[], depth: 8 | 16, icc: Buffer | null): Buffer {
  const [width, height] = [pixels.length, 4];
  const values = Array.from({ length: height }, () => pixels.flat()).flat();
  const samples = depth === 8 ? Uint8Array.from(values) : Uint16Array.from(values, (v) => 257 * v);
  return png({ samples, width, height, before: icc ? [iccChunk(icc)] : [] });
}

const decodeBytes = (contents: Buffer, resize: number): Promise<Pixels> =>
  decodePart({ contents, name: null }, { resize });

/** The first row as decoded at its size. */
async function row(file: Buffer): Promise<number[][]> {
  const { data, width } = await decodeBytes(file, 4);
  return Array.from({ length: width }, (_, x) => [...data.subarray(3 * x, 3 * x + 3)]);
}

const COLOURS = [
  [255, 0, 0],
  [0, 200, 0],
  [200, 30, 30],
  [64, 64, 64],
  [10, 20, 240],
  [255, 255, 255],
];

/**
 * What the colours are in sRGB, computed by hand from the primaries: to XYZ of D50, to linear sRGB, cut to 0 … 1, coded.
 * Python with numpy: `code(clip(inv(S) @ (P @ light(c / 255))))`.
 */
const EXPECTED: Record<string, number[][]> = {
  sRGB: COLOURS,
  'Adobe RGB': [
    [255, 0, 0],
    [0, 201, 0],
    [233, 24, 24],
    [62, 62, 62],
    [0, 12, 245],
    [255, 255, 255],
  ],
  'Display P3': [
    [255, 0, 0],
    [0, 204, 0],
    [218, 0, 6],
    [64, 64, 64],
    [7, 21, 250],
    [255, 255, 255],
  ],
  linear: [
    [255, 0, 0],
    [0, 229, 0],
    [229, 96, 96],
    [137, 137, 137],
    [56, 79, 248],
    [255, 255, 255],
  ],
};
const PROFILES: Record<string, Buffer> = {
  sRGB: rgbProfile('srgb', table(srgbLight)),
  'Adobe RGB': rgbProfile('adobe', gamma(563 / 256)),
  'Display P3': rgbProfile('p3', table(srgbLight)),
  linear: rgbProfile('srgb', gamma(1)),
};

describe('RGB with a profile', () => {
  it.each(Object.keys(PROFILES))('%s is the same colours at 16 bits as at 8', async (name) => {
    const icc = PROFILES[name]!;
    for (const depth of [8, 16] as const) {
      const found = await row(strip(COLOURS, depth, icc));
      for (const [i, colour] of found.entries()) {
        for (const [c, value] of colour.entries()) {
          expect(Math.abs(value - EXPECTED[name]![i]![c]!), `${depth}: ${found}`).toBeLessThan(2);
        }
      }
    }
    expect(await row(strip(COLOURS, 16, icc))).toEqual(await row(strip(COLOURS, 8, icc)));
  });

  it.each(Object.keys(PROFILES))('%s with transparency, likewise', async (name) => {
    const pixels = COLOURS.map((colour, i) => [...colour, [255, 128, 0][i % 3]!]);
    const wide = await row(strip(pixels, 16, PROFILES[name]!));
    expect(wide).toEqual(await row(strip(pixels, 8, PROFILES[name]!)));
    expect(wide[2]).toEqual([255, 255, 255]);
  });

  it.each(Object.keys(PROFILES))('%s in a TIFF', async (name) => {
    const written = sharp(strip(COLOURS, 16, PROFILES[name]!), { ignoreIcc: true });
    const tiff = await written
      .toColourspace('rgb16')
      .keepIccProfile()
      .tiff({ compression: 'deflate' })
      .toBuffer();
    expect(await sharp(tiff).metadata()).toMatchObject({ depth: 'ushort', hasProfile: true });
    expect(await row(tiff)).toEqual(await row(strip(COLOURS, 8, PROFILES[name]!)));
  });

  it('16 bits without a profile are taken as sRGB', async () => {
    expect(await row(strip(COLOURS, 16, null))).toEqual(COLOURS);
  });

  it('a profile of another kind of colours is ignored', async () => {
    expect(await row(strip(COLOURS, 16, grayProfile(gamma(1))))).toEqual(COLOURS);
    const gray = COLOURS.map(([red]) => [red!]);
    const plain = gray.map(([value]) => [value, value, value]);
    expect(await row(strip(gray, 16, PROFILES.linear!))).toEqual(plain);
  });
});

describe('grayscale with a profile', () => {
  const GRAYS = [0, 40, 64, 100, 128, 137, 200, 240, 250, 255].map((value) => [value]);
  const natural: Record<string, Buffer> = {
    linear: grayProfile(gamma(1)),
    'without samples': grayProfile(identity()),
    'gamma 2.2': grayProfile(gamma(2.2)),
    'the table of sRGB': grayProfile(table(srgbLight)),
    'a short table': grayProfile(table((x) => x ** 1.8, 17)),
    'a gamma by parameters': grayProfile(parametric(0, 1.8)),
    'a piece and 0': grayProfile(parametric(1, 2, 1.1, -0.1)),
    'sRGB by parameters': grayProfile(
      parametric(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045),
    ),
    lightness: grayProfile(gamma(1), 'Lab '),
  };
  /** Below 40, littlecms itself is off by up to 7: it interpolates between a few places of the curve. */
  const same = (wide: number[][], narrow: number[][]): void => {
    for (const [i, gray] of wide.entries()) {
      expect(Math.abs(gray[0]! - narrow[i]![0]!), `${wide} for ${narrow}`).toBeLessThanOrEqual(1);
      expect(gray).toEqual([gray[0], gray[0], gray[0]]);
    }
  };

  it.each(Object.keys(natural))('%s: 16 bits are what littlecms makes of 8', async (name) => {
    const icc = natural[name]!;
    same(await row(strip(GRAYS, 16, icc)), await row(strip(GRAYS, 8, icc)));
  });

  // Light by the formula of ICC.1, coded as sRGB, by hand:
  it.each([
    // 0.002: 12.92 · 0.002 = 0.0258; 0.25098: 1.055 · 0.25098^(1/2.4) − 0.055 = 0.5374
    ['linear', gamma(1), [0, 7, 137, 255]],
    // (0.9 · 0.25098 + 0.1)^2 + 0 = 0.10620: 0.3595; 0: 0.01: 0.0998; 0.002: 0.01036: 0.1019
    ['(ax + b)^g + c', parametric(2, 2, 0.9, 0.1, 0), [25, 26, 92, 255]],
    // x ≥ 0.04: (0.9 · 0.25098 + 0.05)^2 + 0.01 = 0.08612: 0.3248; 1: 0.9125: 0.9607; 0: 0.02: 0.1517; 0.002: 0.021: 0.1560
    ['with a line below', parametric(4, 2, 0.9, 0.05, 0.5, 0.04, 0.01, 0.02), [39, 40, 83, 245]],
  ])('%s, by hand', (_, curve, expected) => {
    const values = grayToSrgb(grayProfile(curve))!;
    expect([0, 131, 64 * 257, 65535].map((value) => values[value])).toEqual(expected);
  });

  it('with transparency, and resized', async () => {
    const icc = grayProfile(gamma(1));
    const pixels = GRAYS.map(([value], i) => [value!, [255, 128, 0][i % 3]!]);
    same(await row(strip(pixels, 16, icc)), await row(strip(pixels, 8, icc)));
    const [small, other] = await Promise.all(
      ([8, 16] as const).map((depth) => decodeBytes(strip(GRAYS, depth, icc), 2)),
    );
    expect([other!.width, other!.height]).toEqual([5, 2]);
    const most = other!.data.reduce((max, v, i) => Math.max(max, Math.abs(v - small!.data[i]!)), 0);
    expect(most).toBeLessThanOrEqual(1);
  });

  it('keeps 16-bit precision where 8 bits of light have none', () => {
    const values = grayToSrgb(grayProfile(gamma(1)))!;
    expect(new Set(values.subarray(0, 512)).size).toBeGreaterThan(20); // 8 bits: 2
  });

  it('a damaged profile is ignored', () => {
    const icc = grayProfile(table(srgbLight));
    expect(grayToSrgb(icc.subarray(0, 150))).toBeNull();
    expect(grayToSrgb(icc.subarray(0, 400))).toBeNull();
    expect(grayToSrgb(rgbProfile('srgb', gamma(1)))).toBeNull();
    expect(grayToSrgb(Buffer.alloc(0))).toBeNull();
  });
});

describe('EXIF data behind the image of a PNG', () => {
  const [width, height] = [12, 8];
  const samples = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 37) % 256);

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('orientation %i, as in front of it', async (orientation) => {
    const exif = [exifChunk(orientation)];
    const late = png({ samples, width, height, behind: exif });
    const early = png({ samples, width, height, before: exif });
    const upright = await decodeBytes(early, 8);
    expect(await decodeBytes(late, 8)).toEqual(upright);
    expect([upright.width, upright.height]).toEqual(orientation > 4 ? [8, 12] : [12, 8]);
    writeFileSync(at('late.png'), late);
    expect(await decodeImage(at('late.png'), 8)).toEqual(upright);
  });

  it('of a file too large to be read whole otherwise', async () => {
    const filler = chunk('prVt', Buffer.alloc(2 ** 26));
    writeFileSync(at('large.png'), png({ samples, width, height, behind: [filler, exifChunk(6)] }));
    expect(await decodeImage(at('large.png'), 8)).toMatchObject({ width: 8, height: 12 });
  });

  it('is seen by data check', async () => {
    writeFileSync(at('turned.png'), png({ samples, width, height, behind: [exifChunk(6)] }));
    const { findings, reasons } = await inspect(at('turned.png'), { maxPixels: 1e6, minSide: 1 });
    expect(findings).toBe(bitOf('rotated'));
    expect(reasons).toEqual([['rotated', 'EXIF orientation 6']]);
  });

  it('the one in front counts where there are two', async () => {
    const both = { samples, width, height, before: [exifChunk(1)], behind: [exifChunk(6)] };
    expect((await decodeBytes(png(both), 8)).width).toBe(12);
  });

  it('is looked for in whole chunks only', async () => {
    const cut = png({ samples, width, height, behind: [exifChunk(6)] }).subarray(0, -20);
    await expect(decodeBytes(cut, 8)).resolves.toMatchObject({ width: 12 });
  });
});
