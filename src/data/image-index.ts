/**
 * The list of a data set's images in columns, fit for millions of files.
 *
 * A JavaScript object per file would cost some hundred bytes each; here a file costs the bytes of
 * its path plus 12. All columns lie in SharedArrayBuffers, so a worker sees them without a copy.
 */

import { type FilePath, pathOf, shown, under } from './file-names.js';

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
}

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
  const counts = new Int32Array(index.classes.length);
  for (const label of index.labels) counts[label]!++;
  return counts;
}

/** Names of the classes that have no image; samplers never draw them. */
export function emptyClasses(index: ImageIndex): string[] {
  const counts = classCounts(index);
  return index.classes.filter((_, label) => counts[label] === 0);
}

/** Collects files and turns them into an `ImageIndex`. */
export class IndexBuilder {
  #bytes = new Uint8Array(1 << 16);
  #offsets = new Uint32Array(1 << 10);
  #labels = new Int32Array(1 << 10);
  #sizes = new Uint32Array(1 << 10);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** @param path bytes, copied; @param label class; @param size bytes, saturates at 2^32−1 */
  add(path: Uint8Array, label: number, size: number): void {
    const start = this.#offsets[this.#count]!;
    const end = start + path.length;
    if (end > 0xffffffff) throw new RangeError('the paths of an index may take at most 4 GiB');
    if (end > this.#bytes.length) this.#bytes = grown(this.#bytes, new Uint8Array(2 * end));
    if (this.#count + 2 > this.#offsets.length) {
      const room = 2 * this.#offsets.length;
      this.#offsets = grown(this.#offsets, new Uint32Array(room));
      this.#labels = grown(this.#labels, new Int32Array(room));
      this.#sizes = grown(this.#sizes, new Uint32Array(room));
    }
    this.#bytes.set(path, start);
    this.#labels[this.#count] = label;
    this.#sizes[this.#count] = Math.min(size, 0xffffffff);
    this.#offsets[++this.#count] = end;
  }

  /** The finished index; its columns are copies that the builder does not touch again. */
  build(root: string, classes: readonly string[]): ImageIndex {
    const count = this.#count;
    const bytes = this.#offsets[count]!;
    const pathBytes = new Uint8Array(new SharedArrayBuffer(bytes));
    const pathOffsets = new Uint32Array(new SharedArrayBuffer(4 * (count + 1)));
    const labels = new Int32Array(new SharedArrayBuffer(4 * count));
    const sizes = new Uint32Array(new SharedArrayBuffer(4 * count));
    pathBytes.set(this.#bytes.subarray(0, bytes));
    pathOffsets.set(this.#offsets.subarray(0, count + 1));
    labels.set(this.#labels.subarray(0, count));
    sizes.set(this.#sizes.subarray(0, count));
    return { root, classes, count, pathBytes, pathOffsets, labels, sizes };
  }
}

function grown<T extends Uint8Array | Uint32Array | Int32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
