/** Whole decoded images in order, for test protocols that cut their inputs out of them (paper, §4). */
import type { Resizing } from '../../config/resizing.js';
import { reasonOf } from '../images/decode.js';
import type { Pixels } from '../images/preprocessing.js';
import type { ImageIndex } from '../index/image-index.js';
import { checkSizes, ImageReader } from './image-reader.js';
import { ordered } from './ordered.js';

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
  resizing?: Resizing;
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
  for (const side of options.sides) checkSizes(dataset, side, options.resizing);
  const reader = new ImageReader(dataset, options.maxPixels);
  try {
    yield* ordered(0, dataset.count, ahead, (i) => decode(reader, options, i));
  } finally {
    await reader.close();
  }
}

async function decode(
  reader: ImageReader,
  { sides, resizing }: DecodedImagesOptions,
  index: number,
): Promise<DecodedImage> {
  let changed = false;
  try {
    const loaded = await reader.load(index);
    changed = loaded.changed;
    const sizes = await Promise.all(sides.map((resize) => loaded.decode({ resize, resizing })));
    return { index, reason: null, changed, sizes };
  } catch (error) {
    return { index, reason: reasonOf(error), changed, sizes: [] };
  }
}
