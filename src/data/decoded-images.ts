/** Whole decoded images in order, for test protocols that cut their inputs out of them (paper, §4). */
import { decodeImage, reasonOf } from './decode.js';
import { hasChanged } from './file-changes.js';
import { type ImageIndex, imageFile } from './image-index.js';
import type { Kernel, Pixels } from './preprocessing.js';

export interface DecodedImage {
  /** Image index. */
  index: number;
  /** Why the file is undecodable, else null. */
  reason: string | null;
  /** Whether the file is not as the index says. */
  changed: boolean;
  /** The image at each of the sizes asked for; none if it is undecodable. Owned by the caller. */
  sizes: Pixels[];
}

export interface DecodedImagesOptions {
  dataset: ImageIndex;
  /** Lengths of the shorter side. */
  sides: readonly number[];
  kernel?: Kernel;
  maxPixels?: number;
  /** Images decoded ahead; default 16. */
  ahead?: number;
}

/**
 * Goes through all images in order, each resized to every shorter side and uncropped. Decoding runs on libuv's
 * threads and is started `ahead` images early, so it overlaps with work of the consumer.
 */
export async function* decodedImages(options: DecodedImagesOptions): AsyncGenerator<DecodedImage> {
  const { dataset, ahead = 16 } = options;
  const queue: Promise<DecodedImage>[] = [];
  for (let i = 0, next = 0; i < dataset.count; i++) {
    while (next < dataset.count && next <= i + ahead) queue.push(decode(options, next++));
    yield await queue.shift()!;
  }
}

async function decode(options: DecodedImagesOptions, index: number): Promise<DecodedImage> {
  const { dataset, sides, kernel, maxPixels } = options;
  const changed = await hasChanged(dataset, index);
  try {
    const path = imageFile(dataset, index);
    const decode = (side: number) => decodeImage(path, side, kernel, maxPixels);
    const sizes = await Promise.all(sides.map(decode));
    return { index, reason: null, changed, sizes };
  } catch (error) {
    return { index, reason: reasonOf(error), changed, sizes: [] };
  }
}
