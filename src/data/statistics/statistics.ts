/** Mean image and colour statistics of a training set, computed once and kept in a file. */
import { createHash } from 'node:crypto';
import { isAsPillow, USUAL_RESIZING } from '../../config/resizing.js';
import { DataError } from '../../errors.js';
import { messageWithPath } from '../../system-error.js';
import { DECODING, MAX_PIXELS } from '../images/decode.js';
import { cropSize, type Preprocessing } from '../images/preprocessing.js';
import { fingerprint } from '../index/fingerprint.js';
import { type ImageIndex, imagePath, relativePath } from '../index/image-index.js';
import type { Packed } from '../index/packed.js';
import type { Skipped } from '../loader/failure-policy.js';
import { Loader } from '../loader/loader.js';
import type { DataStatistics } from './data-statistics.js';
import { MomentSums } from './moments.js';
import { readStatistics, statisticsFile, writeStatistics } from './statistics-file.js';

/** Statistics, and where they come from. */
export interface FoundStatistics {
  statistics: DataStatistics;
  /** Where they are kept; null if they are not. */
  file: string | null;
  /** Whether they were read from there rather than computed now. */
  read: boolean;
}

export interface StatisticsOptions
  extends Pick<Preprocessing, 'resize' | 'resizing' | 'crop' | 'maxPixels'> {
  /** Folder for the result; made if missing. Null: compute anew and keep nothing. */
  cacheDir: string | null;
  /** Called now and then with the images done and their total; not if a kept result is read. */
  onProgress?: (done: number, total: number) => void;
  /** Takes a line if the result cannot be kept. */
  onNotice?: (line: string) => void;
}

const BATCH = 32;
/** Undecodable files whose names are kept. */
const NAMED = 10;

/**
 * Statistics of the centre crops of the training set (paper, "data and training": the per-pixel
 * mean image, and the principal components of RGB for the colour shift). Undecodable files are
 * left out and counted.
 *
 * Kept in `cacheDir` under a name made of the data's fingerprint and the preprocessing; what is
 * damaged or of another format is computed anew.
 * @throws DataError if no image at all can be decoded
 */
export async function dataStatistics(
  dataset: ImageIndex,
  options: StatisticsOptions,
): Promise<FoundStatistics> {
  const { resize, resizing = USUAL_RESIZING, maxPixels, cacheDir, onProgress } = options;
  const [height, width] = cropSize(options);
  const total = dataset.count;
  const data = fingerprint(dataset);
  const key = {
    ...{ data, resize, height, width, kernel: resizing.interpolation, images: total },
    ...(isAsPillow(resizing) && { protocol: resizing.protocol }),
    maxPixels: maxPixels ?? MAX_PIXELS,
    decoding: dataset.packed?.decoding ?? DECODING,
    ...(dataset.packed ? preparedKey(dataset.packed, resize) : {}),
  };
  const file = cacheDir === null ? null : statisticsFile(cacheDir, key);
  const kept = file === null ? null : readStatistics(file, height * width * 3);
  if (kept) return { statistics: kept, file, read: true };

  const sums = new MomentSums(height * width * 3);
  const loader = new Loader({
    dataset,
    sampler: { kind: 'sequential', seed: 0 },
    start: 0,
    end: total,
    batchSize: BATCH,
    preprocessing: {
      resize,
      resizing,
      crop: [height, width],
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
    const firstUndecodable: Skipped[] = [];
    for (let batch = await loader.next(); batch; batch = await loader.next()) {
      for (let i = 0; i < batch.size; i++) {
        if (batch.labels[i]! >= 0) sums.add(batch.images, i * height * width * 3);
        else if (firstUndecodable.length < NAMED) {
          firstUndecodable.push(undecodable(dataset, batch.indices[i]!, loader.skipped));
        }
      }
      done += batch.size;
      batch.release();
      onProgress?.(done, total);
    }
    if (sums.images === 0) {
      const first = loader.skipped[0];
      throw new DataError(
        `${dataset.root}: none of ${total} images can be decoded` +
          (first ? `; the first: ${first.path}: ${first.reason}` : ''),
        'check the data set',
      );
    }
    const statistics: DataStatistics = {
      ...sums.result(),
      images: sums.images,
      undecodable: total - sums.images,
      firstUndecodable,
      fingerprint: data,
    };
    const isKept = file !== null && keep(file, statistics, options.onNotice);
    return { statistics, file: isKept ? file : null, read: false };
  } finally {
    await loader.close();
  }
}

/**
 * Prepared images have the fingerprint of their originals. Stored as pixels of this size they are the same to the bit,
 * and share statistics; smaller or compressed anew they are not.
 */
function preparedKey({ encoding, side, rows }: Packed, resize: number): Record<string, string> {
  if (encoding === 'raw' && side === resize) return {};
  const checksums = Uint8Array.from(new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength));
  return { prepared: createHash('sha256').update(checksums).digest('hex') };
}

/** @param skipped what was left out until now, this image too */
function undecodable(dataset: ImageIndex, image: number, skipped: readonly Skipped[]): Skipped {
  const path = imagePath(dataset, image);
  const reason = skipped.find((file) => file.path === path)!.reason;
  return { path: relativePath(dataset, image), reason };
}

/** A cache that cannot be written is no reason to stop. @returns whether it could be */
function keep(file: string, result: DataStatistics, onNotice?: (line: string) => void): boolean {
  try {
    writeStatistics(file, result);
    return true;
  } catch (error) {
    onNotice?.(
      `the data statistics cannot be kept and will be computed again next time: ${messageWithPath(error)}`,
    );
    return false;
  }
}
