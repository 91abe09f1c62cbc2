/**
 * The file that data statistics are kept in.
 *
 * JSON: `{format, sha256, statistics}`, where `statistics` is a JSON text itself so that its
 * SHA-256 can be checked; in it the mean image is base64 of little-endian float32 values.
 */
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { replaceFile } from '../../files.js';
import { MOST_ROWS, readRegular } from '../../regular-file.js';
import type { DataStatistics } from './data-statistics.js';

const FORMAT = 'relaybp-statistics-2';

/** Path of the file for a key: any plain object that says what the statistics were made from. */
export function statisticsFile(folder: string, key: Record<string, string | number>): string {
  return join(folder, `statistics-${sha256(JSON.stringify(key)).slice(0, 20)}.json`);
}

/** A reader never sees half a file. */
export function writeStatistics(path: string, statistics: DataStatistics): void {
  const { mean, ...rest } = statistics;
  const bytes = Buffer.from(mean.buffer, mean.byteOffset, mean.byteLength);
  const text = JSON.stringify({ ...rest, mean: bytes.toString('base64') });
  mkdirSync(dirname(path), { recursive: true });
  replaceFile(path, JSON.stringify({ format: FORMAT, sha256: sha256(text), statistics: text }));
}

/** Null if the file is missing, damaged or of another format. @param values of the mean image */
export function readStatistics(path: string, values: number): DataStatistics | null {
  try {
    const outer = JSON.parse(readRegular(path, MOST_ROWS)) as Record<string, string>;
    const text = outer.statistics;
    if (outer.format !== FORMAT || text === undefined || sha256(text) !== outer.sha256) return null;
    const inner = JSON.parse(text) as Omit<DataStatistics, 'mean'> & { mean: string };
    const bytes = Buffer.from(inner.mean, 'base64');
    if (bytes.length !== 4 * values) return null;
    return { ...inner, mean: new Float32Array(Uint8Array.from(bytes).buffer) };
  } catch {
    return null;
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
