import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CheckpointError } from '../errors.js';
import { messageOf, systemFix } from '../system-error.js';

/** Whether a training was begun there. */
export const isRunFolder = (folder: string): boolean => existsSync(join(folder, 'config.yaml'));

/**
 * The run folders in a folder, by name: of runs that `relaybp train` has named the oldest comes first.
 *
 * @throws CheckpointError if there is no such folder, or it cannot be read
 */
export function runsIn(folder: string): string[] {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    const problem = existsSync(folder) ? 'not a folder' : 'no such folder';
    throw new CheckpointError(
      `${folder}: ${problem}`,
      'give a run that relaybp train has made, such as runs/<name>-<date>, or a folder of runs',
    );
  }
  try {
    return readdirSync(folder)
      .map((entry) => join(folder, entry))
      .filter(isRunFolder)
      .sort();
  } catch (error) {
    throw new CheckpointError(`${folder}: cannot be read: ${messageOf(error)}`, systemFix(error));
  }
}

/**
 * Runs, and the runs in folders of runs.
 *
 * @throws CheckpointError if one of them is neither
 */
export function runFolders(given: readonly string[]): { folder: string; named: boolean }[] {
  const found = given.flatMap((path) => {
    if (isRunFolder(path)) return [{ folder: path, named: true }];
    const inside = runsIn(path);
    if (inside.length > 0) return inside.map((folder) => ({ folder, named: false }));
    throw new CheckpointError(
      `${path}: neither a run (it has no config.yaml) nor a folder of runs`,
      'give a run that relaybp train has made, such as runs/<name>-<date>, or a folder of runs',
    );
  });
  const seen = new Set<string>();
  return found.filter(({ folder }) => !seen.has(folder) && seen.add(folder));
}
