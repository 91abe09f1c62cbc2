/** What to do about files that cannot be decoded. */
import { DataError } from '../errors.js';
import { type ImageIndex, imagePath } from './image-index.js';
import type { Failure } from './protocol.js';

export interface OnError {
  /** 'skip': leave the file out and remember it; 'fail': stop at the first one. */
  policy: 'skip' | 'fail';
  /** With 'skip': how many different files may be left out; one more is an error. */
  limit: number;
}

/** A file that was left out, and why. */
export interface Skipped {
  path: string;
  reason: string;
}

/** Applied when a batch is handed out, so that it does not depend on how far workers are ahead. */
export class FailurePolicy {
  readonly skipped: Skipped[] = [];
  readonly #seen = new Set<number>();

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
          'replace or remove the file, or let undecodable files be skipped',
        );
      }
      this.skipped.push({ path, reason });
      if (this.skipped.length > this.onError.limit) {
        throw new DataError(
          `${this.skipped.length} files cannot be decoded, ${this.onError.limit} may be skipped; ` +
            `the last one: ${path}: ${reason}`,
          'check the data set, or allow more files to be skipped',
        );
      }
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
