/** Index of images without labels, named one by one or by the folders that they are in. */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { DataError } from '../../errors.js';
import { messageOf, systemFix } from '../../system-error.js';
import { bytesOf, type Entry, entriesOf, type FilePath, shown, under } from './file-names.js';
import { IMAGE_FILE } from './folder-index.js';
import { type ImageIndex, IndexBuilder, joinFile } from './image-index.js';
import { compareCodePoints } from './name-order.js';

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
export function indexPaths(paths: readonly FilePath[]): PathIndex {
  const files = paths.flatMap((path) => (isFolder(path) ? imagesIn(path) : [path]));
  const names = files.map(shown);
  if (names.length === 0) {
    throw new DataError(
      paths.length === 0
        ? 'no images are named'
        : `no images in ${paths.map(shown).join(', ')} (.jpg, .jpeg, .png, .webp)`,
      'name image files or folders with images',
    );
  }
  const builder = new IndexBuilder();
  for (const file of files) builder.add(absolute(file), 0, 0);
  return { index: builder.build('', ['']), names };
}

function imagesIn(folder: FilePath): FilePath[] {
  return listed(folder)
    .filter((entry) => !entry.name.startsWith('.'))
    .sort((a, b) => compareCodePoints(a.name, b.name))
    .flatMap((entry) => {
      const path = below(folder, entry.path);
      if (entry.isDirectory()) return imagesIn(path);
      return IMAGE_FILE.test(entry.name) ? [path] : [];
    });
}

function listed(folder: FilePath): Entry[] {
  try {
    return entriesOf(folder);
  } catch (error) {
    throw new DataError(`${shown(folder)}: cannot be read: ${messageOf(error)}`, systemFix(error));
  }
}

const below = (folder: FilePath, name: FilePath): FilePath =>
  typeof folder === 'string' ? joinFile(folder, name) : under(folder, name);

const absolute = (file: FilePath): Buffer =>
  typeof file === 'string'
    ? Buffer.from(resolve(file))
    : file[0] === 0x2f
      ? file
      : bytesOf(under(process.cwd(), file));

const isFolder = (path: FilePath): boolean => {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false; // whatever it is, it shows when it is decoded
  }
};
