/** Loader options and collected batches for the tests of this folder. */
import type { ImageIndex } from '../../src/data/index/image-index.js';
import { type Batch, Loader, type LoaderOptions } from '../../src/data/loader/loader.js';

/** Options for images of 10 × 10 and crops of 8 × 8, with changes. */
export function loaderOptions(
  dataset: ImageIndex,
  more: Partial<LoaderOptions> = {},
): LoaderOptions {
  return {
    dataset,
    sampler: { kind: 'class-aware', seed: 1 },
    start: 0,
    batchSize: 4,
    preprocessing: { resize: 10, crop: 8, mean: { kind: 'channel', values: [0, 0, 0] } },
    augment: null,
    seed: 9,
    onError: { policy: 'fail', limit: 0 },
    ...more,
  };
}

/** A batch's contents, free of its buffer. */
export interface Copy {
  images: number[];
  labels: number[];
  indices: number[];
}
export const copy = ({ images, labels, indices }: Batch): Copy => ({
  images: [...images],
  labels: [...labels],
  indices: [...indices],
});

/** Copies of the next `count` batches, or of all. */
export async function collect(
  with_: LoaderOptions,
  count = Number.POSITIVE_INFINITY,
): Promise<Copy[]> {
  const loader = new Loader(with_);
  const copies: Copy[] = [];
  try {
    while (copies.length < count) {
      const batch = await loader.next();
      if (!batch) break;
      copies.push(copy(batch));
      batch.release();
    }
    return copies;
  } finally {
    await loader.close();
  }
}
