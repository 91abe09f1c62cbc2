/** Files of one JSON object a line, some of which may be torn, damaged or somebody else's. */
import { existsSync } from 'node:fs';
import { z } from 'zod';
import { MOST_ROWS, readRegular } from '../regular-file.js';
import { reading } from './changing.js';

/** More than a number of 32 bits can be, so that the axes of charts end. */
const LARGEST = 1e39;

/** A number of a row that is read back. */
export const rowNumber = z.number().min(-LARGEST).max(LARGEST);

/**
 * The lines of a file, what follows the last line end included; none where there is no file.
 *
 * @throws CheckpointError if it cannot be read, or is no regular file
 */
export const linesOf = (path: string): string[] =>
  existsSync(path) ? reading(path, () => readRegular(path, MOST_ROWS)).split('\n') : [];

/** Null where the line is no such object. */
export function rowOf<Row>(line: string, schema: z.ZodType<Row>): Row | null {
  try {
    return schema.parse(JSON.parse(line));
  } catch {
    return null;
  }
}
