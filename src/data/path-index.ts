/** Index of images without labels, named one by one or by the folders that they are in. */
import { readdirSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { DataError } from '../errors.js';
import { IMAGE_FILE } from './folder-index.js';
import { type ImageIndex, IndexBuilder, joinPath } from './image-index.js';
import { compareCodePoints } from './order.js';

export interface PathIndex {
  /** Every label is 0 and means nothing. */
  index: ImageIndex;
  /** The paths as given, in the index's order; a folder's images below the folder as given. */
  names: string[];
}

/**
 * Takes files as they are, also ones that do not exist (they count as undecodable), and of folders every image
 * (.jpg, .jpeg, .png, .webp in any case) at any depth in code-point order.
 *
 * @throws DataError if there is no image at all
 */
export function indexPaths(paths: readonly string[]): PathIndex {
  const names = paths.flatMap((path) => (isFolder(path) ? imagesIn(path) : [path]));
  if (names.length === 0) {
    throw new DataError(
      paths.length === 0
        ? 'no images are named'
        : `no images in ${paths.join(', ')} (.jpg, .jpeg, .png, .webp)`,
      'name image files or folders with images',
    );
  }
  const builder = new IndexBuilder();
  for (const name of names) builder.add(Buffer.from(resolve(name)), 0, 0);
  return { index: builder.build('', ['']), names };
}

function imagesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !entry.name.startsWith('.'))
    .sort((a, b) => compareCodePoints(a.name, b.name))
    .flatMap((entry) => {
      const path = joinPath(folder, entry.name);
      if (entry.isDirectory()) return imagesIn(path);
      return IMAGE_FILE.test(entry.name) ? [path] : [];
    });
}

const isFolder = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
