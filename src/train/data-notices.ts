import { changedNotice } from '../data/index/file-changes.js';
import type { Loader } from '../data/loader/loader.js';

/** Tells of the training images that were left out or have changed, each once. */
export class DataNotices {
  #skipped = 0;
  /** Changed files as far as that was said. */
  #changed = 0;

  constructor(
    private readonly loader: Pick<Loader, 'skipped' | 'changed'>,
    private readonly notice: (line: string) => void,
  ) {}

  afterStep(): void {
    for (const { path, reason } of this.loader.skipped.slice(this.#skipped)) {
      this.notice(`skipped, another image of its class takes its place: ${path}: ${reason}`);
    }
    this.#skipped = this.loader.skipped.length;
    if (this.#changed === 0) this.#reportChanged(); // at once for the first file, then once an evaluation
  }

  beforeEvaluation(): void {
    this.#reportChanged();
  }

  #reportChanged(): void {
    const { count, first } = this.loader.changed;
    if (count === this.#changed) return;
    this.#changed = count;
    this.notice(changedNotice(count, first!));
  }
}
