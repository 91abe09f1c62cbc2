import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeImage } from '../../../src/data/images/decode.js';
import type { Pixels } from '../../../src/data/images/preprocessing.js';
import { painted, type Rgb, solid, temporaryFolder } from '../images.js';

const folder = temporaryFolder();
const at = (name: string) => join(folder.path, name);
afterAll(folder.remove);

const pixel = ({ data, width }: Pixels, x: number, y: number) => [
  ...data.subarray(3 * (y * width + x), 3 * (y * width + x) + 3),
];
const meanDifference = (a: Pixels, b: Pixels) =>
  a.data.reduce((sum, value, i) => sum + Math.abs(value - b.data[i]!), 0) / a.data.length;
const means = ({ data }: Pixels) =>
  [0, 1, 2].map((c) => {
    let sum = 0;
    for (let i = c; i < data.length; i += 3) sum += data[i]!;
    return (sum * 3) / data.length;
  });

/** All of a file decoded, then resized to the size of another image. */
async function wholeResized(
  file: string,
  { width, height }: Pixels,
  kernel: 'lanczos3' | 'linear',
): Promise<Pixels> {
  const whole = sharp(await sharp(file).png().toBuffer());
  const data = await whole.resize({ width, height, fit: 'fill', kernel }).raw().toBuffer();
  return { data, width, height };
}

/** A place in each quarter of a 30 × 20 image. */
const QUARTERS = [
  [7, 5],
  [22, 5],
  [7, 15],
  [22, 15],
] as const;

describe('decodeImage', () => {
  it.each([
    [200, 100, 50, 100, 50],
    [100, 200, 50, 50, 100],
    [101, 67, 32, 48, 32], // 48.24
    [67, 100, 32, 32, 48], // 47.76
    [8, 5, 64, 102, 64], // enlarged; 102.4
    [64, 64, 64, 64, 64],
  ])('%i×%i with shorter side %i becomes %i×%i', async (w, h, resize, toW, toH) => {
    await solid(at('size.jpg'), [10, 200, 90], w, h);
    const pixels = await decodeImage(at('size.jpg'), resize);
    expect([pixels.width, pixels.height, pixels.data.length]).toEqual([toW, toH, 3 * toW * toH]);
    for (const [c, value] of [10, 200, 90].entries()) {
      expect(Math.abs(pixel(pixels, 3, 4)[c]! - value)).toBeLessThanOrEqual(2);
    }
  });

  it('repeats grayscale over three channels', async () => {
    const gray = sharp(Buffer.alloc(100, 77), { raw: { width: 10, height: 10, channels: 1 } });
    await gray.clone().toColourspace('b-w').jpeg({ quality: 100 }).toFile(at('gray.jpg'));
    await gray.clone().toColourspace('b-w').png().toFile(at('gray.png'));
    for (const name of ['gray.jpg', 'gray.png']) {
      expect((await sharp(at(name)).metadata()).channels).toBe(1);
      expect(pixel(await decodeImage(at(name), 10), 5, 5)).toEqual([77, 77, 77]);
    }
  });

  it('makes 8 bits of 16', async () => {
    const wide = Uint16Array.from({ length: 300 }, (_, i) => [0xffff, 0x8080, 0x0101][i % 3]!);
    const image = sharp(wide, { raw: { width: 10, height: 10, channels: 3 } });
    await image.toColourspace('rgb16').png().toFile(at('wide.png'));
    expect((await sharp(at('wide.png')).metadata()).depth).toBe('ushort');
    expect(pixel(await decodeImage(at('wide.png'), 10), 5, 5)).toEqual([255, 128, 1]);
  });

  it('flattens transparency on white', async () => {
    const half = { r: 200, g: 0, b: 100, alpha: 0.5 };
    const image = sharp({ create: { width: 10, height: 10, channels: 4, background: half } });
    await image.clone().png().toFile(at('alpha.png'));
    await image.clone().webp({ lossless: true }).toFile(at('alpha.webp'));
    for (const name of ['alpha.png', 'alpha.webp']) {
      expect((await sharp(at(name)).metadata()).hasAlpha).toBe(true);
      const found = pixel(await decodeImage(at(name), 10), 5, 5);
      // 255 + α (value − 255), α = 128/255
      for (const [c, value] of [227, 127, 177].entries()) {
        expect(Math.abs(found[c]! - value), name).toBeLessThanOrEqual(1);
      }
    }
  });

  it('converts CMYK to RGB', async () => {
    const color: Rgb = [160, 110, 90];
    await solid(at('rgb.png'), color);
    await sharp(at('rgb.png')).toColourspace('cmyk').jpeg({ quality: 100 }).toFile(at('cmyk.jpg'));
    expect((await sharp(at('cmyk.jpg')).metadata()).space).toBe('cmyk');
    const found = pixel(await decodeImage(at('cmyk.jpg'), 10), 5, 5);
    // Through a press profile and back: the colour survives, not each level.
    for (const [c, value] of color.entries()) expect(Math.abs(found[c]! - value)).toBeLessThan(12);
  });

  it('applies all eight EXIF orientations', async () => {
    // Upright: 60 × 40, four differently coloured quarters.
    const color = (x: number, y: number): Rgb =>
      y < 20 ? (x < 30 ? [250, 20, 20] : [20, 250, 20]) : x < 30 ? [20, 20, 250] : [240, 240, 20];
    const stored: Record<number, (x: number, y: number) => Rgb> = {
      1: (x, y) => color(x, y),
      2: (x, y) => color(59 - x, y),
      3: (x, y) => color(59 - x, 39 - y),
      4: (x, y) => color(x, 39 - y),
      5: (x, y) => color(y, x),
      6: (x, y) => color(59 - y, x),
      7: (x, y) => color(59 - y, 39 - x),
      8: (x, y) => color(y, 39 - x),
    };
    for (const [key, paint] of Object.entries(stored)) {
      const orientation = Number(key);
      const [w, h] = orientation < 5 ? [60, 40] : [40, 60];
      await painted(at('plain.png'), w, h, paint);
      const oriented = sharp(at('plain.png')).withMetadata({ orientation });
      await oriented.jpeg({ quality: 100 }).toFile(at('exif.jpg'));
      const pixels = await decodeImage(at('exif.jpg'), 20);
      expect([pixels.width, pixels.height], `orientation ${key}`).toEqual([30, 20]);
      for (const [x, y] of QUARTERS) {
        const expected = color(2 * x, 2 * y);
        const difference = pixel(pixels, x, y).map((v, c) => Math.abs(v - expected[c]!));
        expect(Math.max(...difference), `orientation ${key} at ${x},${y}`).toBeLessThan(8);
      }
    }
  });

  it.each(['photo.jpg', 'it\'s [1] a, "photo" \n[shrink=8].jpg'])(
    'decodes %j at a reduced scale',
    async (name) => {
      const wave = (x: number, y: number) => 128 + 100 * Math.sin((x * x) / 3300 + y / 9);
      await painted(at(name), 512, 384, (x, y) => [wave(x, y), wave(y, x), (x + y) / 4]);
      const found = await decodeImage(at(name), 96); // by 4, then not resized
      const whole = await wholeResized(at(name), found, 'lanczos3');
      expect([found.width, found.height]).toEqual([128, 96]);
      expect(meanDifference(found, whole)).toBeGreaterThan(0);
      expect(meanDifference(found, whole)).toBeLessThan(4);
    },
  );

  it('leaves it to sharp where it cannot shrink exactly, and where much is left to shrink', async () => {
    for (const [width, height, resize] of [
      [515, 387, 96],
      [4099, 3075, 96],
      [4096, 3072, 8],
    ] as const) {
      await solid(at('plain.jpg'), [10, 200, 90], width, height);
      const pixels = await decodeImage(at('plain.jpg'), resize);
      expect(pixels.height).toBe(resize);
      for (const [c, value] of means(pixels).entries()) {
        expect(Math.abs(value - [10, 200, 90][c]!)).toBeLessThan(2);
      }
    }
  });

  it('reports truncated files that are decoded at a reduced scale', async () => {
    await painted(at('large.jpg'), 512, 512, (x, y) => [x / 2, y / 2, (x * y) % 256]);
    const bytes = readFileSync(at('large.jpg'));
    writeFileSync(at('half-large.jpg'), bytes.subarray(0, bytes.length / 2));
    await expect(decodeImage(at('half-large.jpg'), 64)).rejects.toThrow(/premature|truncated/i);
  });

  it('reports truncated, corrupt, empty and missing files', async () => {
    await painted(at('ok.jpg'), 64, 64, (x, y) => [x * 4, y * 4, (x * y) % 256]);
    const bytes = readFileSync(at('ok.jpg'));
    writeFileSync(at('half.jpg'), bytes.subarray(0, bytes.length / 2));
    writeFileSync(at('head.jpg'), bytes.subarray(0, 20));
    writeFileSync(at('empty.jpg'), '');
    writeFileSync(at('text.jpg'), 'not an image');
    for (const name of ['half.jpg', 'head.jpg', 'empty.jpg', 'text.jpg', 'gone.jpg']) {
      await expect(decodeImage(at(name), 32), name).rejects.toThrow();
    }
  });

  it('gives the reason also while others are decoded', async () => {
    await painted(at('whole.jpg'), 24, 20, (x, y) => [x * 10, y * 10, (x * y) % 256]);
    const bytes = readFileSync(at('whole.jpg'));
    writeFileSync(at('part.jpg'), bytes.subarray(0, bytes.length / 2));
    for (let round = 0; round < 50; round++) {
      const others = Array.from({ length: 3 }, () => decodeImage(at('whole.jpg'), 18));
      await expect(decodeImage(at('part.jpg'), 18)).rejects.toThrow('premature end of JPEG image');
      await Promise.all(others);
    }
  });

  it('refuses images of more than 100 megapixels', async () => {
    await solid(at('claims.jpg'), [9, 9, 9]);
    const bytes = readFileSync(at('claims.jpg'));
    const frame = bytes.indexOf(Buffer.from([0xff, 0xc0])); // SOF0: length, precision, height, width
    bytes.writeUInt16BE(10_001, frame + 5);
    bytes.writeUInt16BE(10_000, frame + 7);
    writeFileSync(at('claims.jpg'), bytes);
    await expect(decodeImage(at('claims.jpg'), 32)).rejects.toThrow(
      '10000x10001 is 100.01 megapixels, more than the limit of 100 (data.maxPixels)',
    );
  });
});

const real = process.env.RELAYBP_TEST_DATA;
const odd = (name: string) => join(real ?? '', 'odd-jpegs', name);
const reason = 'RELAYBP_TEST_DATA, a folder with odd-jpegs/, is not set';
describe.skipIf(!real)(`real odd JPEGs${real ? '' : ` (skipped: ${reason})`}`, () => {
  beforeAll(() => expect(existsSync(odd('ODD.tsv')), odd('ODD.tsv')).toBe(true));

  it.each([
    'corrupt_header.jpg',
    'cut_20bytes.jpg',
    'cut_half_scene.jpg',
    'empty.jpg',
    'giant_280mp.jpg',
    'truncated_progressive.jpg',
    'truncated_real.jpg',
  ])('%s is undecodable', async (name) => {
    await expect(decodeImage(odd(name), 72)).rejects.toThrow();
  });

  // Channel means of the whole image by Pillow (convert('RGB'), no colour management).
  it.each([
    ['gray_viaduct.JPEG', [126, 126, 126], 0.5],
    ['large_2725x2225.jpg', [101.5, 76.3, 61.5], 0.5],
    ['lossless_sof3.jpg', [145.9, 90, 81], 0.5],
    ['cmyk_pil.jpg', [30.2, 5.4, 7.4], 5], // by profile here, naively in Pillow
  ])('%s has the right colours', async (name, expected, tolerance) => {
    const found = means(await decodeImage(odd(name), 72));
    for (const [c, value] of expected.entries()) {
      expect(Math.abs(found[c]! - value)).toBeLessThan(tolerance);
    }
  });

  it('shows all eight orientations upright', async () => {
    const names = [1, 2, 3, 4, 5, 6, 7, 8].map((i) => odd(`exif_orient_${i}.jpg`));
    const images = await Promise.all(names.map((name) => decodeImage(name, 72)));
    // The files are separately compressed versions; a wrong orientation differs by 40 or more.
    for (const a of images) {
      expect([a.width, a.height]).toEqual([96, 72]);
      for (const b of images) expect(meanDifference(a, b)).toBeLessThan(3);
    }
  });

  it('shows both YCCK files alike, whichever profile they use', async () => {
    const a = await decodeImage(odd('cmyk_ycck_adobe2_icc.jpg'), 72);
    const b = await decodeImage(odd('cmyk_ycck_noicc.jpg'), 72);
    expect(meanDifference(a, b)).toBeLessThan(12);
  });
});

const photographs = process.env.SCENES_VARIED;
it.skipIf(!photographs)(
  `at a quarter of their size real photographs are nearer to Lanczos than a bilinear resize is${photographs ? '' : ' (skipped: SCENES_VARIED is not set)'}`,
  async () => {
    const root = join(photographs ?? '', 'val');
    const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) =>
      file.endsWith('.jpg'),
    );
    const [reduced, bilinear] = [[] as number[], [] as number[]];
    for (const file of files.sort()) {
      const path = join(root, file);
      const { width, height, space, orientation = 1 } = await sharp(path).metadata();
      const exact = width % 4 === 0 && height % 4 === 0 && orientation === 1 && space === 'srgb';
      if (!exact || reduced.length === 24) continue;
      const found = await decodeImage(path, Math.min(width, height) / 4);
      const lanczos = await wholeResized(path, found, 'lanczos3');
      reduced.push(meanDifference(found, lanczos));
      bilinear.push(meanDifference(await wholeResized(path, found, 'linear'), lanczos));
    }
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / 24;
    expect(reduced.length).toBe(24);
    expect(mean(reduced)).toBeGreaterThan(0.5);
    expect(mean(reduced)).toBeLessThan(mean(bilinear));
  },
);
