/** Where the images of a list lie that comes without a word about it. */
import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathOf, shown } from '../data/index/file-names.js';
import { joinFile } from '../data/index/image-index.js';
import { readList } from '../data/index/list-index.js';
import { listRows } from '../data/index/list-rows.js';
import { pathAsThere } from '../data/index/unicode-forms.js';
import { DataError } from '../errors.js';
import { foldersIn } from './folders-in.js';

/** A folder with more folders than these holds classes, not parts. */
const MOST_PARTS = 60;
const DEPTH = 3;

/**
 * The folder, below the root, that the paths of a list are relative to: the first, level by level, in which its first
 * image is, or with as many images as the list has labels without paths.
 *
 * @param list below the root
 * @returns '.' for the root itself
 * @throws DataError if there is none, or the list cannot be read
 */
export function listFolder(root: string, list: string): string {
  const file = resolve(root, list);
  const bytes = readList(file);
  let last: DataError | undefined;
  let first = '';
  for (const folder of folders(root)) {
    try {
      const base = join(root, folder);
      const [row] = listRows(file, bytes, { root: base }).rows();
      if (!row) break;
      const path = joinFile(base, pathOf(row.path));
      first = shown(pathOf(row.path));
      const there = typeof path === 'string' ? pathAsThere(path) : path;
      if (statSync(there, { throwIfNoEntry: false })?.isFile()) return folder;
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      last ??= error; // of a list of labels alone: not the folder of its images
    }
  }
  if (last) {
    const hint = `${last.hint ?? 'correct it, or say what it is'} in a config (docs/datasets.md)`;
    throw new DataError(last.message, hint);
  }
  throw new DataError(
    `${file}: its first image, ${JSON.stringify(first)}, is in none of the folders below ${root}`,
    'say in a config where the images of the list lie: data.roots: {train: FOLDER, val: FOLDER} (docs/datasets.md)',
  );
}

/** The root and the folders below it, level by level. */
function folders(root: string): string[] {
  const found = ['.'];
  let level = ['.'];
  for (let depth = 0; depth < DEPTH; depth++) {
    level = level.flatMap((folder) => {
      const inner = foldersIn(join(root, folder));
      return inner.length > MOST_PARTS ? [] : inner.map((name) => join(folder, name));
    });
    found.push(...level);
  }
  return found;
}
