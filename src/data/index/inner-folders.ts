/** The folders below class folders. */
import { pathOf, shown } from './file-names.js';
import type { ImageIndex } from './image-index.js';

const SLASH = 0x2f;

/** Whether no image lies directly in its class folder: the folders in these may be the classes. */
export function holdsFoldersAlone({ count, pathBytes, pathOffsets }: ImageIndex): boolean {
  for (let i = 0; i < count; i++) {
    const path = pathBytes.subarray(pathOffsets[i], pathOffsets[i + 1]);
    if (path.indexOf(SLASH) === path.lastIndexOf(SLASH)) return false;
  }
  return count > 0;
}

/** The folders that hold the images, by their paths, each once, in the order of the index. */
export function innerFolders({ count, pathBytes, pathOffsets }: ImageIndex): string[] {
  const found = new Set<string>();
  let last: Uint8Array = new Uint8Array(0);
  for (let i = 0; i < count; i++) {
    const path = pathBytes.subarray(pathOffsets[i], pathOffsets[i + 1]);
    const folder = path.subarray(0, path.lastIndexOf(SLASH));
    if (i > 0 && Buffer.compare(folder, last) === 0) continue;
    last = folder;
    found.add(shown(pathOf(folder)));
  }
  return [...found];
}
