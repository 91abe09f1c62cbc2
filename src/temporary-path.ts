import { createHash, randomBytes } from 'node:crypto';
import { basename, dirname, join } from 'node:path';

/** Bytes of a name that its temporary name begins with: file systems take names of 255 bytes, some of 143. */
const KEPT = 100;

/**
 * Where a file is written before it gets its name: beside it, `name.<random>.tmp`, however long the name is.
 */
export function temporaryPath(path: string): string {
  const tag = randomBytes(4).toString('hex');
  return join(dirname(path), `${beginning(basename(path))}.${tag}.tmp`);
}

/** Short, the same each time, and another for every name. */
export const tagOf = (name: string | Uint8Array): string =>
  createHash('sha256').update(name).digest('hex').slice(0, 16);

/** So many whole characters as take no more than `most` bytes. */
export function beginning(name: string, most = KEPT): string {
  let [text, bytes] = ['', 0];
  for (const character of name) {
    bytes += Buffer.byteLength(character);
    if (bytes > most) break;
    text += character;
  }
  return text;
}
