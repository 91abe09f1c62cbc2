/** Which files a part names that is packed in shards: WebDataset's tar files, or Parquet files as Hugging Face has them. */
import { type Dirent, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { DataError } from '../../errors.js';
import { messageOf, systemFix } from '../../system-error.js';
import { cannotRead } from './cannot-read.js';
import { compareCodePoints } from './name-order.js';
import { oneForm, pathAsThere } from './unicode-forms.js';

export type ShardKind = 'tar' | 'parquet';

/** The shards of a part. */
export interface ShardFiles {
  kind: ShardKind;
  /** Below the root, in the order in which the part names them. */
  files: readonly string[];
}

const KINDS: readonly (readonly [RegExp, ShardKind])[] = [
  [/\.tar$/i, 'tar'],
  [/\.parquet$/i, 'parquet'],
];
const COMPRESSED = /\.(tar\.(gz|bz2|xz|zst|lz4)|tgz|tbz2|txz)$/i;

const kindOf = (name: string): ShardKind | null => {
  return KINDS.find(([end]) => end.test(name))?.[1] ?? null;
};

/** Whether a part names shards: by its name, or as a folder that holds such files and no folders. */
export function isShards(root: string, part: string): boolean {
  return kindOf(part) !== null || COMPRESSED.test(part) || shardsIn(root, part) !== null;
}

/**
 * @param part `train-{000000..000146}.tar`, `data/train-*.parquet`, `{a,b}.tar`, one file, or a folder of shards
 * @throws DataError if there are none, one is missing, or they are compressed
 */
export function shardFiles(root: string, part: string): ShardFiles {
  const where = resolve(root, part);
  if (COMPRESSED.test(part)) {
    throw new DataError(
      `${where}: a compressed tar file has no places to read single images from`,
      'unpack it to a .tar file (gunzip); the images in it are compressed already',
    );
  }
  const files = shardsIn(root, part) ?? braces(part).flatMap((name) => matching(root, name));
  const kind = kindOf(files[0] ?? part);
  if (files.length === 0 || kind === null) {
    throw new DataError(`${where}: no such shards`, 'check data.root and the name of the shards');
  }
  const other = files.find((file) => kindOf(file) !== kind);
  if (other !== undefined) {
    throw new DataError(
      `${where}: holds ${kind} files, but also ${other}`,
      'name those of one kind',
    );
  }
  const missing = files.filter((file) => !isFile(resolve(root, file)));
  if (missing.length > 0) {
    throw new DataError(
      `${where}: ${missing.length} of ${files.length} shards do not exist (first: ${missing[0]})`,
      'name those that are there, with {first..last} or *',
    );
  }
  return { kind, files };
}

/** Files of a folder that holds shards and no folders; null if it is another. */
function shardsIn(root: string, named: string): string[] | null {
  const part = asThere(root, named);
  const folder = resolve(root, part);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return null;
  const entries = entriesOf(folder);
  if (entries.some((entry) => entry.isDirectory() && !entry.name.startsWith('.'))) return null;
  const names = entries.map(({ name }) => name).filter((name) => kindOf(name) !== null);
  return names.length === 0 ? null : names.sort(compareCodePoints).map((name) => join(part, name));
}

/** A path below the root as it is there, in whichever Unicode form. */
function asThere(root: string, path: string): string {
  const whole = resolve(root, path);
  const there = pathAsThere(whole);
  return there === whole ? path : relative(resolve(root), there);
}

/** @throws DataError if the folder cannot be read */
function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    throw cannotRead(folder, error);
  }
}

/** Most shards that one part may name. */
const MOST = 1_000_000;

/** `{000..146}` and `{a,b}` as a shell expands them, the first one slowest. @throws DataError if these are too many */
export function braces(text: string): string[] {
  const found = /\{([^{}]*)\}/.exec(text);
  const words = found && wordsOf(found[1]!);
  if (!found || !words) return [text];
  const [before, after] = [text.slice(0, found.index), text.slice(found.index + found[0].length)];
  const rest = braces(after);
  if (words.length * rest.length > MOST) {
    throw new DataError(`${text}: names more than ${MOST} shards`, 'correct the range');
  }
  return words.flatMap((word) => rest.map((end) => before + word + end));
}

/** Null for what is neither a range nor a list. */
function wordsOf(inner: string): string[] | null {
  const range = /^(\d+)\.\.(\d+)$/.exec(inner);
  if (!range) return inner.includes(',') ? inner.split(',') : null;
  const [first, last] = [Number(range[1]), Number(range[2])];
  const padded = /^0\d/.test(range[1]!) || /^0\d/.test(range[2]!);
  const width = padded ? Math.max(range[1]!.length, range[2]!.length) : 0;
  const count = Math.abs(last - first) + 1;
  if (count > MOST) return null;
  return Array.from({ length: count }, (_, i) =>
    String(first + (last < first ? -i : i)).padStart(width, '0'),
  );
}

/** Names in the folder that fit, where the last part of a path has a `*`. */
function matching(root: string, path: string): string[] {
  const name = basename(path);
  if (!name.includes('*')) return [asThere(root, path)];
  const pattern = oneForm(name)
    .split('*')
    .map((text) => text.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  const form = new RegExp(`^${pattern.join('[^/]*')}$`);
  const folder = asThere(root, dirname(path));
  try {
    return readdirSync(resolve(root, folder))
      .filter((one) => form.test(oneForm(one)) && !one.startsWith('.'))
      .sort(compareCodePoints)
      .map((one) => (folder === '.' ? one : `${folder}/${one}`));
  } catch (error) {
    throw new DataError(
      `${resolve(root, folder)}: cannot be read: ${messageOf(error)}`,
      systemFix(error) ?? 'check data.root and the name of the shards',
    );
  }
}

const isFile = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isFile() === true;
