import { createHash, randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** Writes pieces one after another, and makes sure that they are on the disk. @returns size and SHA-256 */
export function writeDurably(
  path: string,
  pieces: Iterable<Uint8Array>,
): { bytes: number; sha256: string } {
  const hash = createHash('sha256');
  const file = openSync(path, 'w');
  let bytes = 0;
  try {
    for (const piece of pieces) {
      hash.update(piece);
      for (let done = 0; done < piece.byteLength; ) {
        done += writeSync(file, piece, done, Math.min(piece.byteLength - done, 2 ** 30));
      }
      bytes += piece.byteLength;
    }
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  return { bytes, sha256: hash.digest('hex') };
}

/** Replaces a small file in one go: readers see the old text or the new, never a part. */
export function replaceFile(path: string, text: string): void {
  const temporary = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    writeDurably(temporary, [Buffer.from(text)]);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncFolder(dirname(path));
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
