import { readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { ClassFolders } from '../config/class-folders.js';
import { isNoDataFolder } from '../data/index/left-out.js';
import { pathAsThere } from '../data/index/unicode-forms.js';
import { DataError } from '../errors.js';

/** Where the parts of a data set are, as `data.root`, `data.train` and `data.val` will name them. */
export interface Layout {
  root: string;
  train: string;
  /** Null: there is one part only, which has to be split. */
  val: string | null;
  /** Where it is not plain. */
  classFolders?: ClassFolders;
  /** In place of `val`: a folder of such a name that holds no folders of classes. */
  withoutClasses?: string;
}

const TRAIN = ['train', 'training', 'train.txt'];
const TEST = ['test', 'testing', 'test.txt'];
const VAL = ['val', 'validation', 'valid', 'test', 'testing', 'val.txt'];

/**
 * Finds the parts of a data set: `train` and `val` (or other usual names, or list files) in the folder, else the
 * folder itself, with one folder per class.
 *
 * @throws DataError if there is no such folder
 */
export function findLayout(folder: string): Layout {
  const there = pathAsThere(folder);
  const root = there.length > 1 ? there.replace(/\/+$/, '') : there;
  if (!statSync(root, { throwIfNoEntry: false })?.isDirectory()) {
    const problem = statSync(root, { throwIfNoEntry: false }) ? 'not a folder' : 'no such folder';
    throw new DataError(`${root}: ${problem}`, 'name the folder that holds the images');
  }
  const train = partOf(root, TRAIN);
  if (train === undefined) return { root, train: '.', val: null };
  const val = partOf(root, VAL);
  if (val !== undefined) return { root, train, val };
  const withoutClasses = readdirSync(root).find(
    (entry) => VAL.includes(entry.toLowerCase()) && isFolder(join(root, entry)),
  );
  return { root, train, val: null, withoutClasses };
}

/** Whether a folder of this name is usually a part of a data set, not a class. */
export const isPartName = (name: string): boolean =>
  [...TRAIN, ...VAL, ...TEST].includes(name.toLowerCase());

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
export function findParts(folder: string): { root: string; parts: string[] } {
  const { root, train, val } = findLayout(folder);
  if (train === '.') return { root, parts: ['.'] };
  const test = partOf(root, TEST);
  const parts = [train, val, test].filter((part) => part !== null && part !== undefined);
  return { root, parts: [...new Set(parts)] };
}

/** A list file, or a folder of folders: a class that happens to be called "train" is not a part. */
function isPart(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats?.isDirectory()) return stats?.isFile() === true && basename(path).endsWith('.txt');
  return readdirSync(path).some((entry) => !isNoDataFolder(entry) && isFolder(join(path, entry)));
}
