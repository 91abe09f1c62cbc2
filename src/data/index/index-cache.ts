/**
 * Indexes that are kept from one start to the next (docs/data.md).
 *
 * A kept index is used while none of the folders that it was made from has changed: adding, removing and renaming a
 * file changes the time of its folder. A file that is changed in place changes no folder; in a large set that shows
 * when the file is read (`hasChanged`), in a small one every file is looked at.
 */
import { createHash } from 'node:crypto';
import { type Stats, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { ClassFolders } from '../../config/class-folders.js';
import type { LabelMeaning } from '../../config/label-meaning.js';
import { readRegularBytes } from '../../regular-file.js';
import { messageOf, messageWithPath } from '../../system-error.js';
import { changedDirectory, Directories, type DirectoryColumns, RACY_MS } from './directories.js';
import { firstChanged } from './file-changes.js';
import { type FilePath, pathOf, shown } from './file-names.js';
import { fingerprint, rememberFingerprint } from './fingerprint.js';
import { folderIndex, planFolder, scanClass } from './folder-index.js';
import { type ImageIndex, IndexBuilder, imagePath, joinFile } from './image-index.js';
import { type KeptFacts, type KeptIndex, readIndexFile, writeIndexFile } from './index-file.js';
import { addLeftOut, type LeftOut, nothingLeftOut } from './left-out.js';
import {
  type ListOptions,
  listedImages,
  parseList,
  type StatResult,
  statImages,
} from './list-index.js';
import type { ColumnNames } from './list-row.js';
import { indexShards, type ShardOptions } from './member-index.js';
import { type ScanJob, scanAll } from './scan-pool.js';
import type { ShardFiles } from './shard-files.js';
import { pathsAsThere } from './unicode-forms.js';

/** How far indexing has come. */
export interface IndexingProgress {
  /** The folder or the list. */
  what: string;
  files: number;
  /** Of a folder: classes done, and classes in all; of a list the same of its images. */
  done: number;
  total: number;
}

export interface IndexCacheOptions {
  /** Folder for the indexes; made if missing. Null: none is kept. */
  folder: string | null;
  /** Make every index anew, whatever is kept. */
  rebuild?: boolean;
  /** Leave files that were changed in place to whoever reads them, also where there are few. */
  trustFiles?: boolean;
  onNotice?: (line: string) => void;
  onProgress?: (progress: IndexingProgress) => void;
}

/** An index, and what was found beside it. */
export interface OpenedIndex {
  index: ImageIndex;
  /** Classes of the given list for which there is no folder. */
  missingClasses: readonly string[];
  /** Images outside any class. */
  strayFiles: number;
  /** What lies in a folder and is no image. */
  leftOut: LeftOut;
  /** What the labels of a list are. */
  labels?: LabelMeaning;
}

/** Of so few images every single one is looked at when a kept index is opened. */
const FEW_IMAGES = 20_000;
/** Work begins in this thread, and is handed to others if it takes longer. */
const ALONE_MS = 1000;
/** Images of a list that a thread looks at in one go. */
const BLOCK = 1 << 14;

/** Opens folders and lists, for one command. */
export class IndexCache {
  readonly #options: IndexCacheOptions;
  #complained = false;

  constructor(options: IndexCacheOptions) {
    this.#options = options;
  }

  /** As `indexFolder`. @throws DataError as that does */
  async openFolder(
    folder: string,
    classes: readonly string[] | undefined,
    classFolders?: ClassFolders,
  ): Promise<OpenedIndex> {
    const leaves = classFolders === 'leaves' && { classFolders };
    const file = this.#fileOf({ folder: resolve(folder), classes, ...leaves });
    const kept = this.#kept(file, folder, folder, null);
    if (kept) return opened(kept);
    const plan = planFolder(folder, { classes, classFolders });
    const builder = new IndexBuilder();
    const { directories, leftOut } = plan;
    const progress = this.#progress(folder, plan.folders.length);
    const began = performance.now();
    let next = 0;
    for (; next < plan.folders.length && performance.now() - began < ALONE_MS; next++) {
      scanClass({ builder, directories, leftOut }, plan.folders[next]!, progress.files);
      progress.done(1);
    }
    const rest = plan.folders.slice(next).map((one): ScanJob => ({ kind: 'folder', folder: one }));
    for await (const result of scanAll(rest, null, progress.files)) {
      if (result.kind !== 'folder') continue;
      builder.append(result.columns);
      directories.append(result.directories);
      addLeftOut(leftOut, result.leftOut);
      progress.done(1);
    }
    const { index, missingClasses, strayFiles } = folderIndex(plan, builder);
    const facts = { missingClasses, strayFiles: strayFiles.length, leftOut, list: null };
    this.#keep(file, folder, index, facts, directories.columns());
    return { index, missingClasses, strayFiles: strayFiles.length, leftOut };
  }

  /** As `indexList`. @throws DataError as that does */
  async openList(
    list: string,
    root: string,
    classes: readonly string[] | undefined,
    { labels, columns }: Pick<ListOptions, 'labels' | 'columns'> = {},
  ): Promise<OpenedIndex> {
    const file = this.#fileOf({
      list: resolve(list),
      root: resolve(root),
      classes,
      labels: labels ?? 'as they are',
      ...(columns && { columns }),
    });
    const kept = this.#kept(file, list, root, list);
    if (kept) return opened(kept);
    const stats = statSync(list, { throwIfNoEntry: false });
    const racy = stats !== undefined && stats.mtimeMs > Date.now() - RACY_MS;
    const parsed = parseList(list, { root, classes, labels, columns });
    const { count } = parsed.index;
    const progress = this.#progress(list, count);
    let directories = parentsOf(parsed.index);
    const found: StatResult = { missing: 0, first: -1 };
    const note = ({ missing, first }: StatResult, files: number): void => {
      if (found.first < 0) found.first = first;
      found.missing += missing;
      progress.files(files);
      progress.done(files);
    };
    const began = performance.now();
    let from = 0;
    const jobs: Extract<ScanJob, { kind: 'stat' }>[] = [];
    for (; from < count; from += BLOCK) {
      const to = Math.min(count, from + BLOCK);
      const alone = performance.now() - began < ALONE_MS;
      if (alone && jobs.length === 0) note(statImages(parsed.index, from, to), to - from);
      else jobs.push({ kind: 'stat', from, to });
    }
    let at = 0;
    for await (const result of scanAll(jobs, parsed.index, () => {})) {
      const { from, to } = jobs[at++]!;
      if (result.kind === 'stat') note(result.result, to - from);
    }
    const other = found.missing > 0 ? pathsAsThere(parsed.index) : null;
    if (other) directories = parentsOf(other);
    const index = other
      ? listedImages({ ...parsed, index: other }, statImages(other, 0, count))
      : listedImages(parsed, found);
    const { sha256 } = parsed;
    const state = stats && {
      size: stats.size,
      mtimeMs: stats.mtimeMs,
      ctimeMs: stats.ctimeMs,
      sha256,
    };
    const { meaning } = parsed;
    const about = { missingClasses: [], strayFiles: 0, leftOut: nothingLeftOut(), labels: meaning };
    const facts = { ...about, list: state ?? null };
    const folders = directories.columns();
    this.#keep(file, list, index, facts, { ...folders, racy: racy ? list : folders.racy });
    return { index, ...about };
  }

  /** As `indexShards`. @throws DataError as that does */
  async openShards(
    shards: ShardFiles,
    part: string,
    { root, columns }: Pick<ShardOptions, 'root' | 'columns'>,
  ): Promise<OpenedIndex> {
    const what = resolve(root, part);
    const { files } = shards;
    const file = this.#fileOf({ shards: files, root: resolve(root), columns: columns ?? {} });
    const about = { missingClasses: [], strayFiles: 0, leftOut: nothingLeftOut() };
    const kept = this.#kept(file, what, root, null);
    if (kept) return { index: kept.index, ...about };
    const progress = this.#progress(what, files.length);
    const onFile = (images: number): void => {
      progress.files(images);
      progress.done(1);
    };
    const { index, directories } = await indexShards(shards, { root, columns, onFile });
    this.#keep(file, what, index, { ...about, list: null }, directories.columns());
    return { index, ...about };
  }

  #fileOf(key: IndexKey): string | null {
    const { folder } = this.#options;
    return folder === null ? null : keptFile(folder, key);
  }

  #kept(file: string | null, what: string, root: string, list: string | null): KeptIndex | null {
    if (file === null || this.#options.rebuild) return null;
    const anew = (why: string): null => {
      this.#options.onNotice?.(`${what}: ${why}: made anew`);
      return null;
    };
    let kept: KeptIndex | null;
    try {
      kept = readIndexFile(file, root);
    } catch (error) {
      return anew(`its kept index ${file} cannot be used, as ${messageOf(error)}`);
    }
    if (!kept) return null;
    const { index, facts, directories } = kept;
    if (list !== null && !sameList(list, facts)) {
      return anew('the list has changed since its index was made');
    }
    const changed = changedDirectory(directories, (path) => stateOf(root, path));
    if (changed !== null) {
      const folder = shown(joinFile(root, changed)).replace(/\/$/, '');
      return anew(`${folder} has changed since the index was made`);
    }
    const trusted = this.#options.trustFiles === true || index.count > FEW_IMAGES;
    const other = trusted ? -1 : firstChanged(index);
    if (other >= 0) return anew(`${imagePath(index, other)} has changed since the index was made`);
    rememberFingerprint(index, facts.fingerprint);
    return kept;
  }

  /** A cache that cannot be written is no reason to stop. */
  #keep(
    file: string | null,
    what: string,
    index: ImageIndex,
    facts: Omit<KeptFacts, 'classes' | 'fingerprint'>,
    directories: DirectoryColumns,
  ): void {
    const { onNotice } = this.#options;
    if (file === null) return;
    if (directories.racy !== null) {
      // A small one is made again in no time.
      if (index.count > FEW_IMAGES) {
        const folder = directories.racy === '' ? 'the folder' : directories.racy;
        onNotice?.(
          `${what}: the index is not kept, as ${folder} was changed less than ${RACY_MS / 1000} s before it was read`,
        );
      }
      return;
    }
    const { classes } = index;
    try {
      const { files, starts, column } = index.members ?? {};
      const members = files && starts && { members: { files, starts, column } };
      const all = { ...facts, classes, fingerprint: fingerprint(index), ...members };
      writeIndexFile(file, { facts: all, index, directories });
    } catch (error) {
      if (this.#complained) return;
      this.#complained = true;
      onNotice?.(
        `the index of the images cannot be kept and will be made again next time: ${messageWithPath(error)}`,
      );
    }
  }

  #progress(what: string, total: number) {
    const state: IndexingProgress = { what, files: 0, done: 0, total };
    const tell = (): void => this.#options.onProgress?.({ ...state });
    return {
      files: (more: number): void => {
        state.files += more;
        tell();
      },
      done: (more: number): void => {
        state.done += more;
        tell();
      },
    };
  }
}

/** Counts the changes of which files are images, and in which order: an index of before is not used. */
const IMAGES = 3;

/** What an index is of; absolute paths. */
export type IndexKey =
  | { shards: readonly string[]; root: string; columns: ColumnNames }
  | { folder: string; classes: readonly string[] | undefined; classFolders?: ClassFolders }
  | {
      list: string;
      root: string;
      classes: readonly string[] | undefined;
      labels: string;
      columns?: ColumnNames;
    };

/** The file in which an index is kept. */
export function keptFile(cacheDir: string, key: IndexKey): string {
  const text = JSON.stringify({ images: IMAGES, ...key });
  const name = createHash('sha256').update(text).digest('hex').slice(0, 20);
  return join(cacheDir, `index-${name}.bin`);
}

const opened = ({ index, facts }: KeptIndex): OpenedIndex => ({
  index,
  leftOut: nothingLeftOut(),
  ...facts,
});

function stateOf(root: string, path: FilePath): Stats | null {
  try {
    return statSync(joinFile(root, path));
  } catch {
    return null;
  }
}

/** By size and time, else by its contents: a list that was copied or touched is still the same. */
function sameList(path: string, { list }: KeptFacts): boolean {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats || !list || stats.size !== list.size) return false;
  if (stats.mtimeMs === list.mtimeMs && stats.ctimeMs === list.ctimeMs) return true;
  return (
    createHash('sha256').update(readRegularBytes(path, list.size)).digest('hex') === list.sha256
  );
}

/** The folders that the images of a list lie in. */
function parentsOf(index: ImageIndex): Directories {
  const directories = new Directories();
  const seen = new Set<string>();
  let last: Uint8Array = new Uint8Array(0);
  for (let i = 0; i < index.count; i++) {
    const path = index.pathBytes.subarray(index.pathOffsets[i], index.pathOffsets[i + 1]);
    const parent = path.subarray(0, Math.max(0, path.lastIndexOf(SLASH)));
    if (i > 0 && Buffer.compare(parent, last) === 0) continue;
    last = parent;
    const key = Buffer.from(parent).toString('latin1');
    if (seen.has(key)) continue;
    seen.add(key);
    const folder = pathOf(parent);
    directories.add(folder, stateOf(index.root, folder));
  }
  return directories;
}

const SLASH = 0x2f;
