/** A name for a data set's contents, to tell whether two runs saw the same files. */
import { createHash } from 'node:crypto';
import { endianness } from 'node:os';
import type { ImageIndex } from './image-index.js';

const CHUNK = 1 << 20;

const known = new WeakMap<ImageIndex, string>();

/** Of an index that was read from a file that says its fingerprint. */
export function rememberFingerprint(index: ImageIndex, value: string): void {
  known.set(index, value);
}

/**
 * SHA-256 (hex) over the class names and, in order, all relative paths, labels and file sizes.
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
  hash.update(JSON.stringify({ format: 1, classes: index.classes, count: index.count }));
  for (const column of [index.pathBytes, index.pathOffsets, index.labels, index.sizes]) {
    // Copied piece by piece: hash functions do not take shared memory.
    for (let at = 0; at < column.byteLength; at += CHUNK) {
      const size = Math.min(CHUNK, column.byteLength - at);
      const piece = new Uint8Array(column.buffer, column.byteOffset + at, size);
      hash.update(Uint8Array.from(piece));
    }
  }
  return hash.digest('hex');
}
