/** `prepared.json` of a part: what it was made from and how. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { DataError } from '../../errors.js';
import { readRegular } from '../../regular-file.js';
import { messageOf } from '../../system-error.js';
import { MAX_PIXELS } from '../images/decode.js';

const count = z.int().min(0);

const factsSchema = z
  .object({
    format: z.literal(1),
    /** Whether all shards are there. */
    complete: z.boolean(),
    /** The part that was prepared, and its fingerprint. */
    source: z.string(),
    fingerprint: z.string(),
    /** Pixels as they were decoded, or JPEGs. */
    encoding: z.enum(['raw', 'jpeg']),
    /** Length of the shorter side in pixels. */
    side: z.int().min(1).max(Math.sqrt(MAX_PIXELS)),
    /** Of the JPEGs, 1 to 100; null for pixels. */
    quality: z.int().min(1).max(100).nullable(),
    /** Larger images were left out; see `data.maxPixels`. */
    maxPixels: z.number().positive(),
    /** See `DECODING`. */
    decoding: count,
    images: count,
    imagesPerShard: z.int().min(1),
    shards: count,
  })
  .refine(({ encoding, quality }) => (encoding === 'raw') === (quality === null), {
    path: ['quality'],
    message: 'JPEGs have one, pixels have none',
  })
  .refine(({ images, imagesPerShard, shards }) => shards === Math.ceil(images / imagesPerShard), {
    path: ['shards'],
    message: 'not as many as the images take',
  });

export type PreparedFacts = z.infer<typeof factsSchema>;

export const FACTS_FILE = 'prepared.json';

/** What to do about a part that cannot be used. */
export const REMAKE = 'remove the folder and prepare the data set again (relaybp data prepare)';

/** Whether a folder is a prepared part, as far as one can see. */
export const isPrepared = (folder: string): boolean => existsSync(join(folder, FACTS_FILE));

/** @throws DataError if the file is missing, damaged or of another format, or says what cannot be */
export function readFacts(folder: string): PreparedFacts {
  const path = join(folder, FACTS_FILE);
  let found: unknown;
  try {
    found = JSON.parse(readRegular(path));
  } catch (error) {
    throw new DataError(`${path}: cannot be read: ${messageOf(error)}`, REMAKE);
  }
  const format = z.object({ format: z.unknown() }).safeParse(found).data?.format;
  if (format !== 1) {
    const shown = JSON.stringify(format);
    throw new DataError(`${path}: its format is ${shown}, this version reads 1`, REMAKE);
  }
  const facts = factsSchema.safeParse(found);
  if (facts.success) return facts.data;
  const { path: key, message } = facts.error.issues[0]!;
  throw new DataError(`${path}: "${key.join('.')}" cannot be: ${message}`, REMAKE);
}
