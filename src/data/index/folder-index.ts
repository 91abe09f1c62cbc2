/** Index of a folder with one subfolder per class: `<folder>/<class>/**` + image files. */
import { realpathSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { ClassFolders } from '../../config/class-folders.js';
import { DataError } from '../../errors.js';
import { messageOf, systemFix } from '../../system-error.js';
import { Directories } from './directories.js';
import { bytesOf, type Entry, entriesOf, type FilePath, shown, under } from './file-names.js';
import { beginsAsImage, hasImageName, IMAGE_EXTENSIONS, mayBeImage } from './image-files.js';
import {
  emptyClasses,
  type ImageIndex,
  IndexBuilder,
  joinFile,
  mtimeStamp,
} from './image-index.js';
import { type FolderContents, leafFolders } from './leaf-folders.js';
import {
  addLeftOut,
  isSystemFolder,
  type LeftOut,
  leaveOutFile,
  leaveOutFolder,
  leftOutText,
  nothingLeftOut,
} from './left-out.js';
import { classNamesOf, inNameOrder, oneForm } from './unicode-forms.js';

export interface FolderOptions {
  /**
   * Class list of the training set, in its order. The folder's classes are matched to it by name:
   * one that the folder lacks keeps its label, one that the list lacks is a `DataError`.
   * Without it the classes are the subfolders in code-point order.
   */
  classes?: readonly string[];
  /** Which folders are classes; default `top`: those directly in it. */
  classFolders?: ClassFolders;
}

export interface FolderIndex {
  index: ImageIndex;
  /** Class folders without any image: kept as classes, never drawn. */
  emptyClasses: string[];
  /** Classes of the given list for which there is no folder. */
  missingClasses: string[];
  /** Images that lie directly in the folder, outside any class; they are not used. */
  strayFiles: string[];
  /** What lies in the folders and is no image. */
  leftOut: LeftOut;
}

/**
 * Index the images below each class folder, at any depth: files of the extensions that are read, in any case, and
 * those without an extension that begin as an image.
 *
 * Names that begin with '.' are ignored, folders of the system are left out. Symbolic links are
 * followed; within a class every real folder is visited once, and never an ancestor of the class
 * folder, so loops end. Files are in code-point order, folder by folder. A dangling link is indexed with size 0 and left to the
 * loader's policy for undecodable files.
 * @throws DataError if the folder is missing or has no classes, no images or unknown classes
 */
export function indexFolder(folder: string, options: FolderOptions = {}): FolderIndex {
  const plan = planFolder(folder, options);
  const scan: Scan = {
    builder: new IndexBuilder(),
    directories: new Directories(),
    leftOut: plan.leftOut,
  };
  for (const job of plan.folders) scanClass(scan, job);
  return folderIndex(plan, scan.builder);
}

/** Where the images of an index come from: found out first, then gone through class by class. */
export interface FolderPlan {
  folder: string;
  classes: string[];
  folders: ClassFolder[];
  missingClasses: string[];
  strayFiles: string[];
  /** The folder itself, and links in it that lead nowhere. */
  directories: Directories;
  /** What was left out beside the class folders; going through them adds to it. */
  leftOut: LeftOut;
}

/** A class folder to go through; plain data that a worker can receive. */
export interface ClassFolder {
  root: string;
  path: FilePath;
  label: number;
  /** Identities of `root` and the folders above it. */
  above: ReadonlySet<string>;
}

/** What going through folders gives. */
export interface Scan {
  builder: IndexBuilder;
  directories: Directories;
  leftOut: LeftOut;
}

/** Finds the class folders. @throws DataError if there are none, or the class list lacks one */
export function planFolder(folder: string, options: FolderOptions = {}): FolderPlan {
  const directories = new Directories();
  directories.add('', statOrNull(folder, true));
  const leftOut = nothingLeftOut();
  const { folders: top, files } = contentsOf(folder, null, directories, leftOut);
  const folders =
    options.classFolders === 'leaves'
      ? leafFolders(top, (path) => leafContents(folder, path, directories, leftOut))
      : top;
  const found = folders.map((entry) => oneForm(entry.name));
  const strayFiles = files.filter((e) => hasImageName(e.name)).map((e) => e.name);
  if (found.length === 0) throw noClasses(folder, strayFiles);

  const classes = options.classes
    ? [...options.classes]
    : classNamesOf(folders.map(({ name }) => name));
  const labels = new Map(classes.map((name, label) => [oneForm(name), label]));
  const unknown = found.filter((name) => !labels.has(name));
  if (unknown.length > 0) {
    const some = unknown.slice(0, 5).map((name) => JSON.stringify(name));
    throw new DataError(
      `${folder}: ${unknown.length} class folder(s) that the model was not trained on: ` +
        `${some.join(', ')}${unknown.length > 5 ? ', …' : ''}; it knows ${classes.length} classes`,
      'remove or rename the folder, or use the data set that the model was trained on',
    );
  }
  const present = new Set(found);
  const above = ancestors(folder);
  return {
    folder,
    classes,
    folders: folders.map(({ name, path }) => {
      return { root: folder, path, label: labels.get(oneForm(name))!, above };
    }),
    missingClasses: classes.filter((name) => !present.has(oneForm(name))),
    strayFiles,
    directories,
    leftOut,
  };
}

/** What is in a folder, links followed. Notes links that lead nowhere. @param path below `root`; null: that itself */
function contentsOf(
  root: string,
  path: FilePath | null,
  directories: Directories,
  leftOut: LeftOut,
): { folders: Entry[]; files: Entry[] } {
  const [folders, files] = [[] as Entry[], [] as Entry[]];
  const isFolder = (entry: Entry): boolean => {
    if (entry.isDirectory()) return true;
    if (!entry.isSymbolicLink()) return false;
    const child = path === null ? entry.path : under(path, entry.path);
    const stats = statOrNull(joinFile(root, child), false);
    if (!stats) directories.add(child, null);
    return stats?.isDirectory() === true;
  };
  for (const entry of listFolder(path === null ? root : joinFile(root, path))) {
    if (!isFolder(entry)) files.push(entry);
    else if (!isSystemFolder(entry.name)) folders.push(entry);
    else {
      const child = path === null ? entry.path : under(path, entry.path);
      leaveOutFolder(leftOut, entry.name, joinFile(root, child));
    }
  }
  return { folders, files };
}

/** What is in a folder below the top, for `leafFolders`; notes a folder of folders. */
function leafContents(
  root: string,
  path: FilePath,
  directories: Directories,
  leftOut: LeftOut,
): FolderContents {
  const self = statOrNull(joinFile(root, path), false);
  const own = nothingLeftOut();
  const { folders, files } = contentsOf(root, path, directories, own);
  if (folders.length > 0) directories.add(path, self);
  const hasImages = files.some((entry) => {
    if (hasImageName(entry.name)) return true;
    const file = joinFile(root, under(path, entry.path));
    return entry.isFile() && mayBeImage(entry.name) && beginsAsImage(file);
  });
  // What lies in a class is counted when the class is gone through.
  if (folders.length > 0 && !hasImages) addLeftOut(leftOut, own);
  return { folders, hasImages, identity: self ? identity(self) : null };
}

/** @throws DataError if no image was found */
export function folderIndex(plan: FolderPlan, builder: IndexBuilder): FolderIndex {
  const { folder, classes, folders, missingClasses, strayFiles, leftOut } = plan;
  if (builder.count === 0) {
    const others = leftOutText(leftOut);
    throw new DataError(
      `${folder}: no images in its ${folders.length} class folder(s) (${IMAGE_EXTENSIONS})${others ? `, but ${others}` : ''}`,
      'put each image into the folder of its class: <folder>/<class>/<image>.jpg',
    );
  }
  const index = builder.build(folder, classes);
  const missing = new Set(missingClasses);
  const empty = emptyClasses(index).filter((name) => !missing.has(name));
  return { index, emptyClasses: empty, missingClasses, strayFiles, leftOut };
}

/** Add the images of a class. @param onFiles told now and then how many more were found */
export function scanClass(
  scan: Scan,
  { root, path, label, above }: ClassFolder,
  onFiles: (more: number) => void = () => {},
): void {
  addFolder(scan, root, path, label, new Set(above), onFiles);
}

/** Files between two calls of `onFiles`. */
const REPORT_EVERY = 4096;

/** Add the images below `root/path`, leaving out the folders in `seen`, which it extends. */
function addFolder(
  scan: Scan,
  root: string,
  path: FilePath,
  label: number,
  seen: Set<string>,
  onFiles: (more: number) => void,
): void {
  const self = statOrNull(joinFile(root, path), false);
  if (!self) scan.directories.add(path, null);
  if (!self || seen.has(identity(self))) return;
  seen.add(identity(self));
  scan.directories.add(path, self);
  let found = 0;
  for (const entry of listFolder(joinFile(root, path))) {
    const child = under(path, entry.path);
    const file = joinFile(root, child);
    const isLink = entry.isSymbolicLink();
    if (!entry.isDirectory() && !isLink && !mayBeImage(entry.name)) {
      if (entry.isFile()) leaveOutFile(scan.leftOut, entry.name);
      continue;
    }
    const stats = entry.isDirectory() ? null : statOrNull(file, isLink);
    if (entry.isDirectory() || stats?.isDirectory()) {
      if (isSystemFolder(entry.name)) leaveOutFolder(scan.leftOut, entry.name, file);
      else addFolder(scan, root, child, label, seen, onFiles);
    } else if (isImage(entry.name, file, stats)) {
      const mtime = stats ? mtimeStamp(stats.mtimeMs) : 0;
      scan.builder.add(bytesOf(child), label, stats?.size ?? 0, mtime);
      if (++found % REPORT_EVERY === 0) onFiles(REPORT_EVERY);
    } else if (!stats) scan.directories.add(child, null);
    else if (stats.isFile()) leaveOutFile(scan.leftOut, entry.name);
  }
  onFiles(found % REPORT_EVERY);
}

/** @param stats null where a link leads nowhere */
function isImage(name: string, file: FilePath, stats: Stats | null): boolean {
  if (hasImageName(name)) return !stats || stats.isFile();
  return mayBeImage(name) && stats?.isFile() === true && beginsAsImage(file);
}

/** Entries whose name does not begin with '.', in code-point order. */
function listFolder(folder: FilePath): Entry[] {
  let entries: Entry[];
  try {
    entries = entriesOf(folder);
  } catch (error) {
    throw unreadable(folder, error);
  }
  return inNameOrder(entries.filter((entry) => !entry.name.startsWith('.')));
}

function unreadable(path: FilePath, error: unknown): DataError {
  const code = (error as NodeJS.ErrnoException).code;
  const missing = /\.\w+$/.test(shown(path)) ? 'no such file or folder' : 'no such folder';
  const wrong = { ENOENT: missing, ENOTDIR: 'not a folder' }[code ?? ''];
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
