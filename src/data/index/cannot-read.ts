import { DataError } from '../../errors.js';
import { messageOf, systemFix } from '../../system-error.js';

/** A file or folder of a data set that the system does not let be read, and what to do about it. */
export const cannotRead = (path: string, error: unknown): DataError =>
  new DataError(`${path}: cannot be read: ${messageOf(error)}`, systemFix(error));
