/** Whatever part of a JPEG is asked for, its pixels are those of the whole image, to the bit. */
import { readFileSync } from 'node:fs';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeFastJpeg } from '../../../src/data/images/fast-jpeg.js';
import type { Region } from '../../../src/data/images/image-part.js';
import { Random } from '../../../src/random.js';
import { withOrientation } from './jpegs.js';

const fixture = new URL('../../fixtures/jpeg/decoded.jsonl', import.meta.url);
const small = readFileSync(fixture, 'utf8')
  .trim()
  .split('\n')
  .map((line) => Buffer.from((JSON.parse(line) as { jpeg: string }).jpeg, 'base64'));

const large: Buffer[] = [];
beforeAll(async () => {
  const [width, height] = [317, 211];
  const random = new Random(1, 'image-parts', 0);
  const pixels = Uint8Array.from({ length: 3 * width * height }, (_, i) => {
    const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    return 128 + 80 * Math.sin(x / 5 + (i % 3)) * Math.cos((x * y) / 900) + 40 * random.next();
  });
  const image = sharp(pixels, { raw: { width, height, channels: 3 } });
  for (const chromaSubsampling of ['4:4:4', '4:2:0']) {
    for (const progressive of [false, true]) {
      large.push(await image.clone().jpeg({ chromaSubsampling, progressive }).toBuffer());
    }
  }
  large.push(await image.clone().toColourspace('b-w').jpeg().toBuffer());
});

const decode = (bytes: Buffer, resize: number, region?: Region) =>
  decodeFastJpeg(bytes, resize, 1e8, { choose: region && (() => region) });

/** @returns values that are not those of the whole image */
async function differences(bytes: Buffer, resize: number, random: Random): Promise<number> {
  const whole = (await decode(bytes, resize))!;
  const height = 1 + random.int(whole.height);
  const width = 1 + random.int(whole.width);
  const top = random.int(whole.height - height + 1);
  const left = random.int(whole.width - width + 1);
  const part = (await decode(bytes, resize, { top, left, height, width }))!;
  expect(part).toMatchObject({ top, left, height, width });
  expect(part.whole).toEqual({ width: whole.width, height: whole.height });
  expect(part.data.length).toBe(3 * width * height);
  let wrong = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < 3 * width; x++) {
      const expected = whole.data[3 * ((top + y) * whole.width + left) + x];
      if (part.data[3 * y * width + x] !== expected) wrong++;
    }
  }
  return wrong;
}

describe('parts of images', () => {
  it.each([
    ['at full size', 211],
    ['a little smaller', 190],
    ['at half', 105],
    ['between half and a quarter', 70],
    ['at a quarter', 52],
    ['at an eighth', 26],
    ['enlarged', 300],
  ])('large ones, %s', async (_, resize) => {
    const random = new Random(2, 'image-parts', resize);
    for (const bytes of large) {
      for (let i = 0; i < 8; i++) {
        const turned = withOrientation(bytes, 1 + random.int(8));
        expect(await differences(turned, resize, random)).toBe(0);
      }
    }
  });

  it('small ones of every kind', async () => {
    const random = new Random(3, 'image-parts', 0);
    for (const bytes of small) {
      for (const resize of [8, 30, 43, 50]) {
        expect(await differences(bytes, resize, random)).toBe(0);
      }
    }
  });

  it('a damaged file is left to sharp whatever part is asked for', async () => {
    const [bytes] = large;
    const cut = bytes!.subarray(0, bytes!.length - 400);
    for (const height of [10, 190]) {
      expect(await decode(cut, 190, { top: 0, left: 0, height, width: 10 })).toBeNull();
    }
  });
});
