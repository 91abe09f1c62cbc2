import { ConfigError, DataError } from '../errors.js';
import { readRegular } from '../regular-file.js';
import { messageOf } from '../system-error.js';

/** End of the name of the file that says what copies were made from and how. */
export const SETTINGS_FILE = 'prepared.json';

/** Null if there is no such file. @throws DataError if it is damaged */
export function readSettings(path: string): Record<string, unknown> | null {
  try {
    return JSON.parse(readRegular(path)) as Record<string, unknown>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new DataError(
      `${path}: cannot be read: ${messageOf(error)}`,
      'remove the folder and prepare the data set again',
    );
  }
}

/**
 * @param folder that was prepared, for the message
 * @throws ConfigError if one of the wanted settings is not what it was prepared with
 */
export function checkSame(
  folder: string,
  found: Readonly<Record<string, unknown>>,
  wanted: Readonly<Record<string, unknown>>,
): void {
  const other = Object.keys(wanted).find((key) => found[key] !== wanted[key]);
  if (other === undefined) return;
  throw new ConfigError(
    `--out: ${folder} was prepared with another "${other}": ${JSON.stringify(found[other])}, not ${JSON.stringify(wanted[other])}`,
    'name another folder, or remove this one',
  );
}
