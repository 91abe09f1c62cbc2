/** Writes a part of a data set into shards (docs/data.md). */
import { createWriteStream, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import sharp from 'sharp';
import { DECODING } from '../data/images/decode.js';
import type { Pixels } from '../data/images/preprocessing.js';
import { fingerprint } from '../data/index/fingerprint.js';
import type { ImageIndex } from '../data/index/image-index.js';
import { writeIndexFile } from '../data/index/index-file.js';
import { INDEX_FILE, shardTable } from '../data/index/prepared.js';
import {
  FACTS_FILE,
  isPrepared,
  type PreparedFacts,
  readFacts,
} from '../data/index/prepared-facts.js';
import { ShardWriter, shardName } from '../data/index/shard-file.js';
import { ConfigError } from '../errors.js';
import { replaceFile, syncFolder } from '../files.js';
import type { PreparingSource } from './originals.js';
import { OutputFolders } from './place.js';
import { checkSame } from './settings.js';

export interface ShardSettings {
  side: number;
  /** Of JPEGs; null: pixels as they are. */
  quality: number | null;
  maxPixels: number;
  /** Default: as many as make about 256 MiB. */
  imagesPerShard?: number;
}

export interface WrittenShards {
  /** Shards. */
  files: number;
  /** Of them, those that were there before. */
  kept: number;
  bytes: number;
}

/**
 * @param root folder for the prepared data set, absolute
 * @param part the name of the part's folder below it, made if missing; shards that are there already are kept
 * @throws ConfigError if the folder was prepared from other images or with other settings
 */
export async function prepareShards(
  index: ImageIndex,
  root: string,
  part: string,
  settings: ShardSettings,
  source: PreparingSource,
): Promise<WrittenShards> {
  const folder = join(root, part);
  new OutputFolders(root).make(folder);
  const facts = factsOf(index, settings);
  begin(folder, index, facts);
  const written: WrittenShards = { files: facts.shards, kept: 0, bytes: 0 };
  for (let shard = 0; shard < facts.shards; shard++) {
    const first = shard * facts.imagesPerShard;
    const end = Math.min(first + facts.imagesPerShard, index.count);
    const path = join(folder, shardName(shard));
    const failures = keptFailures(folder, shard, facts);
    if (failures) {
      written.kept++;
      source.before(end - first, failures);
    } else await writeShard(path, first, end, settings, source);
    written.bytes += statSync(path).size;
  }
  syncFolder(folder);
  replaceFile(join(folder, FACTS_FILE), json({ ...facts, complete: true }));
  return written;
}

function factsOf(index: ImageIndex, settings: ShardSettings): PreparedFacts {
  const { side, quality, maxPixels } = settings;
  const imagesPerShard = settings.imagesPerShard ?? usualCount(side, quality);
  return {
    format: 1,
    complete: false,
    source: index.root,
    fingerprint: fingerprint(index),
    encoding: quality === null ? 'raw' : 'jpeg',
    side,
    quality,
    maxPixels,
    decoding: DECODING,
    images: index.count,
    imagesPerShard,
    shards: Math.ceil(index.count / imagesPerShard),
  };
}

/** Images of 4:3 in 256 MiB; a JPEG of good quality takes about an eighth of the pixels' bytes. */
function usualCount(side: number, quality: number | null): number {
  const bytes = (side * side * 4) / (quality === null ? 1 : 8);
  return Math.min(65_536, Math.max(64, Math.floor(2 ** 28 / bytes)));
}

const json = (facts: PreparedFacts): string => `${JSON.stringify(facts, null, 2)}\n`;

/** Writes its index into the folder; what an earlier, interrupted run has left half-written is removed. */
function begin(folder: string, index: ImageIndex, facts: PreparedFacts): void {
  if (isPrepared(folder)) {
    const { complete: _, ...wanted } = facts;
    checkSame(folder, { ...readFacts(folder) }, wanted);
  } else {
    const found = readdirSync(folder)[0];
    if (found !== undefined && !found.startsWith(INDEX_FILE)) {
      throw new ConfigError(
        `--out: ${folder} is not empty (${JSON.stringify(found)}) and was not prepared by relaybp`,
        'name a new or empty folder',
      );
    }
    writeIndexFile(join(folder, INDEX_FILE), {
      facts: {
        classes: index.classes,
        fingerprint: facts.fingerprint,
        missingClasses: [],
        strayFiles: 0,
        list: null,
      },
      index,
      directories: {
        pathBytes: new Uint8Array(0),
        pathOffsets: new Uint32Array(1),
        states: new Float64Array(0),
      },
    });
    replaceFile(join(folder, FACTS_FILE), json(facts));
  }
  for (const name of readdirSync(folder)) {
    if (name.endsWith('.tmp')) rmSync(join(folder, name), { force: true });
  }
}

/** Failures of a shard that is there and whole; null if it has to be written. */
function keptFailures(folder: string, shard: number, facts: PreparedFacts) {
  if (!statSync(join(folder, shardName(shard)), { throwIfNoEntry: false })) return null;
  const { failures } = shardTable(folder, shard, facts);
  const first = shard * facts.imagesPerShard;
  return failures.map(([place, reason]) => ({ image: first + place, reason }));
}

async function writeShard(
  path: string,
  first: number,
  end: number,
  { quality }: ShardSettings,
  source: PreparingSource,
): Promise<void> {
  const table = new ShardWriter();
  async function* content(): AsyncGenerator<Uint8Array> {
    const encode = async (pixels: Pixels) => ({
      ...pixels,
      bytes: quality === null ? pixels.data : await jpegOf(pixels, quality),
    });
    for await (const prepared of source.images(first, end, () => true, encode)) {
      if ('reason' in prepared) {
        table.add({ bytes: new Uint8Array(0), width: 0, height: 0, reason: prepared.reason });
      } else {
        const { bytes, width, height } = prepared.encoded;
        table.add({ bytes, width, height, reason: null });
        if (bytes.length > 0) yield bytes;
      }
    }
    yield table.end();
  }
  const temporary = `${path}.tmp`;
  try {
    await pipeline(
      Readable.from(content(), { objectMode: true, highWaterMark: 2 }),
      createWriteStream(temporary, { flush: true }),
    );
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

function jpegOf({ data, width, height }: Pixels, quality: number): Promise<Buffer> {
  return sharp(data, { raw: { width, height, channels: 3 } })
    .jpeg({ quality })
    .toBuffer();
}
