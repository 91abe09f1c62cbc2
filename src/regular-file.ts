/** Reading files that somebody else may have put there: a pipe would wait for ever, a device never end. */
import { constants as limits } from 'node:buffer';
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

/** Bytes that a file of settings or facts may have. */
const MOST = 1 << 24;
/** Bytes that a file of rows may have: what fits into a string. */
export const MOST_ROWS = 1 << 28;
/** Bytes that a file of tensors or a list may have: what fits into a buffer. */
export const MOST_BYTES = limits.MAX_LENGTH;
/** With this a pipe does not wait for its other end. Windows has no such thing. */
const WITHOUT_WAITING = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
const NOT_REGULAR = 'it is no regular file';
/** What sockets, and devices without a driver, answer. */
const CANNOT_BE_OPENED = ['ENXIO', 'ENODEV'];

/**
 * Opens a file for reading.
 *
 * @throws Error in a few words if it is no regular file; what the system says if it cannot be opened
 */
export function openRegular(path: string): number {
  let file: number;
  try {
    file = openSync(path, WITHOUT_WAITING);
  } catch (error) {
    throw opening(error);
  }
  try {
    checkRegular(fstatSync(file));
    return file;
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

/** The same without blocking, also of names that are no text. @returns also its size in bytes */
export async function openRegularFile(
  path: string | Buffer,
): Promise<{ file: FileHandle; size: number }> {
  const file = await open(path, WITHOUT_WAITING).catch((error: unknown) => {
    throw opening(error);
  });
  try {
    const stats = await file.stat();
    checkRegular(stats);
    return { file, size: stats.size };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** @throws Error in a few words if it is no regular file, or has more than `most` bytes */
export function readRegularBytes(path: string, most = MOST): Buffer {
  const file = openRegular(path);
  try {
    const { size } = fstatSync(file);
    if (size > most) throw new Error(`it has ${size} bytes, ${most} is the most`);
    const bytes = Buffer.alloc(size);
    let read = 0;
    while (read < size) {
      const got = readSync(file, bytes, read, Math.min(size - read, 1 << 30), read);
      if (got === 0) break; // it has been cut off meanwhile
      read += got;
    }
    return bytes.subarray(0, read);
  } finally {
    closeSync(file);
  }
}

/** The same as text. */
export const readRegular = (path: string, most = MOST): string =>
  readRegularBytes(path, most).toString('utf8');

function opening(error: unknown): unknown {
  const odd = CANNOT_BE_OPENED.includes((error as NodeJS.ErrnoException).code ?? '');
  return odd ? new Error(NOT_REGULAR) : error;
}

function checkRegular(stats: Stats): void {
  if (stats.isFile()) return;
  throw new Error(stats.isDirectory() ? 'it is a folder' : NOT_REGULAR);
}
