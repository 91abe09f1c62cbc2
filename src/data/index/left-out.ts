/** What lies in the folders of a data set and is left out: files that are no images, and folders of the system. */
import { entriesOf, type FilePath, under } from './file-names.js';
import { extensionOf } from './image-files.js';

/** Numbers of files; plain data that is kept with an index. */
export interface LeftOut {
  /** In folders of file servers and operating systems, by the folder's name. */
  system: Record<string, number>;
  /** Of no format that is read, by extension with its dot in lower case; '' for none. */
  kinds: Record<string, number>;
}

export const nothingLeftOut = (): LeftOut => ({ system: {}, kinds: {} });

/**
 * Folders in which file servers and operating systems keep thumbnails, deleted files and facts of their own: Synology
 * and QNAP, NetApp, Windows, macOS (also what its archives leave behind), Linux. Their names are no classes.
 */
const SYSTEM =
  /^(@eadir|#recycle|#snapshot|@tmp|@recycle|@recently-snapshot|~snapshot|\$recycle\.bin|system volume information|found\.\d{3}|__macosx|network trash folder|temporary items|lost\+found)$/i;

export const isSystemFolder = (name: string): boolean => SYSTEM.test(name);

/** A folder that holds neither classes nor images: of the system, or hidden (its name begins with '.'). */
export const isNoDataFolder = (name: string): boolean =>
  name.startsWith('.') || isSystemFolder(name);

/** Counts the files below a folder of the system; links in it are not followed, what may not be read counts as empty. */
export function leaveOutFolder(leftOut: LeftOut, name: string, folder: FilePath): void {
  add(leftOut.system, name, filesBelow(folder));
}

export function leaveOutFile(leftOut: LeftOut, name: string): void {
  add(leftOut.kinds, extensionOf(name), 1);
}

/** Adds what was left out elsewhere. */
export function addLeftOut(sum: LeftOut, more: LeftOut): void {
  for (const [name, files] of Object.entries(more.system)) add(sum.system, name, files);
  for (const [name, files] of Object.entries(more.kinds)) add(sum.kinds, name, files);
}

/** Kinds that are told apart: names may end in anything. */
const MOST_KINDS = 1000;
const NAMED = 6;

function add(counts: Record<string, number>, name: string, files: number): void {
  const isKnown = Object.hasOwn(counts, name);
  const key = isKnown || Object.keys(counts).length < MOST_KINDS ? name : '…';
  counts[key] = (Object.hasOwn(counts, key) ? counts[key]! : 0) + files;
}

function filesBelow(folder: FilePath): number {
  try {
    return entriesOf(folder).reduce(
      (sum, entry) => sum + (entry.isDirectory() ? filesBelow(under(folder, entry.path)) : 1),
      0,
    );
  } catch {
    return 0;
  }
}

/** `24 files in system folders (@eaDir); 12 files that are not read as images (8 .bmp, 4 .txt)`; null if there are none */
export function leftOutText({ system, kinds }: LeftOut): string | null {
  const [inSystem, others] = [total(system), total(kinds)];
  const folders = Object.keys(system).filter((name) => system[name]! > 0);
  const extensions = Object.entries(kinds)
    .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    .map(([extension, n]) => `${n} ${extension || 'without an extension'}`);
  const texts = [
    inSystem > 0 ? `${files(inSystem)} in system folders (${some(folders)})` : null,
    others > 0 ? `${files(others)} not read as images (${some(extensions)})` : null,
  ].filter((text) => text !== null);
  return texts.length === 0 ? null : texts.join('; ');
}

const total = (counts: Record<string, number>): number =>
  Object.values(counts).reduce((sum, n) => sum + n, 0);
const files = (n: number): string => (n === 1 ? '1 file' : `${n} files`);
const some = (texts: readonly string[]): string =>
  texts.slice(0, NAMED).join(', ') + (texts.length > NAMED ? ', …' : '');
