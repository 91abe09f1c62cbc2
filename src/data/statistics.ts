/** Mean image and colour statistics of a training set, computed once and kept in a file. */
import { DataError } from '../errors.js';
import { DECODING } from './decode.js';
import { fingerprint } from './fingerprint.js';
import type { ImageIndex } from './image-index.js';
import { Loader } from './loader.js';
import { MomentSums, type Moments } from './moments.js';
import { cropSize, type Preprocessing } from './preprocessing.js';
import { readStatistics, statisticsFile, writeStatistics } from './statistics-file.js';

export interface DataStatistics extends Moments {
  /** Images that were counted. */
  images: number;
  /** Images that were left out as undecodable. */
  undecodable: number;
  /** Fingerprint of the data set. */
  fingerprint: string;
}

export interface StatisticsOptions
  extends Pick<Preprocessing, 'resize' | 'crop' | 'kernel' | 'maxPixels'> {
  /** Folder for the result; made if missing. Null: compute anew and keep nothing. */
  cacheDir: string | null;
  /** Use only so many images, drawn evenly at random (always the same ones). Default: all. */
  sampleLimit?: number;
  /** Called now and then with the images done and their total; not if a kept result is read. */
  onProgress?: (done: number, total: number) => void;
  /** Takes a line if the result cannot be kept. */
  onNotice?: (line: string) => void;
}

const SLOT = 32;

/**
 * Statistics of the centre crops of the training set (paper, "data and training": the per-pixel
 * mean image, and the principal components of RGB for the colour shift). Undecodable files are
 * left out and counted.
 *
 * Kept in `cacheDir` under a name made of the data's fingerprint and the preprocessing; a file
 * that is damaged is computed anew.
 * @throws DataError if no image at all can be decoded
 */
export async function dataStatistics(
  dataset: ImageIndex,
  options: StatisticsOptions,
): Promise<DataStatistics> {
  const { resize, kernel, maxPixels, cacheDir, onProgress } = options;
  const [height, width] = cropSize(options);
  const total = Math.min(dataset.count, options.sampleLimit ?? dataset.count);
  const data = fingerprint(dataset);
  const key = {
    ...{ data, resize, height, width, kernel: kernel ?? 'lanczos3', images: total },
    decoding: DECODING,
  };
  const file = cacheDir === null ? null : statisticsFile(cacheDir, key);
  const kept = file === null ? null : readStatistics(file, height * width * 3);
  if (kept) return kept;

  const sums = new MomentSums(height * width * 3);
  const loader = new Loader({
    dataset,
    sampler: { kind: total < dataset.count ? 'shuffle' : 'sequential', seed: 0 },
    start: 0,
    end: total,
    slot: SLOT,
    preprocessing: {
      resize,
      crop: [height, width],
      kernel,
      maxPixels,
      mean: { kind: 'channel', values: [0, 0, 0] },
    },
    augment: null,
    seed: 0,
    onError: { policy: 'skip', limit: Number.POSITIVE_INFINITY },
    cacheBytes: 0,
  });
  try {
    let done = 0;
    for (let batch = await loader.next(); batch; batch = await loader.next()) {
      for (let i = 0; i < batch.size; i++) {
        if (batch.labels[i]! >= 0) sums.add(batch.images, i * height * width * 3);
      }
      done += batch.size;
      batch.release();
      onProgress?.(done, total);
    }
    const undecodable = total - sums.images;
    if (sums.images === 0) {
      const first = loader.skipped[0];
      throw new DataError(
        `${dataset.root}: none of ${total} images can be decoded` +
          (first ? `; the first: ${first.path}: ${first.reason}` : ''),
        'check the data set',
      );
    }
    const result = { ...sums.result(), images: sums.images, undecodable, fingerprint: data };
    if (file !== null) keep(file, result, options.onNotice);
    return result;
  } finally {
    await loader.close();
  }
}

/** A cache that cannot be written is no reason to stop. */
function keep(file: string, result: DataStatistics, onNotice?: (line: string) => void): void {
  try {
    writeStatistics(file, result);
  } catch (error) {
    onNotice?.(
      `the data statistics cannot be kept and will be computed again next time: ${(error as Error).message}`,
    );
  }
}
