/** A name for a data set's contents, to tell whether two runs saw the same files. */
import { createHash } from 'node:crypto';
import { endianness } from 'node:os';
import { bytesOf, pathOf } from './file-names.js';
import { type ImageIndex, IndexBuilder } from './image-index.js';
import { isAscii, oneForm } from './unicode-forms.js';

const CHUNK = 1 << 20;

const known = new WeakMap<ImageIndex, string>();

/** Of an index that was read from a file that says its fingerprint. */
export function rememberFingerprint(index: ImageIndex, value: string): void {
  known.set(index, value);
}

/**
 * SHA-256 (hex) over the class names and, in order, all relative paths, labels and file sizes; names in one Unicode
 * form, as a data set that goes from one system to another may get another.
 * The root does not count, so a data set that has been moved keeps its fingerprint; the contents
 * of the files are not read, and their times do not count. Computed once for each index.
 */
export function fingerprint(index: ImageIndex): string {
  const value = known.get(index) ?? computed(index);
  known.set(index, value);
  return value;
}

function computed(index: ImageIndex): string {
  if (endianness() !== 'LE') throw new Error('fingerprint() needs a little-endian machine');
  const hash = createHash('sha256');
  const classes = index.classes.map(oneForm);
  hash.update(JSON.stringify({ format: 1, classes, count: index.count }));
  const { pathBytes, pathOffsets } = pathsInOneForm(index);
  for (const column of [pathBytes, pathOffsets, index.labels, index.sizes]) {
    // Copied piece by piece: hash functions do not take shared memory.
    for (let at = 0; at < column.byteLength; at += CHUNK) {
      const size = Math.min(CHUNK, column.byteLength - at);
      const piece = new Uint8Array(column.buffer, column.byteOffset + at, size);
      hash.update(Uint8Array.from(piece));
    }
  }
  return hash.digest('hex');
}

function pathsInOneForm(index: ImageIndex): Pick<ImageIndex, 'pathBytes' | 'pathOffsets'> {
  if (isAscii(index.pathBytes)) return index;
  const builder = new IndexBuilder();
  for (let i = 0; i < index.count; i++) {
    const path = pathOf(index.pathBytes.subarray(index.pathOffsets[i], index.pathOffsets[i + 1]));
    builder.add(bytesOf(typeof path === 'string' ? oneForm(path) : path), 0, 0);
  }
  return builder.columns((bytes) => new ArrayBuffer(bytes));
}
