import { reasonOf } from '../data/images/decode.js';
import { centreView, writeInput } from '../data/images/preprocessing.js';
import { type ImageIndex, imagePath } from '../data/index/image-index.js';
import { ImageReader } from '../data/loader/image-reader.js';
import { Random } from '../random.js';
import type { ExportModel } from './exported-model.js';
import type { PixelBatch } from './runtimes.js';

/** Centre crops of the first images of an index that can be decoded, evenly spread over it. */
export async function imagePixels(
  index: ImageIndex,
  { resize, resizing, crop, maxPixels }: ExportModel['preprocessing'],
  count: number,
  onNotice: (line: string) => void,
): Promise<PixelBatch> {
  const values: Float32Array[] = [];
  const reader = new ImageReader(index, maxPixels);
  for (let i = 0; i < Math.min(count, index.count); i++) {
    const image = Math.floor((i * index.count) / Math.min(count, index.count));
    try {
      const pixels = await (await reader.load(image)).decode({ resize, resizing });
      const raw = new Float32Array(crop * crop * 3);
      const plain = { mean: { kind: 'channel', values: [0, 0, 0] }, std: null } as const;
      const view = centreView(pixels, [crop, crop], resizing?.protocol);
      writeInput(raw, 0, pixels, view, [crop, crop], plain);
      values.push(raw);
    } catch (error) {
      onNotice(`not used for the comparison: ${imagePath(index, image)}: ${reasonOf(error)}`);
    }
  }
  await reader.close();
  return batchOf(values, crop);
}

/** Where there are no images: coloured gradients with noise, always the same. */
export function drawnPixels(crop: number, count: number): PixelBatch {
  const values = Array.from({ length: count }, (_, n) => {
    const random = new Random(1, 'export', n);
    const [a, b, c] = [random.next(), random.next(), random.next()];
    return Float32Array.from({ length: crop * crop * 3 }, (_, i) => {
      const [x, y] = [Math.floor(i / 3) % crop, Math.floor(i / (3 * crop))];
      const wave = Math.sin((a * x + b * y) / 7 + (i % 3) * c * 6);
      return Math.round(Math.min(255, Math.max(0, 127 + 90 * wave + 30 * random.normal())));
    });
  });
  return batchOf(values, crop);
}

function batchOf(images: readonly Float32Array[], crop: number): PixelBatch {
  const size = crop * crop * 3;
  const values = new Float32Array(images.length * size);
  for (const [i, image] of images.entries()) values.set(image, i * size);
  return { count: images.length, size: crop, values };
}
