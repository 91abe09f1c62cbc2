import type { Batch } from '../../src/data/loader/loader.js';

/** Gives out images in micro-batches of `size`, one after another and again from the first. */
export function microBatches(
  size: number,
  { images, labels }: { images: Float32Array; labels: Int32Array },
): () => Promise<Batch> {
  const perImage = images.length / labels.length;
  let at = 0;
  return async () => {
    const from = at % labels.length;
    at += size;
    return {
      images: images.subarray(from * perImage, (from + size) * perImage),
      labels: labels.subarray(from, from + size),
      indices: new Int32Array(size),
      size,
      release: () => {},
    };
  };
}
