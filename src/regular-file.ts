/** Reading files that somebody else may have put there: a pipe would wait for ever, a device never end. */
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';

/** Bytes that a file of settings or facts may have. */
const MOST = 1 << 24;

/**
 * Opens a file for reading.
 *
 * @throws Error in a few words if it is no regular file; what the system says if it cannot be opened
 */
export function openRegular(path: string): number {
  if (!statSync(path).isFile()) throw new Error('it is no regular file');
  return openSync(path, 'r');
}

/** @throws Error in a few words if it is no regular file, or has more than `most` bytes */
export function readRegular(path: string, most = MOST): string {
  const file = openRegular(path);
  try {
    const { size } = fstatSync(file);
    if (size > most) throw new Error(`it has ${size} bytes, ${most} is the most`);
    const bytes = Buffer.alloc(size);
    return bytes.toString('utf8', 0, readSync(file, bytes, 0, size, 0));
  } finally {
    closeSync(file);
  }
}
