import { readFileSync } from 'node:fs';
import { DataError } from '../errors.js';
import { messageOf } from '../system-error.js';

/** End of the name of the file that says what copies were made from and how. */
export const SETTINGS_FILE = 'prepared.json';

/** Null if there is no such file. @throws DataError if it is damaged */
export function readSettings(path: string): Record<string, unknown> | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new DataError(
      `${path}: cannot be read: ${messageOf(error)}`,
      'remove the folder and prepare the data set again',
    );
  }
}
