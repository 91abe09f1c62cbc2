/**
 * The list of a data set's images in columns, fit for millions of files.
 *
 * A JavaScript object per file would cost some hundred bytes each; here a file costs the bytes of
 * its path plus 16. All columns lie in SharedArrayBuffers, so a worker sees them without a copy.
 */
import { collectGarbage } from '../../collect-garbage.js';
import { Column } from './column.js';
import { type FilePath, pathOf, shown, under } from './file-names.js';
import { checkLabels } from './labels.js';
import type { Members } from './members.js';
import type { Packed } from './packed.js';

export interface ImageIndex {
  /** Folder that every path is relative to. */
  readonly root: string;
  /** Class names; a label is a position in this list. */
  readonly classes: readonly string[];
  /** Number of images. */
  readonly count: number;
  /** Bytes of all relative paths (UTF-8 as a rule) ('/' between folders), one after the other. */
  readonly pathBytes: Uint8Array;
  /** [count + 1]: path i is `pathBytes[pathOffsets[i] … pathOffsets[i + 1])`. */
  readonly pathOffsets: Uint32Array;
  /** [count]: class of each image. */
  readonly labels: Int32Array;
  /** [count]: file size in bytes, at most 2^32 − 1; 0 if the file could not be read. */
  readonly sizes: Uint32Array;
  /** [count]: when each file was last changed, as `mtimeStamp` gives it; 0 if that is not known. */
  readonly mtimes: Uint32Array;
  /** Where the images are if not in files of their own: resized in shards, or as they are in tar and Parquet files. */
  readonly packed?: Packed;
  readonly members?: Members;
}

/** The columns of an index, wherever their memory lies. */
export type IndexColumns = Pick<
  ImageIndex,
  'count' | 'pathBytes' | 'pathOffsets' | 'labels' | 'sizes' | 'mtimes'
>;

/**
 * When a file was last changed, in four bytes: milliseconds modulo 2^32, never 0. Enough to notice a change, as that
 * would have to be a multiple of 49.7 days later to the millisecond.
 */
export const mtimeStamp = (mtimeMs: number): number => Math.floor(mtimeMs) >>> 0 || 1;

/** Path of image `i` below the index's root, with '/' between folders, as people see it. */
export function relativePath(index: ImageIndex, i: number): string {
  return shown(relativeFile(index, i));
}

function relativeFile(index: ImageIndex, i: number): FilePath {
  const from = index.pathOffsets[i];
  const to = index.pathOffsets[i + 1];
  if (from === undefined || to === undefined) {
    throw new RangeError(`image ${i} is not in the index: it holds ${index.count} images`);
  }
  return pathOf(index.pathBytes.subarray(from, to));
}

/** Path of image `i` as people see it: the root, '/', the relative path. */
export function imagePath(index: ImageIndex, i: number): string {
  return joinPath(index.root, relativePath(index, i));
}

/** Path of image `i` to open it by. */
export function imageFile(index: ImageIndex, i: number): FilePath {
  return joinFile(index.root, relativeFile(index, i));
}

/** As `joinPath`, for a path that need not be UTF-8. */
export function joinFile(root: string, relative: FilePath): FilePath {
  if (typeof relative === 'string') return joinPath(root, relative);
  const folder = root.replace(/\/+$/, '');
  return relative[0] === SLASH
    ? Buffer.concat([Buffer.from(folder), relative])
    : under(folder, relative);
}

const SLASH = 0x2f;

/** Join without normalising, so that odd names stay as they are. */
export function joinPath(root: string, relative: string): string {
  if (relative.startsWith('/')) return root.replace(/\/+$/, '') + relative;
  return root.endsWith('/') ? root + relative : `${root}/${relative}`;
}

/** Number of images of each class, [classes]. */
export function classCounts(index: ImageIndex): Int32Array {
  checkLabels(index.labels, index.classes.length);
  const counts = new Int32Array(index.classes.length);
  for (const label of index.labels) counts[label]!++;
  return counts;
}

/** Names of the classes that have no image; samplers never draw them. */
export function emptyClasses(index: ImageIndex): string[] {
  const counts = classCounts(index);
  return index.classes.filter((_, label) => counts[label] === 0);
}

/** Images of an index whose memory is worth the time to collect garbage. */
const MANY = 1_000_000;

/** Collects files and turns them into an `ImageIndex`. Memory grows in small pieces, never by doubling. */
export class IndexBuilder {
  readonly #bytes = new Column<Uint8Array>((length) => new Uint8Array(length), 1 << 20);
  readonly #ends = new Column<Uint32Array>((length) => new Uint32Array(length));
  readonly #labels = new Column<Int32Array>((length) => new Int32Array(length));
  readonly #sizes = new Column<Uint32Array>((length) => new Uint32Array(length));
  readonly #mtimes = new Column<Uint32Array>((length) => new Uint32Array(length));

  get count(): number {
    return this.#labels.length;
  }

  /**
   * @param path bytes, copied
   * @param label class
   * @param size bytes, saturates at 2^32−1
   * @param mtime see `ImageIndex.mtimes`
   */
  add(path: Uint8Array, label: number, size: number, mtime = 0): void {
    this.#addBytes(path);
    this.#ends.push(this.#bytes.length);
    this.#labels.push(label);
    this.#sizes.push(Math.min(size, 0xffffffff));
    this.#mtimes.push(mtime);
  }

  /** Adds all images of another set of columns after those that are there. */
  append(columns: IndexColumns): void {
    const start = this.#bytes.length;
    this.#addBytes(columns.pathBytes);
    for (let i = 1; i <= columns.count; i++) this.#ends.push(start + columns.pathOffsets[i]!);
    this.#labels.append(columns.labels);
    this.#sizes.append(columns.sizes);
    this.#mtimes.append(columns.mtimes);
  }

  #addBytes(bytes: Uint8Array): void {
    if (this.#bytes.length + bytes.length > 0xffffffff) {
      throw new RangeError('the paths of an index may take at most 4 GiB');
    }
    this.#bytes.append(bytes);
  }

  /** The finished index. The builder is empty afterwards. */
  build(root: string, classes: readonly string[]): ImageIndex {
    return { root, classes, ...this.columns((bytes) => new SharedArrayBuffer(bytes)) };
  }

  /** The columns alone, in memory that `memory` gives. The builder is empty afterwards. */
  columns(memory: (bytes: number) => ArrayBuffer | SharedArrayBuffer): IndexColumns {
    const { count } = this;
    const moved = <T extends Uint8Array | Uint32Array | Int32Array>(
      column: Column<T>,
      target: T,
    ): void => {
      column.moveTo(target);
      if (count >= MANY) collectGarbage(); // else the chunks stay, and all columns are there twice
    };
    // The small ones first: the peak is all columns, and the paths once more.
    const pathOffsets = new Uint32Array(memory(4 * (count + 1)));
    moved(this.#ends, pathOffsets.subarray(1));
    const labels = new Int32Array(memory(4 * count));
    moved(this.#labels, labels);
    const sizes = new Uint32Array(memory(4 * count));
    moved(this.#sizes, sizes);
    const mtimes = new Uint32Array(memory(4 * count));
    moved(this.#mtimes, mtimes);
    const pathBytes = new Uint8Array(memory(this.#bytes.length));
    moved(this.#bytes, pathBytes);
    return { count, pathBytes, pathOffsets, labels, sizes, mtimes };
  }
}
