/** What to do about files that cannot be decoded, or are not as they were when the index was made. */
import type { ErrorPolicy } from '../../config/error-policy.js';
import { describeLimit, type FileLimit, mostFiles } from '../../config/file-limit.js';
import { DataError } from '../../errors.js';
import { type ImageIndex, imagePath } from '../index/image-index.js';
import type { Failure } from './worker-protocol.js';

export interface OnError {
  policy: ErrorPolicy;
  /** With 'skip': how many different files may be left out, or which share of the images; one more is an error. */
  limit: FileLimit;
}

/** A file that was left out, and why. */
export interface Skipped {
  path: string;
  reason: string;
}

/** Files that were read and differ in size or time from what the index says. */
export interface ChangedFiles {
  count: number;
  /** The first one; null if there is none. */
  first: string | null;
}

/** How to find them, or have more skipped. */
export const ALLOW_MORE =
  'relaybp data check names them all; more may be skipped by data.onError.limit, a number or a share such as "5 %"';

/** Applied when a batch is handed out, so that it does not depend on how far workers are ahead. */
export class FailurePolicy {
  readonly skipped: Skipped[] = [];
  readonly #seen = new Set<number>();
  readonly changed: ChangedFiles = { count: 0, first: null };
  /** A bit per image: all may have changed, and there may be millions. */
  #noted: Uint8Array | null = null;

  constructor(
    readonly dataset: ImageIndex,
    readonly onError: OnError,
  ) {}

  /** @throws DataError naming the file, under 'fail' or beyond the limit */
  apply(failures: readonly Failure[]): void {
    for (const { image, reason } of failures) {
      if (this.#seen.has(image)) continue;
      this.#seen.add(image);
      const path = imagePath(this.dataset, image);
      if (this.onError.policy === 'fail') {
        throw new DataError(
          `${path}: cannot be decoded: ${reason}`,
          'replace or remove the file, or let undecodable files be skipped (data.onError.policy: skip)',
        );
      }
      this.skipped.push({ path, reason });
      const { limit } = this.onError;
      const { count } = this.dataset;
      if (this.skipped.length > mostFiles(limit, count)) {
        throw new DataError(
          `${this.skipped.length} files cannot be decoded, ${describeLimit(limit, count)} may be skipped; ` +
            `the last one: ${path}: ${reason}`,
          ALLOW_MORE,
        );
      }
    }
  }

  /** Counts each image once. */
  noteChanged(images: readonly number[]): void {
    for (const image of images) {
      this.#noted ??= new Uint8Array(Math.ceil(this.dataset.count / 8));
      const [byte, bit] = [image >> 3, 1 << (image & 7)];
      if ((this.#noted[byte]! & bit) !== 0) continue;
      this.#noted[byte]! |= bit;
      this.changed.count++;
      this.changed.first ??= imagePath(this.dataset, image);
    }
  }

  /** @throws DataError if a class has run out of decodable images (label −1 in training) */
  checkClasses(labels: Int32Array, indices: Int32Array): void {
    const i = labels.indexOf(-1);
    if (i < 0) return;
    const name = this.dataset.classes[this.dataset.labels[indices[i]!]!];
    throw new DataError(
      `class ${JSON.stringify(name)}: none of its images can be decoded`,
      'replace its files or remove the class folder',
    );
  }
}
