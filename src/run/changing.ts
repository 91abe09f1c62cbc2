/** What a run folder's files can do to who reads or writes them, in words. */
import { CheckpointError, DamagedCheckpointError, RelaybpError } from '../errors.js';
import { readRegularBytes } from '../regular-file.js';
import { messageOf, systemFix } from '../system-error.js';

/**
 * Runs something that changes a run folder.
 *
 * @param what for the message: `runs/a/metrics.jsonl: cannot be written`
 * @param otherwise what else to do about it, where there may be no checkpoints yet
 * @throws CheckpointError with the system's reason and its remedy
 */
export function changing<T>(
  what: string,
  change: () => T,
  otherwise = 'checkpoints written before are untouched: go on from the last one with --resume',
): T {
  try {
    return change();
  } catch (error) {
    if (error instanceof RelaybpError) throw error;
    const fix = systemFix(error);
    throw new CheckpointError(
      `${what}: ${messageOf(error)}`,
      `${fix ? `${fix}; ` : ''}${otherwise}`,
    );
  }
}

/** @param most bytes that it may have @throws as `reading`, also if it is no regular file or has more */
export function readFile(path: string, most: number): Buffer {
  return reading(path, () => readRegularBytes(path, most));
}

/** @throws DamagedCheckpointError if the file is missing, CheckpointError if it cannot be read */
export function reading<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const missing = code === 'ENOENT' || code === 'ENOTDIR';
    throw new (missing ? DamagedCheckpointError : CheckpointError)(
      `${path}: cannot be read: ${messageOf(error)}`,
      missing ? 'use another checkpoint of the run' : systemFix(error),
    );
  }
}
