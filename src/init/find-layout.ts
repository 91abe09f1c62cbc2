import { readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isNoDataFolder } from '../data/index/left-out.js';
import { pathAsThere } from '../data/index/unicode-forms.js';
import { DataError } from '../errors.js';
import { devkitLayout } from './devkits.js';
import { type Layout, TEST, TRAIN, VAL } from './layout.js';
import { listFolder } from './list-folder.js';
import { shardLayout } from './shard-layout.js';

/**
 * Finds the parts of a data set: `train` and `val` (or other usual names, or list files) in the folder; lists of a
 * devkit, or shards; else the folder itself, with one folder per class.
 *
 * @throws DataError if there is no such folder, or it is a devkit or holds shards that cannot be told apart
 */
export function findLayout(folder: string): Layout {
  const there = pathAsThere(folder);
  const root = there.length > 1 ? there.replace(/\/+$/, '') : there;
  if (!statSync(root, { throwIfNoEntry: false })?.isDirectory()) {
    const problem = statSync(root, { throwIfNoEntry: false }) ? 'not a folder' : 'no such folder';
    throw new DataError(`${root}: ${problem}`, 'name the folder that holds the images');
  }
  const train = partOf(root, TRAIN);
  const val = train === undefined ? undefined : partOf(root, VAL);
  const arePlain = train !== undefined && val !== undefined;
  if (arePlain && [train, val].every((part) => isFolder(join(root, part)))) {
    return { root, train, val };
  }
  const other = devkitLayout(root) ?? shardLayout(root);
  if (other) return other;
  if (arePlain) return withListFolders(root, { train, val });
  if (train === undefined) return { root, train: '.', val: null };
  const withoutClasses = readdirSync(root).find(
    (entry) => VAL.includes(entry.toLowerCase()) && isFolder(join(root, entry)),
  );
  return { root, train, val: null, withoutClasses };
}

/** Of parts of which at least one is a list. */
function withListFolders(root: string, parts: { train: string; val: string }): Layout {
  const folderOf = (part: string): string =>
    isFolder(join(root, part)) ? '.' : listFolder(root, part);
  const [train, val] = [folderOf(parts.train), folderOf(parts.val)];
  const roots = { ...(train !== '.' && { train }), ...(val !== '.' && { val }) };
  return { root, ...parts, ...(Object.keys(roots).length > 0 && { roots }) };
}

const isFolder = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

function partOf(root: string, names: readonly string[]): string | undefined {
  const entries = readdirSync(root);
  return names
    .map((name) => entries.find((entry) => entry.toLowerCase() === name))
    .find((entry) => entry !== undefined && isPart(join(root, entry)));
}

/**
 * All parts of a data set that can be checked: what is called `train`, `val` and `test` (or another usual name) in the
 * folder, where there is a `train`; else the folder itself, which is '.'.
 *
 * @throws DataError if there is no such folder
 */
export function findParts(folder: string): Omit<Layout, 'train' | 'val'> & { parts: string[] } {
  const { train, val, ...layout } = findLayout(folder);
  const { root, kind } = layout;
  if (train === '.') return { ...layout, parts: ['.'] };
  const test = kind === undefined ? partOf(root, TEST) : undefined;
  const parts = [train, val, test].filter((part) => part !== null && part !== undefined);
  return { ...layout, parts: [...new Set(parts)] };
}

/** A list file, or a folder of folders: a class that happens to be called "train" is not a part. */
function isPart(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats?.isDirectory()) return stats?.isFile() === true && basename(path).endsWith('.txt');
  return readdirSync(path).some((entry) => !isNoDataFolder(entry) && isFolder(join(path, entry)));
}
