/** A prepared part of a data set: its images resized and packed into shards, with the index of the originals. */
import { closeSync, fstatSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../../errors.js';
import { openRegular } from '../../regular-file.js';
import { messageOf } from '../../system-error.js';
import { fingerprint, rememberFingerprint } from './fingerprint.js';
import type { ImageIndex } from './image-index.js';
import { readIndexFile } from './index-file.js';
import type { Packed } from './packed.js';
import { type PreparedFacts, REMAKE, readFacts } from './prepared-facts.js';
import { relabelled } from './relabel.js';
import { checkShardTable } from './shard-check.js';
import { readShardTable, type ShardTable, shardName } from './shard-file.js';

export const INDEX_FILE = 'index.bin';

/**
 * Opens a prepared part: the same index as of the originals, so the same sampling, and where the pixels are.
 *
 * @param classes the trained classes, matched by name; without them those that were prepared
 * @throws DataError if the part is incomplete or damaged, says what cannot be, or has a class that is not among `classes`
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
  const opened = { ...index, packed: packed(folder, facts) };
  if (index === kept) rememberFingerprint(opened, facts.fingerprint);
  return opened;
}

function keptIndex(folder: string, facts: PreparedFacts): ImageIndex {
  const path = join(folder, INDEX_FILE);
  try {
    const kept = readIndexFile(path, facts.source);
    if (kept === null) throw new Error('it is missing');
    if (kept.index.count !== facts.images) throw new Error('it is of another data set');
    // A prepared image cannot change: its checksum tells.
    const index = { ...kept.index, mtimes: new Uint32Array(kept.index.count) };
    // It names kept statistics: those of other images must not be taken for these, or written over.
    if (fingerprint(index) !== facts.fingerprint) throw new Error('its fingerprint is another');
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
    const table = shardTable(folder, shard, facts);
    rows.set(table.rows, 4 * first);
    for (let i = 0, offset = 0; i < table.count; i++) {
      offsets[first + i] = offset;
      offset += table.rows[4 * i]!;
    }
    for (const [place, reason] of table.failures) failures.push([first + place, reason]);
  }
  return { folder, encoding, side, decoding, imagesPerShard, offsets, rows, failures };
}

/** @throws DataError if the shard is missing or damaged, or its table says what cannot be */
export function shardTable(folder: string, shard: number, facts: PreparedFacts): ShardTable {
  const path = join(folder, shardName(shard));
  const { imagesPerShard, images } = facts;
  const count = Math.min(imagesPerShard, images - shard * imagesPerShard);
  try {
    const file = openRegular(path);
    try {
      const read = (position: number, length: number): Buffer => {
        const bytes = Buffer.alloc(length);
        if (readSync(file, bytes, 0, length, position) !== length) throw new Error('it is cut off');
        return bytes;
      };
      const { table, bytes } = readShardTable(fstatSync(file).size, count, read);
      checkShardTable(table, bytes, facts);
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
