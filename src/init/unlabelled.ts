import { statSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../errors.js';
import { foldersIn } from './folders-in.js';
import { isPartName, type Layout } from './layout.js';

/**
 * Refuses a folder whose images lie in `train`, `val` and so on without class folders: these would be taken for the
 * classes.
 *
 * @throws DataError
 */
export function checkLabelled({ root, train }: Layout): void {
  if (train !== '.') return;
  const folders = foldersIn(root);
  const [first] = folders;
  if (first === undefined || !folders.every(isPartName)) return;
  throw new DataError(
    `${join(root, first)}: no class folders in it: what the images show is not known`,
    'the layout is <folder>/train/<class>/<image>.jpg, one folder per class',
  );
}

/**
 * Why the folder that is called `val` or the like cannot serve for validation; null if it can.
 *
 * @param classes of the training images
 */
export function whyNotForValidation(folder: string, classes: readonly string[]): string | null {
  if (!statSync(folder).isDirectory()) return null; // a list, which is looked at line by line
  const folders = foldersIn(folder);
  if (folders.length === 0) return `${folder} has no class folders`;
  const top = new Set(classes.map((name) => name.split('/')[0]!));
  if (folders.some((name) => top.has(name))) return null;
  const named = folders.slice(0, 3).join(', ');
  return `${folder} has none of the training classes (but ${named}${folders.length > 3 ? ', …' : ''})`;
}
