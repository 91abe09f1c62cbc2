/** Index of a folder with one subfolder per class: `<folder>/<class>/**` + image files. */
import { realpathSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DataError } from '../errors.js';
import { messageOf, systemFix } from '../system-error.js';
import { bytesOf, type Entry, entriesOf, type FilePath, shown, under } from './file-names.js';
import { type ImageIndex, IndexBuilder, joinFile } from './image-index.js';
import { compareCodePoints } from './order.js';

/** Names of files that count as images. */
export const IMAGE_FILE = /\.(jpe?g|png|webp)$/i;

export interface FolderOptions {
  /**
   * Class list of the training set, in its order. The folder's classes are matched to it by name:
   * one that the folder lacks keeps its label, one that the list lacks is a `DataError`.
   * Without it the classes are the subfolders in code-point order.
   */
  classes?: readonly string[];
}

export interface FolderIndex {
  index: ImageIndex;
  /** Class folders without any image: kept as classes, never drawn. */
  emptyClasses: string[];
  /** Classes of the given list for which there is no folder. */
  missingClasses: string[];
  /** Images that lie directly in the folder, outside any class; they are not used. */
  strayFiles: string[];
}

/**
 * Index the images (.jpg, .jpeg, .png, .webp in any case) below each class folder, at any depth.
 *
 * Names that begin with '.' are ignored. Symbolic links are followed; within a class every real
 * folder is visited once, and never an ancestor of the class folder, so loops end. Files are in
 * code-point order, folder by folder. A dangling link is indexed with size 0 and left to the
 * loader's policy for undecodable files.
 * @throws DataError if the folder is missing or has no classes, no images or unknown classes
 */
export function indexFolder(folder: string, options: FolderOptions = {}): FolderIndex {
  const entries = listFolder(folder);
  const isFolder = (entry: Entry): boolean =>
    entry.isDirectory() ||
    (entry.isSymbolicLink() &&
      statOrNull(joinFile(folder, entry.path), false)?.isDirectory() === true);
  const folders = entries.filter(isFolder);
  const found = folders.map((entry) => entry.name);
  const strayFiles = entries
    .filter((e) => IMAGE_FILE.test(e.name) && !isFolder(e))
    .map((e) => e.name);
  if (found.length === 0) throw noClasses(folder, strayFiles);

  const classes = options.classes ? [...options.classes] : found;
  const labels = new Map(classes.map((name, label) => [name, label]));
  const unknown = found.filter((name) => !labels.has(name));
  if (unknown.length > 0) {
    const some = unknown.slice(0, 5).map((name) => JSON.stringify(name));
    throw new DataError(
      `${folder}: ${unknown.length} class folder(s) that the model was not trained on: ` +
        `${some.join(', ')}${unknown.length > 5 ? ', …' : ''}; it knows ${classes.length} classes`,
      'remove or rename the folder, or use the data set that the model was trained on',
    );
  }

  const builder = new IndexBuilder();
  const above = ancestors(folder);
  const empty: string[] = [];
  for (const { name, path } of folders) {
    const before = builder.count;
    addFolder(builder, folder, path, labels.get(name)!, new Set(above));
    if (builder.count === before) empty.push(name);
  }
  if (builder.count === 0) {
    throw new DataError(
      `${folder}: no images in its ${found.length} class folder(s) (.jpg, .jpeg, .png, .webp)`,
      'put each image into the folder of its class: <folder>/<class>/<image>.jpg',
    );
  }
  const present = new Set(found);
  return {
    index: builder.build(folder, classes),
    emptyClasses: empty,
    missingClasses: classes.filter((name) => !present.has(name)),
    strayFiles,
  };
}

/** Add the images below `root/path`, leaving out the folders in `seen`, which it extends. */
function addFolder(
  builder: IndexBuilder,
  root: string,
  path: FilePath,
  label: number,
  seen: Set<string>,
): void {
  const self = statOrNull(joinFile(root, path), false);
  if (!self || seen.has(identity(self))) return;
  seen.add(identity(self));
  for (const entry of listFolder(joinFile(root, path))) {
    const child = under(path, entry.path);
    if (entry.isDirectory()) {
      addFolder(builder, root, child, label, seen);
      continue;
    }
    const isImage = IMAGE_FILE.test(entry.name);
    if (!isImage && !entry.isSymbolicLink()) continue;
    const stats = statOrNull(joinFile(root, child), entry.isSymbolicLink());
    if (stats?.isDirectory()) addFolder(builder, root, child, label, seen);
    else if (isImage && (!stats || stats.isFile())) {
      builder.add(bytesOf(child), label, stats?.size ?? 0);
    }
  }
}

/** Entries whose name does not begin with '.', in code-point order. */
function listFolder(folder: FilePath): Entry[] {
  let entries: Entry[];
  try {
    entries = entriesOf(folder);
  } catch (error) {
    throw unreadable(folder, error);
  }
  return entries
    .filter((entry) => !entry.name.startsWith('.'))
    .sort((a, b) => compareCodePoints(a.name, b.name));
}

function unreadable(path: FilePath, error: unknown): DataError {
  const code = (error as NodeJS.ErrnoException).code;
  const wrong = { ENOENT: 'no such folder', ENOTDIR: 'not a folder' }[code ?? ''];
  return new DataError(
    `${shown(path)}: ${wrong ?? `cannot be read: ${messageOf(error)}`}`,
    (wrong ? undefined : systemFix(error)) ?? 'check the path of the data set in the config',
  );
}

/**
 * Null for a dangling link and a loop of links.
 *
 * @param link whether it is a link: one that leads where this user may not go counts as dangling
 * @throws DataError if the folder that it is in may not be searched
 */
function statOrNull(path: FilePath, link: boolean): Stats | null {
  try {
    return statSync(path);
  } catch (error) {
    const forbidden = (error as NodeJS.ErrnoException).code === 'EACCES';
    if (forbidden && !link) throw unreadable(path, error);
    return null;
  }
}

function identity(stats: Stats): string {
  return `${stats.dev}:${stats.ino}`;
}

/** Identities of a folder and of all the folders above it. */
function ancestors(folder: string): Set<string> {
  const result = new Set<string>();
  let path = realpathSync(folder);
  for (;;) {
    result.add(identity(statSync(path)));
    const parent = dirname(path);
    if (parent === path) return result;
    path = parent;
  }
}

function noClasses(folder: string, strayFiles: readonly string[]): DataError {
  const layout = 'the layout is <folder>/<class>/<image>.jpg, one folder per class';
  if (strayFiles.length === 0) return new DataError(`${folder}: no class folders in it`, layout);
  return new DataError(
    `${folder}: ${strayFiles.length} image(s) directly in it (first: ` +
      `${JSON.stringify(strayFiles[0])}) but no class folders`,
    layout,
  );
}
