/**
 * A shard: many images in one file (docs/data.md).
 *
 *     the bytes of image after image; the table, 16 bytes for each: uint32 length, width, height, CRC-32;
 *     JSON of the failures, `[[place, reason], …]`; the end, 28 bytes: uint32 images, uint32 bytes of the JSON,
 *     float64 bytes of the images, uint32 CRC-32 of table and JSON, magic "RBPSHARD"
 *
 * Little-endian. An image that could not be decoded has the length 0.
 */
import crc32 from 'crc-32';

export const TABLE_ROW = 16;
const END = 28;
/** Bytes that the JSON of a failure may have, in the mean. */
const REASON = 1 << 14;
const MAGIC = 'RBPSHARD';

/** An image of a shard. */
export interface ShardImage {
  /** 8-bit RGB `[height, width, 3]`, or a JPEG; empty if it could not be decoded. */
  bytes: Uint8Array;
  width: number;
  height: number;
  /** Why it could not be decoded. */
  reason: string | null;
}

/** What a shard holds, without the images themselves. */
export interface ShardTable {
  count: number;
  /** `[count, 4]`: length, width, height, CRC-32. */
  rows: Uint32Array;
  /** Place in the shard and reason of each image that could not be decoded. */
  failures: [number, string][];
}

export const shardName = (shard: number): string => `shard-${String(shard).padStart(5, '0')}.bin`;

export const checksum = (bytes: Uint8Array): number => crc32.buf(bytes) >>> 0;

/** Collects the table while the images are written. */
export class ShardWriter {
  readonly #rows: number[] = [];
  readonly #failures: [number, string][] = [];
  #bytes = 0;

  add({ bytes, width, height, reason }: ShardImage): void {
    if (reason !== null) this.#failures.push([this.#rows.length / 4, reason]);
    this.#rows.push(bytes.length, width, height, checksum(bytes));
    this.#bytes += bytes.length;
  }

  /** What follows the images in the file. */
  end(): Buffer {
    const rows = Uint32Array.from(this.#rows);
    const failures = this.#failures.length === 0 ? '' : JSON.stringify(this.#failures);
    const table = Buffer.concat([Buffer.from(rows.buffer), Buffer.from(failures)]);
    const end = Buffer.alloc(END);
    end.writeUInt32LE(rows.length / 4, 0);
    end.writeUInt32LE(table.length - rows.byteLength, 4);
    end.writeDoubleLE(this.#bytes, 8);
    end.writeUInt32LE(checksum(table), 16);
    end.write(MAGIC, 20, 'latin1');
    return Buffer.concat([table, end]);
  }
}

/**
 * The table of a shard.
 *
 * @param size of the file in bytes
 * @param expected images
 * @param read gives bytes of the file
 * @returns also the bytes of the images
 * @throws Error that says in a few words what is wrong with the file
 */
export function readShardTable(
  size: number,
  expected: number,
  read: (position: number, length: number) => Buffer,
): { table: ShardTable; bytes: number } {
  if (size < END) throw new Error('it is cut off');
  const end = read(size - END, END);
  if (end.toString('latin1', 20) !== MAGIC) throw new Error('it is cut off, or no shard');
  const count = end.readUInt32LE(0);
  const text = end.readUInt32LE(4);
  const images = end.readDoubleLE(8);
  if (count !== expected) throw new Error(`it has ${count} images instead of ${expected}`);
  // Nothing is allocated that the file does not hold, or that only a hole in it makes it seem to hold.
  if (!Number.isSafeInteger(images) || images < 0 || text > 2 + count * REASON) {
    throw new Error('it is damaged');
  }
  if (images + count * TABLE_ROW + text + END !== size) throw new Error('it is damaged');
  const table = read(images, count * TABLE_ROW + text);
  if (checksum(table) !== end.readUInt32LE(16)) throw new Error('it is damaged');
  const rows = new Uint32Array(Uint8Array.from(table.subarray(0, count * TABLE_ROW)).buffer);
  const json = table.toString('utf8', count * TABLE_ROW);
  const failures = json === '' ? [] : (JSON.parse(json) as [number, string][]);
  return { table: { count, rows, failures }, bytes: images };
}
