/** Which images of a run lie in tar and Parquet files. */
import { statSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import type { ExperimentConfig } from '../config/experiment-schema.js';
import { isShards, type ShardFiles, shardFiles } from '../data/index/shard-files.js';
import { pathAsThere } from '../data/index/unicode-forms.js';
import { once } from '../once.js';
import type { ShardPlace } from './validation-images.js';

/** `…/train-000.tar/cat.jpg`: there may be folders of such names, too. */
const IN_SHARD = /\.(?:tar|parquet)(?=\/.)/gi;

/**
 * @param root of the data
 * @returns says of an absolute path which shard it is in; null: in none
 */
export function shardPlaces(
  root: string,
  { train, val, columns }: ExperimentConfig['data'],
): (path: string) => ShardPlace | null {
  const parts = once(() => [val, train].flatMap((part) => shardsOf(root, part)));
  return (path) => {
    for (const { index, 0: end } of path.matchAll(IN_SHARD)) {
      const file = pathAsThere(path.slice(0, index + end.length));
      if (!statSync(file, { throwIfNoEntry: false })?.isFile()) continue;
      const shard = relative(root, file);
      const found = parts().find(({ files }) =>
        files.some((one) => resolve(root, one) === resolve(file)),
      );
      const kind = /tar$/i.test(file) ? 'tar' : 'parquet';
      return {
        files: found ?? { kind, files: [shard] },
        root,
        ...(columns && { columns }),
        path: shard,
        name: path.slice(index + end.length + 1),
      };
    }
    return null;
  };
}

/** None where the part is another, or its shards are not there. */
function shardsOf(root: string, part: string): ShardFiles[] {
  try {
    return isShards(root, part) ? [shardFiles(root, part)] : [];
  } catch {
    return [];
  }
}
