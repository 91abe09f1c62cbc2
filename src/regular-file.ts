/**
 * Reading files that somebody else may have put there: a pipe would wait for ever, a device never end, and the size of
 * a file says nothing of what is worth reading. Whatever is named by a data set, a run folder, a checkpoint or a config
 * is read by one of these.
 */
import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';

/** Bytes that a file of settings or facts may have. */
export const MOST = 1 << 24;
/** Bytes that a file of rows may have: what fits into a string. */
export const MOST_ROWS = 1 << 28;
/** Bytes that a file of tensors or a list may have, which is read whole. */
export const MOST_BYTES = 2 ** 31 - 1;
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
export const openRegular = (path: string | Buffer): number => openRegularWithStats(path).file;

/** The same. @returns also what the system says of it */
export function openRegularWithStats(path: string | Buffer): { file: number; stats: Stats } {
  let file: number;
  try {
    checkRegular(statSync(path)); // before it is opened: of a device that alone may do something
    file = openSync(path, WITHOUT_WAITING);
  } catch (error) {
    throw opening(error);
  }
  try {
    const stats = fstatSync(file);
    checkRegular(stats);
    return { file, stats };
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

/** The same without blocking. @returns also its size in bytes, and when it was changed */
export async function openRegularFile(
  path: string | Buffer,
): Promise<{ file: FileHandle; size: number; mtimeMs: number }> {
  checkRegular(await stat(path));
  const file = await open(path, WITHOUT_WAITING).catch((error: unknown) => {
    throw opening(error);
  });
  try {
    const stats = await file.stat();
    checkRegular(stats);
    return { file, size: stats.size, mtimeMs: stats.mtimeMs };
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
    expectSize(size, most);
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

/** @throws Error in a few words if `size` is more than `most` bytes */
export function expectSize(size: number, most: number): void {
  if (size > most) throw new Error(`it has ${size} bytes, ${most} is the most`);
}

/** The same as text. */
export const readRegular = (path: string, most = MOST): string =>
  readRegularBytes(path, most).toString('utf8');

/**
 * Reads a file that the user has named on the command line, which may be a pipe or a terminal (`/dev/stdin`,
 * `<(program)`): those are read to their end, which is waited for.
 *
 * @throws Error in a few words if it has more than `most` bytes, or never ends
 */
export function readNamed(path: string | number, most: number): Buffer {
  if (typeof path === 'string' && statSync(path).isFile()) return readRegularBytes(path, most);
  const file = typeof path === 'string' ? openSync(path, 'r') : path;
  const pieces: Buffer[] = [];
  try {
    for (let size = 0; ; ) {
      const piece = Buffer.allocUnsafe(PIECE);
      const got = readSync(file, piece, 0, PIECE, null);
      if (got === 0) return Buffer.concat(pieces);
      pieces.push(piece.subarray(0, got));
      size += got;
      if (size > most) throw new Error(`it does not end after ${most} bytes, which is the most`);
    }
  } finally {
    if (typeof path === 'string') closeSync(file);
  }
}

const PIECE = 1 << 16;

function opening(error: unknown): unknown {
  const odd = CANNOT_BE_OPENED.includes((error as NodeJS.ErrnoException).code ?? '');
  return odd ? new Error(NOT_REGULAR) : error;
}

function checkRegular(stats: Stats): void {
  if (stats.isFile()) return;
  throw new Error(stats.isDirectory() ? 'it is a folder' : NOT_REGULAR);
}
