import { reasonOf } from '../data/images/decode.js';
import { centreView, type Preprocessing, writeInput } from '../data/images/preprocessing.js';
import { type ImageIndex, imagePath } from '../data/index/image-index.js';
import { ImageReader } from '../data/loader/image-reader.js';
import { Random } from '../random.js';
import type { PixelBatch } from './runtimes.js';

type Size = PixelBatch['size'];

/** Centre crops of the first images of an index that can be decoded, evenly spread over it. */
export async function imagePixels(
  index: ImageIndex,
  {
    resize,
    resizing,
    maxPixels,
    size,
  }: Pick<Preprocessing, 'resize' | 'resizing' | 'maxPixels'> & {
    size: Size;
  },
  count: number,
  onNotice: (line: string) => void,
): Promise<PixelBatch> {
  const values: Float32Array[] = [];
  const reader = new ImageReader(index, maxPixels);
  for (let i = 0; i < Math.min(count, index.count); i++) {
    const image = Math.floor((i * index.count) / Math.min(count, index.count));
    try {
      const pixels = await (await reader.load(image)).decode({ resize, resizing });
      const raw = new Float32Array(size[0] * size[1] * 3);
      const plain = { mean: { kind: 'channel', values: [0, 0, 0] }, std: null } as const;
      const view = centreView(pixels, size, resizing?.protocol);
      writeInput(raw, 0, pixels, view, size, plain);
      values.push(raw);
    } catch (error) {
      onNotice(`not used for the comparison: ${imagePath(index, image)}: ${reasonOf(error)}`);
    }
  }
  await reader.close();
  return batchOf(values, size);
}

/** Where there are no images: coloured gradients with noise, always the same. */
export function drawnPixels(size: Size, count: number): PixelBatch {
  const [height, width] = size;
  const values = Array.from({ length: count }, (_, n) => {
    const random = new Random(1, 'export', n);
    const [a, b, c] = [random.next(), random.next(), random.next()];
    return Float32Array.from({ length: height * width * 3 }, (_, i) => {
      const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / (3 * width))];
      const wave = Math.sin((a * x + b * y) / 7 + (i % 3) * c * 6);
      return Math.round(Math.min(255, Math.max(0, 127 + 90 * wave + 30 * random.normal())));
    });
  });
  return batchOf(values, size);
}

/** So many images, the given ones over and over. */
export function repeated({ count, size, values }: PixelBatch, wanted: number): PixelBatch {
  const length = values.length / count;
  const image = (i: number): Float32Array => values.subarray(i * length, (i + 1) * length);
  return batchOf(
    Array.from({ length: wanted }, (_, i) => image(i % count)),
    size,
  );
}

function batchOf(images: readonly Float32Array[], size: Size): PixelBatch {
  const length = size[0] * size[1] * 3;
  const values = new Float32Array(images.length * length);
  for (const [i, image] of images.entries()) values.set(image, i * length);
  return { count: images.length, size, values };
}
