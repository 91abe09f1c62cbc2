import type { DataConfig } from '../config/experiment-schema.js';
import { describeLimit, mostFiles } from '../config/file-limit.js';
import type { ImageIndex } from '../data/index/image-index.js';
import { ALLOW_MORE } from '../data/loader/failure-policy.js';
import type { DataStatistics } from '../data/statistics/data-statistics.js';
import { DataError } from '../errors.js';

/** What is done without an image that cannot be decoded. */
const INSTEAD = {
  training: 'other images of their classes take their places',
  validation: 'they do not count',
} as const;

/**
 * Images that cannot be decoded are known before the first step where all have been read for statistics: says how many
 * they are.
 *
 * @throws DataError if there are more than may be skipped
 */
export function checkUndecodable(
  what: keyof typeof INSTEAD,
  { onError }: Pick<DataConfig, 'onError'>,
  index: ImageIndex,
  { undecodable, firstUndecodable: [first] }: DataStatistics,
  onNotice: (line: string) => void,
): void {
  if (undecodable === 0) return;
  const { policy, limit } = onError;
  const example = first ? `; the first: ${first.path}: ${first.reason}` : '';
  const said = `${index.root}: ${undecodable} of ${index.count} ${what} images cannot be decoded`;
  if (policy === 'fail') {
    throw new DataError(
      `${said}${example}`,
      'replace or remove them, or let undecodable files be skipped (data.onError.policy: skip)',
    );
  }
  if (undecodable > mostFiles(limit, index.count)) {
    throw new DataError(
      `${said}, ${describeLimit(limit, index.count)} may be skipped${example}`,
      ALLOW_MORE,
    );
  }
  onNotice(`${said}, ${INSTEAD[what]}${example}`);
}
