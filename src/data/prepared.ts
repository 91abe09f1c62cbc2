/** A prepared part of a data set: its images resized and packed into shards, with the index of the originals. */
import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../errors.js';
import { messageOf } from '../system-error.js';
import { rememberFingerprint } from './fingerprint.js';
import type { ImageIndex } from './image-index.js';
import { readIndexFile } from './index-file.js';
import type { Packed } from './packed.js';
import { relabelled } from './relabel.js';
import { readShardTable, type ShardTable, shardName } from './shard-file.js';

/** `prepared.json` of a part: what it was made from and how. */
export interface PreparedFacts {
  format: 1;
  /** Whether all shards are there. */
  complete: boolean;
  /** The part that was prepared, and its fingerprint. */
  source: string;
  fingerprint: string;
  /** Pixels as they were decoded, or JPEGs. */
  encoding: 'raw' | 'jpeg';
  /** Length of the shorter side in pixels. */
  side: number;
  /** Of the JPEGs, 1 to 100; null for pixels. */
  quality: number | null;
  /** Larger images were left out; see `data.maxPixels`. */
  maxPixels: number;
  /** See `DECODING`. */
  decoding: number;
  images: number;
  imagesPerShard: number;
  shards: number;
}

export const FACTS_FILE = 'prepared.json';
export const INDEX_FILE = 'index.bin';

/** Whether a folder is a prepared part, as far as one can see. */
export const isPrepared = (folder: string): boolean => existsSync(join(folder, FACTS_FILE));

/** @throws DataError if the file is missing, damaged or of another format */
export function readFacts(folder: string): PreparedFacts {
  const path = join(folder, FACTS_FILE);
  let facts: PreparedFacts;
  try {
    facts = JSON.parse(readFileSync(path, 'utf8')) as PreparedFacts;
  } catch (error) {
    throw new DataError(`${path}: cannot be read: ${messageOf(error)}`, REMAKE);
  }
  if (facts.format === 1) return facts;
  const found = JSON.stringify(facts.format);
  throw new DataError(`${path}: its format is ${found}, this version reads 1`, REMAKE);
}

const REMAKE = 'remove the folder and prepare the data set again (relaybp data prepare)';

/**
 * Opens a prepared part: the same index as of the originals, so the same sampling, and where the pixels are.
 *
 * @param classes the trained classes, matched by name; without them those that were prepared
 * @throws DataError if the part is incomplete or damaged, or has a class that is not among `classes`
 */
export function openPrepared(folder: string, classes: readonly string[] | undefined): ImageIndex {
  const facts = readFacts(folder);
  if (!facts.complete) {
    throw new DataError(
      `${folder}: is not prepared completely`,
      'run the same relaybp data prepare again: it goes on where it stopped',
    );
  }
  const kept = keptIndex(folder, facts);
  const index = classes ? relabelled(kept, classes) : kept;
  if (typeof index === 'string') {
    throw new DataError(
      `${folder}: has the class ${JSON.stringify(index)}, which the model was not trained on; it knows ${classes!.length} classes`,
      'use the data set that the model was trained on',
    );
  }
  return { ...index, packed: packed(folder, facts) };
}

function keptIndex(folder: string, facts: PreparedFacts): ImageIndex {
  const path = join(folder, INDEX_FILE);
  try {
    const kept = readIndexFile(path, facts.source);
    if (kept === null) throw new Error('it is missing');
    if (kept.index.count !== facts.images) throw new Error('it is of another data set');
    // A prepared image cannot change: its checksum tells.
    const index = { ...kept.index, mtimes: new Uint32Array(kept.index.count) };
    rememberFingerprint(index, kept.facts.fingerprint);
    return index;
  } catch (error) {
    throw new DataError(`${path}: ${messageOf(error)}`, REMAKE);
  }
}

/** Where every image is, from the tables of all shards. */
function packed(folder: string, facts: PreparedFacts): Packed {
  const { images, imagesPerShard, encoding, side, decoding } = facts;
  const shared = (bytes: number): SharedArrayBuffer => new SharedArrayBuffer(bytes);
  const offsets = new Float64Array(shared(8 * images));
  const rows = new Uint32Array(shared(16 * images));
  const failures: [number, string][] = [];
  for (let shard = 0, first = 0; shard < facts.shards; shard++, first += imagesPerShard) {
    const table = shardTable(folder, shard, Math.min(imagesPerShard, images - first));
    rows.set(table.rows, 4 * first);
    for (let i = 0, offset = 0; i < table.count; i++) {
      offsets[first + i] = offset;
      offset += table.rows[4 * i]!;
    }
    for (const [place, reason] of table.failures) failures.push([first + place, reason]);
  }
  return { folder, encoding, side, decoding, imagesPerShard, offsets, rows, failures };
}

/** @throws DataError if the shard is missing or damaged, or has another number of images than `count` */
export function shardTable(folder: string, shard: number, count: number): ShardTable {
  const path = join(folder, shardName(shard));
  try {
    const file = openSync(path, 'r');
    try {
      const table = readShardTable(fstatSync(file).size, (position, length) => {
        const bytes = Buffer.alloc(length);
        if (readSync(file, bytes, 0, length, position) !== length) throw new Error('it is cut off');
        return bytes;
      });
      if (table.count !== count)
        throw new Error(`it has ${table.count} images instead of ${count}`);
      return table;
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw new DataError(
      `${path}: ${messageOf(error)}`,
      'remove this file and run the same relaybp data prepare again: it is made anew',
    );
  }
}
