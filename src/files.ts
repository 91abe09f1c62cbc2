/** Safe writing of files: whole or not at all, and on the disk. */
import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { temporaryPath } from './temporary-path.js';

/**
 * Writes a file that is not there yet, piece after piece, and makes sure that it is on the disk.
 *
 * @returns size and SHA-256
 */
export function writeDurably(
  path: string,
  pieces: Iterable<Uint8Array>,
): { bytes: number; sha256: string } {
  const hash = createHash('sha256');
  const file = openSync(path, 'wx');
  let bytes = 0;
  try {
    for (const piece of pieces) {
      hash.update(piece);
      writeAll(file, piece);
      bytes += piece.byteLength;
    }
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  return { bytes, sha256: hash.digest('hex') };
}

function writeAll(file: number, piece: Uint8Array): void {
  for (let done = 0; done < piece.byteLength; ) {
    done += writeSync(file, piece, done, Math.min(piece.byteLength - done, 2 ** 30));
  }
}

/** Replaces a file in one go: readers see the old contents or the new, never a part. */
export function replaceFile(path: string, content: string | Iterable<Uint8Array>): void {
  const temporary = temporaryPath(path);
  try {
    writeDurably(temporary, typeof content === 'string' ? [Buffer.from(content)] : content);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncFolder(dirname(path));
}

/**
 * Writes a file that the user has named: whole or not at all. A link is followed, and what is no file (a pipe, a
 * terminal) is written to as it is.
 */
export function writeOutput(path: string, content: string | Iterable<Uint8Array>): void {
  const present = statSync(path, { throwIfNoEntry: false });
  if (!present) replaceFile(path, content);
  else if (present.isFile()) replaceFile(realpathSync(path), content);
  else if (typeof content === 'string') writeFileSync(path, content);
  else for (const piece of content) writeFileSync(path, piece);
}

/**
 * Opens a file to read and append, made if it is not there. No link is followed, and no pipe waited for.
 *
 * @throws Error in a few words if it is no regular file; what the system says if it cannot be opened
 */
export function openToAppend(path: string): number {
  const file = openSync(path, APPENDING);
  if (fstatSync(file).isFile()) return file;
  closeSync(file);
  throw new Error('it is no regular file');
}

const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
const APPENDING = O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK;

/** Appends to a file, whole or not at all: what a full disk took only a part of is cut off again. */
export function appendWhole(path: string, content: Uint8Array): void {
  const file = openToAppend(path);
  try {
    const { size } = fstatSync(file);
    try {
      writeAll(file, content);
    } catch (error) {
      ftruncateSync(file, size);
      throw error;
    }
  } finally {
    closeSync(file);
  }
}

/** Makes renames inside a folder durable, where the platform can. */
export function syncFolder(path: string): void {
  let folder: number;
  try {
    folder = openSync(path, 'r');
  } catch {
    return; // Windows does not open folders
  }
  try {
    fsyncSync(folder);
  } catch {
    // some file systems do not sync folders; the rename itself stands
  } finally {
    closeSync(folder);
  }
}
