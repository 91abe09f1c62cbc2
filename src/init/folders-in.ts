import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { cannotRead } from '../data/index/cannot-read.js';
import { isNoDataFolder } from '../data/index/left-out.js';

/**
 * The folders directly in a folder, links to folders too, but for hidden ones and those of the system; sorted.
 *
 * @throws DataError if it cannot be read
 */
export function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => !isNoDataFolder(name))
      .filter((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.isDirectory())
      .sort();
  } catch (error) {
    throw cannotRead(folder, error);
  }
}
