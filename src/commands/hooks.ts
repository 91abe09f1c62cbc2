import type { IndexingProgress } from '../data/index/index-cache.js';
import type { Progress } from '../terminal/progress.js';

/** Whom a command tells of what it does, and by whom it is stopped; each may be left out. */
export interface Hooks {
  /** A line that the user should see: a skipped file, which engine `auto` took. */
  readonly notice?: (line: string) => void;
  readonly progress?: (progress: Progress) => void;
  /** Once it is aborted, a training finishes the step under way and saves, and `watch` ends. */
  readonly signal?: AbortSignal;
}

/** The same, with nobody to tell in place of what was left out. */
export const listening = ({ notice, progress, signal }: Hooks) => ({
  notice: notice ?? (() => {}),
  progress: progress ?? (() => {}),
  signal,
});

/** What the computing of data statistics is called. */
export const STATISTICS = 'statistics of the training images';

/** What the looking for undecodable validation images is called. */
export const READING_VALIDATION = 'reading the validation images';

/** Tells of the making of indexes. */
export const indexingTo =
  (progress: (progress: Progress) => void) =>
  ({ what, ...rest }: IndexingProgress): void =>
    progress({ what: `indexing ${what}`, ...rest });
