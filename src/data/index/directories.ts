/** The folders that an index was made from, by which a later start tells whether anything was added or removed. */
import type { Stats } from 'node:fs';
import { bytesOf, type FilePath, pathOf, shown } from './file-names.js';

/**
 * A folder that was changed so shortly before it was read cannot be trusted: clocks of file systems are coarse (2 s on
 * FAT), so that a change right after the reading may leave the same time behind.
 */
export const RACY_MS = 2000;

/** What is kept of a folder: it is another one, or was changed, if any of this differs. */
export interface DirectoryState {
  ino: number;
  mtimeMs: number;
  ctimeMs: number;
}

/** Columns of all folders, ready to be sent or written. */
export interface DirectoryColumns {
  /** Bytes of all paths, one after the other. */
  pathBytes: Uint8Array;
  /** [count + 1] */
  pathOffsets: Uint32Array;
  /** [count, 3]: inode, mtime and ctime in milliseconds; NaN where there is nothing. */
  states: Float64Array;
  /** The first folder that was changed too shortly before it was read. */
  racy: string | null;
}

/** Collects the folders in the order in which they are visited. */
export class Directories {
  readonly #paths: Buffer[] = [];
  readonly #states: number[] = [];
  #racy: string | null = null;

  /**
   * @param stats taken before the folder is read; null for a link that leads nowhere, and might lead somewhere later
   */
  add(path: FilePath, stats: Stats | null): void {
    this.#paths.push(bytesOf(path));
    this.#states.push(
      ...(stats ? [stats.ino, stats.mtimeMs, stats.ctimeMs] : [Number.NaN, Number.NaN, Number.NaN]),
    );
    if (stats && stats.mtimeMs > Date.now() - RACY_MS) this.#racy ??= shown(path);
  }

  append({ pathBytes, pathOffsets, states, racy }: DirectoryColumns): void {
    for (let i = 0; i + 1 < pathOffsets.length; i++) {
      this.#paths.push(Buffer.from(pathBytes.subarray(pathOffsets[i], pathOffsets[i + 1])));
    }
    for (const value of states) this.#states.push(value);
    this.#racy ??= racy;
  }

  columns(): DirectoryColumns {
    const pathOffsets = new Uint32Array(this.#paths.length + 1);
    for (const [i, path] of this.#paths.entries()) {
      pathOffsets[i + 1] = pathOffsets[i]! + path.length;
    }
    return {
      pathBytes: Uint8Array.from(Buffer.concat(this.#paths)),
      pathOffsets,
      states: Float64Array.from(this.#states),
      racy: this.#racy,
    };
  }
}

/**
 * The first folder that is not as it was.
 *
 * @param stateOf what a folder is now; null if there is none
 * @returns null if all are
 */
export function changedDirectory(
  columns: Pick<DirectoryColumns, 'pathBytes' | 'pathOffsets' | 'states'>,
  stateOf: (path: FilePath) => DirectoryState | null,
): FilePath | null {
  const { pathBytes, pathOffsets, states } = columns;
  for (let i = 0; i + 1 < pathOffsets.length; i++) {
    const path = pathOf(pathBytes.subarray(pathOffsets[i], pathOffsets[i + 1]));
    const now = stateOf(path);
    const [ino, mtimeMs, ctimeMs] = states.subarray(3 * i, 3 * i + 3) as unknown as [
      number,
      number,
      number,
    ];
    const same = now
      ? now.ino === ino && now.mtimeMs === mtimeMs && now.ctimeMs === ctimeMs
      : Number.isNaN(ino);
    if (!same) return path;
  }
  return null;
}
