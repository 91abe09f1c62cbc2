/** Which folders of a data set are its classes, where those at the top hold only folders. */
import type { ClassFolders } from '../config/class-folders.js';
import type { ImageIndex } from '../data/index/image-index.js';
import { holdsFoldersAlone, innerFolders } from '../data/index/inner-folders.js';

export interface Nesting {
  /** The better guess. */
  classFolders: ClassFolders;
  top: readonly string[];
  leaves: readonly string[];
}

/**
 * Places365 and iNaturalist are unpacked with the classes below folders that only group them; others keep the images
 * of a class in folders by date or source. There the same names come again in every class.
 *
 * @param index with the folders at the top as classes
 * @returns null if images lie directly in these
 */
export function nestingOf(index: ImageIndex): Nesting | null {
  if (!holdsFoldersAlone(index)) return null;
  const leaves = innerFolders(index);
  const names = new Set(leaves.map((path) => path.slice(path.lastIndexOf('/') + 1)));
  const isGrouped = leaves.length > index.classes.length && 2 * names.size > leaves.length;
  return { classFolders: isGrouped ? 'leaves' : 'top', top: index.classes, leaves };
}

/** What was chosen, and how to have the other. @param path the part */
export function nestingNotice(path: string, { classFolders, top, leaves }: Nesting): string {
  const [chosen, other] =
    classFolders === 'leaves' ? [leaves, 'top' as const] : [top, 'leaves' as const];
  const rest = other === 'top' ? top : leaves;
  return `${path}: its ${top.length} folders hold folders alone: ${classFolders === 'leaves' ? 'those with the images' : 'these'} are taken for the classes (${chosen.length}: ${some(chosen)}); --class-folders ${other} takes the ${rest.length} others (${some(rest)})`;
}

const some = (names: readonly string[]): string =>
  names.slice(0, 3).join(', ') + (names.length > 3 ? ', …' : '');
