/** Which images must not be parted: copies of each other, and renderings of one picture. */
import { MAX_PIXELS } from '../data/images/decode.js';
import type { Pixels } from '../data/images/preprocessing.js';
import type { ImageIndex } from '../data/index/image-index.js';
import { ImageReader } from '../data/loader/image-reader.js';
import { DisjointSets } from './disjoint-sets.js';
import { orderByHash } from './duplicates.js';
import { inspectAll } from './inspector.js';
import { bitOf, UNREAD } from './kinds.js';
import { lookAlikes } from './look-alikes.js';

/**
 * Reads all images of an index.
 *
 * @param onProgress told how many are done
 * @returns `[count]`: the group of each image, as `lookAlikes` gives it
 */
export async function renderings(
  index: ImageIndex,
  onProgress: (done: number) => void,
): Promise<Uint32Array> {
  const found = await inspectAll(index, { maxPixels: MAX_PIXELS, minSide: 0 }, onProgress);
  const groups = new DisjointSets(index.count);
  const { high, low, findings } = found;
  const order = orderByHash(found).filter(
    (i) => (findings[i]! & (bitOf('zeroByte') | UNREAD)) === 0,
  );
  for (let at = 1; at < order.length; at++) {
    const [a, b] = [order[at - 1]!, order[at]!];
    if (high[a] === high[b] && low[a] === low[b]) groups.join(a, b);
  }
  const reader = new ImageReader(index);
  const read = async (image: number, side: number): Promise<Pixels> =>
    (await reader.load(image)).decode({ resize: side });
  try {
    return await lookAlikes(found.looks, read, groups);
  } finally {
    await reader.close();
  }
}
