/** Class folders at any depth: those that hold the images, as Places365 and iNaturalist are unpacked. */
import { DataError } from '../../errors.js';
import { type Entry, type FilePath, shown, under } from './file-names.js';
import { inNameOrder } from './unicode-forms.js';

/** A class folder: its path below the part is the name of the class. */
export interface LeafFolder {
  readonly name: string;
  readonly path: FilePath;
}

/** What is in a folder. */
export interface FolderContents {
  folders: readonly Pick<Entry, 'path'>[];
  /** Whether images lie directly in it. */
  hasImages: boolean;
  /** Whichever way leads to the folder; null where that is not known. */
  identity: string | null;
}

/**
 * The folders that hold images, and those that hold nothing, in code-point order of their paths. One that holds folders
 * alone groups them, and is no class.
 *
 * @param top the folders directly in the part
 * @param contents of a folder, by its path below the part
 * @throws DataError if a folder holds images, and so does one below it: is that a class of its own?
 */
export function leafFolders(
  top: readonly Pick<Entry, 'path'>[],
  contents: (path: FilePath) => FolderContents,
): LeafFolder[] {
  const leaves: LeafFolder[] = [];
  const visit = (path: FilePath, above: readonly string[], owner: FilePath | null): void => {
    const { folders, hasImages, identity } = contents(path);
    if (identity !== null && above.includes(identity)) return; // a loop of links
    if (hasImages && owner !== null) throw twoClasses(owner, path);
    const isClass = owner === null && (hasImages || folders.length === 0);
    if (isClass) leaves.push({ name: shown(path), path });
    const seen = identity === null ? above : [...above, identity];
    for (const child of folders) visit(under(path, child.path), seen, isClass ? path : owner);
  };
  for (const { path } of top) visit(path, [], null);
  return inNameOrder(leaves);
}

function twoClasses(outer: FilePath, inner: FilePath): DataError {
  return new DataError(
    `${shown(outer)}: holds images, and so does ${shown(inner)} in it: with classFolders: leaves either could be the class`,
    'move the images of the outer one into a folder of their own, or take the folders at the top for the classes: data.classFolders: top',
  );
}
