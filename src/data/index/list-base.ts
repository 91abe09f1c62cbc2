/** The folder that the paths of a list are relative to, where no config says it (docs/data.md). */
import { realpathSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DataError } from '../../errors.js';
import { type ImageIndex, imageFile, imagePath } from './image-index.js';
import { pathAsThere } from './unicode-forms.js';

/**
 * The data root; or the folder that the list lies in, if its first image is there and not below the root.
 *
 * @param index what the list says, its files not looked at
 * @param root the data root
 * @throws DataError if the first image is below both, and not the same file
 */
export function listBase(list: string, index: ImageIndex, root: string): string {
  const folders = [...new Set([root, dirname(list)].map((folder) => resolve(folder)))];
  const found = folders.flatMap((folder) => {
    const file = realOf({ ...index, root: folder });
    return file === null ? [] : [{ folder, file }];
  });
  const [first, second] = found;
  if (first && second && first.file !== second.file) {
    throw new DataError(
      `${list}: its first image is there twice, as ${imagePath({ ...index, root: first.folder }, 0)} and as ${imagePath({ ...index, root: second.folder }, 0)}`,
      'say which of the folders its paths are relative to: --data-root FOLDER',
    );
  }
  return first?.folder ?? resolve(root);
}

/** The first image without links; null if it is not there. */
function realOf(index: ImageIndex): string | null {
  try {
    const file = imageFile(index, 0);
    return realpathSync(typeof file === 'string' ? pathAsThere(file) : file, 'latin1');
  } catch {
    return null;
  }
}
