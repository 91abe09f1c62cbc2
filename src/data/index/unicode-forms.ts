/**
 * One name in several Unicode forms: "é" is one character or two ("e" and an accent), and macOS, zip files and shells
 * do not agree which. To the file system these are different names; here they are the same class and the same file.
 */
import { existsSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { bytesOf, entriesOf, type FilePath, pathOf, under } from './file-names.js';
import { type ImageIndex, IndexBuilder, joinFile } from './image-index.js';
import { compareCodePoints } from './name-order.js';

/** The form in which names are compared, and classes are called. */
export const oneForm = (name: string): string => name.normalize('NFC');

/** Class names in one form, each once. */
export const classNamesOf = (names: readonly string[]): string[] => [
  ...new Set(names.map(oneForm)),
];

/** Names of a folder in code-point order of their one form, so that the order does not depend on the form. */
export function inNameOrder<T extends { readonly name: string }>(entries: readonly T[]): T[] {
  const keyed = entries.map((entry) => ({ entry, form: oneForm(entry.name) }));
  return keyed
    .sort((a, b) => {
      return compareCodePoints(a.form, b.form) || compareCodePoints(a.entry.name, b.entry.name);
    })
    .map(({ entry }) => entry);
}

/**
 * Where each name is in a list: as it is, else in another form.
 *
 * @returns null where the list has no such name; and the places of those in the list that are none of the names
 */
export function matchNames(
  names: readonly string[],
  list: readonly string[],
): { places: (number | null)[]; rest: number[] } {
  const at = new Map(list.map((name, place) => [name, place]));
  const places = names.map((name) => at.get(name) ?? null);
  const given = new Set(names);
  const left = new Map<string, number[]>();
  for (const place of list.keys()) {
    if (given.has(list[place]!)) continue;
    const form = oneForm(list[place]!);
    left.set(form, [...(left.get(form) ?? []), place]);
  }
  for (const [i, name] of names.entries()) places[i] ??= left.get(oneForm(name))?.shift() ?? null;
  return { places, rest: [...left.values()].flat().sort((a, b) => a - b) };
}

/** The names in folders by the one form of each; a folder is read once. */
class FolderNames {
  private readonly known = new Map<string, ReadonlyMap<string, readonly FilePath[]>>();

  /** What is there of that name, in whatever forms. */
  find(folder: FilePath, name: string): readonly FilePath[] {
    const key = bytesOf(folder).toString('latin1');
    let names = this.known.get(key);
    if (!names) {
      names = namesIn(folder);
      this.known.set(key, names);
    }
    return names.get(oneForm(name)) ?? [];
  }
}

function namesIn(folder: FilePath): ReadonlyMap<string, readonly FilePath[]> {
  const names = new Map<string, FilePath[]>();
  try {
    for (const { name, path } of entriesOf(folder)) {
      const form = oneForm(name);
      names.set(form, [...(names.get(form) ?? []), path]);
    }
  } catch {
    // nothing is found in it
  }
  return names;
}

/** The path as the folders on it spell it. @returns null if it is not there in any form */
function spelled(root: string, path: string, names: FolderNames): FilePath | null {
  const parts = path.split('/').filter((name) => name !== '' && name !== '.');
  const below = (folder: FilePath | null, at: number): FilePath | null => {
    const part = parts[at];
    if (part === undefined) return folder;
    const here: FilePath = folder === null ? root : joinFile(root, folder);
    for (const name of part === '..' ? [part] : names.find(here, part)) {
      const found = below(folder === null ? name : under(folder, name), at + 1);
      if (found !== null) return found;
    }
    return null;
  };
  return below(null, 0);
}

/** A path that is there in another form only, as it is there; else as it is. */
export function pathAsThere(path: string): string {
  const whole = resolve(path);
  if (isAscii(Buffer.from(whole)) || existsSync(whole) || !isAbsolute(whole)) return path;
  const found = spelled('/', whole.slice(1), new FolderNames());
  return typeof found === 'string' ? `/${found}` : path;
}

/**
 * An index whose files have been looked at, with the paths of those that are there in another form as they are there.
 *
 * @returns null if there are none; else no file of it has been looked at
 */
export function pathsAsThere(index: ImageIndex): ImageIndex | null {
  const names = new FolderNames();
  const builder = new IndexBuilder();
  let isChanged = false;
  for (let i = 0; i < index.count; i++) {
    const bytes = index.pathBytes.subarray(index.pathOffsets[i], index.pathOffsets[i + 1]);
    const path = index.mtimes[i] === 0 && !isAscii(bytes) ? pathOf(bytes) : null;
    const found = typeof path === 'string' ? spelled(index.root, path, names) : null;
    isChanged ||= found !== null;
    builder.add(found === null ? bytes : bytesOf(found), index.labels[i]!, 0);
  }
  return isChanged ? builder.build(index.root, index.classes) : null;
}

export const isAscii = (bytes: Uint8Array): boolean => bytes.every((byte) => byte < 0x80);
