/** Against torchvision's and timm's own transforms: scripts/reference-resizing.py. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Interpolation } from '../../../src/config/resizing.js';
import { decodePart } from '../../../src/data/images/decode.js';
import type { ImagePart } from '../../../src/data/images/image-part.js';
import { resizeAsPillow } from '../../../src/data/images/pillow-resampler.js';
import { centreView, type Pixels } from '../../../src/data/images/preprocessing.js';
import { resizedSize } from '../../../src/data/images/resized-size.js';
import { indexFolder } from '../../../src/data/index/folder-index.js';
import type { ImageIndex } from '../../../src/data/index/image-index.js';
import { decodedImages } from '../../../src/data/loader/decoded-images.js';
import { checkSizes } from '../../../src/data/loader/image-reader.js';
import { protocolOf } from '../../../src/eval/test-protocol.js';
import { temporaryFolder } from '../images.js';
import { collect, loaderOptions } from '../loading.js';
import { withOrientation } from './jpegs.js';

interface Expected {
  size: [number, number];
  resized: string;
  cropped: string;
  timm?: string;
}

interface Case {
  image: [number, number];
  resize: number;
  crop: number;
  found: Record<Interpolation, Expected>;
}

const reference: { cases: Case[]; tensors: Record<'bilinear' | 'bicubic', number[]> } = JSON.parse(
  readFileSync(new URL('../../fixtures/resizing/transforms.json', import.meta.url), 'utf8'),
);

/** As scripts/reference-resizing.py draws it. */
function drawn(width: number, height: number): Pixels {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const pixel = Math.floor(i / 3);
    const smooth = (pixel % width) * 5 + Math.floor(pixel / width) * 3;
    return i % 7 < 3 ? Math.imul(i, 2654435761) >>> 24 : smooth & 255;
  });
  return { data, width, height };
}

const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

function cut({ data, width }: Pixels, { top, left }: { top: number; left: number }, side: number) {
  return Buffer.concat(
    Array.from({ length: side }, (_, y) => {
      const from = 3 * ((top + y) * width + left);
      return data.subarray(from, from + 3 * side);
    }),
  );
}

describe.each(reference.cases)('$image to $resize, cut to $crop', (one) => {
  const [width, height] = one.image;
  const pixels = drawn(width, height);

  it.each(Object.entries(one.found) as [Interpolation, Expected][])(
    "%s is torchvision's and timm's to the bit",
    (interpolation, expected) => {
      const size = resizedSize(pixels, one.resize, 'torchvision');
      expect([size.width, size.height]).toEqual(expected.size);
      const data = resizeAsPillow(pixels, size, { top: 0, left: 0, ...size }, interpolation);
      expect(sha256(data)).toBe(expected.resized);
      const whole = { data, ...size };
      const view = centreView(whole, [one.crop, one.crop], 'torchvision');
      const cropped = cut(whole, view, one.crop);
      expect(sha256(cropped)).toBe(expected.cropped);
      if (expected.timm) expect(sha256(cropped)).toBe(expected.timm);
      const part = { top: view.top, left: view.left, height: one.crop, width: one.crop };
      expect(sha256(resizeAsPillow(pixels, size, part, interpolation))).toBe(expected.cropped);
    },
  );
});

it.each(['bilinear', 'bicubic'] as const)(
  "%s is within one level of torchvision's of tensors",
  (interpolation) => {
    const { image, resize } = reference.cases[0]!;
    const pixels = drawn(...image);
    const size = resizedSize(pixels, resize, 'torchvision');
    const data = resizeAsPillow(pixels, size, { top: 0, left: 0, ...size }, interpolation);
    const differences = reference.tensors[interpolation].map((v, i) => Math.abs(v - data[i]!));
    expect(differences).toHaveLength(data.length);
    expect(Math.max(...differences)).toBeLessThanOrEqual(1);
  },
);

describe('of files', () => {
  const pixels = drawn(61, 43);
  const resizing = { interpolation: 'bicubic', protocol: 'torchvision' } as const;
  const raw = { raw: { width: 61, height: 43, channels: 3 } } as const;
  let png: Buffer;
  let jpeg: Buffer;
  beforeAll(async () => {
    png = await sharp(pixels.data, raw).png().toBuffer();
    jpeg = await sharp(pixels.data, raw).jpeg({ quality: 95 }).toBuffer();
  });
  const decode = (contents: Buffer, more = {}): Promise<ImagePart> =>
    decodePart({ contents, name: null }, { resize: 32, resizing, ...more });

  it('a PNG is resized from its pixels', async () => {
    const { data, width, height } = await decode(png);
    expect([width, height]).toEqual(reference.cases[0]!.found.bicubic.size);
    expect(sha256(data)).toBe(reference.cases[0]!.found.bicubic.resized);
  });

  it('a JPEG is not shrunk while it is decoded, and a part of it is the part of the whole', async () => {
    const whole = await decode(jpeg, { resize: 8 });
    const { data } = await sharp(jpeg).raw().toBuffer({ resolveWithObject: true });
    const all = { top: 0, left: 0, width: whole.width, height: whole.height };
    const wanted = resizeAsPillow({ data, width: 61, height: 43 }, whole, all, 'bicubic');
    expect(Buffer.from(whole.data).equals(wanted)).toBe(true);
    const part = { top: 2, left: 3, height: 5, width: 4 };
    const found = await decode(jpeg, { resize: 8, choose: () => part, borrow: true });
    expect(found).toMatchObject({ ...part, whole: { width: whole.width, height: whole.height } });
    const first = 3 * (2 * whole.width + 3);
    expect([...found.data.subarray(0, 12)]).toEqual([...whole.data.subarray(first, first + 12)]);
    found.release?.();
  });

  it('a turned JPEG is turned first', async () => {
    const turned = await decode(withOrientation(jpeg, 6));
    expect([turned.width, turned.height]).toEqual([32, 45]);
    const { data } = await sharp(jpeg).rotate(90).raw().toBuffer({ resolveWithObject: true });
    const size = { width: 32, height: 45 };
    const all = { top: 0, left: 0, ...size };
    const wanted = resizeAsPillow({ data, width: 43, height: 61 }, size, all, 'bicubic');
    expect(Buffer.from(turned.data).equals(wanted)).toBe(true);
  });
});

describe('of a data set', () => {
  const folder = temporaryFolder();
  afterAll(folder.remove);
  const resizing = { interpolation: 'bicubic', protocol: 'torchvision' } as const;
  const [{ image, resize, crop, found }] = reference.cases as [Case];
  const dataset = async () => {
    const { data, width, height } = drawn(...image);
    mkdirSync(join(folder.path, 'a'), { recursive: true });
    await sharp(data, { raw: { width, height, channels: 3 } }).toFile(
      join(folder.path, 'a/drawn.png'),
    );
    return indexFolder(folder.path).index;
  };

  it('the centre crop of validation while training is that of eval', async () => {
    const mean = { kind: 'channel', values: [0, 0, 0] } as const;
    const preprocessing = { resize, resizing, crop, mean };
    const index = await dataset();
    const [batch] = await collect(loaderOptions(index, { batchSize: 1, preprocessing }), 1);
    expect(sha256(Uint8Array.from(batch!.images))).toBe(found.bicubic.cropped);
    const { sides, inputs, ...protocol } = protocolOf({}, preprocessing);
    for await (const { sizes } of decodedImages({ dataset: index, sides, ...protocol })) {
      const [input] = inputs(sizes);
      expect(sha256(Uint8Array.from(input!.data))).toBe(found.bicubic.cropped);
    }
  });

  it('images that were resized before are refused', async () => {
    const packed = { folder: 'prepared/train', side: 64 } as ImageIndex['packed'];
    const index = { ...(await dataset()), packed } as ImageIndex;
    expect(() => checkSizes(index, 64, resizing)).toThrow(
      'prepared/train: its images have been resized already, with lanczos3; data.interpolation bicubic and data.protocol torchvision begin with the original images',
    );
    expect(() => checkSizes(index, 64)).not.toThrow();
  });
});

it('sizes and centre crops round as torchvision does only under its protocol', () => {
  const size = { width: 640, height: 427 };
  expect(resizedSize(size, 256).width).toBe(384);
  expect(resizedSize(size, 256, 'torchvision').width).toBe(383);
  const begins = (protocol: 'relaybp' | 'torchvision') =>
    [225, 227, 229, 231, 226].map(
      (side) => centreView({ height: side, width: side }, [224, 224], protocol).top,
    );
  expect(begins('torchvision')).toEqual([0, 2, 2, 4, 1]);
  expect(begins('relaybp')).toEqual([0, 1, 2, 3, 1]);
});

const real = process.env.RELAYBP_TEST_DATA;
describe.skipIf(!real)('photographs of all sizes (RELAYBP_TEST_DATA)', () => {
  const photographs: { cases: (Omit<Case, 'image'> & { image: string })[] } = JSON.parse(
    readFileSync(new URL('../../fixtures/resizing/scenes-varied.json', import.meta.url), 'utf8'),
  );

  it.each(photographs.cases)(
    "$image is torchvision's and timm's to the bit",
    async ({ image, resize, crop, found }) => {
      const contents = readFileSync(join(real!, 'scenes-varied', image));
      for (const interpolation of ['bilinear', 'bicubic', 'lanczos3'] as const) {
        const expected = found[interpolation];
        const resizing = { interpolation, protocol: 'torchvision' } as const;
        const whole = await decodePart({ contents, name: null }, { resize, resizing });
        expect([whole.width, whole.height]).toEqual(expected.size);
        expect(sha256(whole.data)).toBe(expected.resized);
        const cropped = cut(whole, centreView(whole, [crop, crop], 'torchvision'), crop);
        expect(sha256(cropped)).toBe(expected.cropped);
        if (expected.timm) expect(sha256(cropped)).toBe(expected.timm);
      }
    },
  );
});
