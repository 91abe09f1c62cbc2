/** Images that lie decoded and resized, or as small JPEGs, in shards. */
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { DataError } from '../../errors.js';
import { openRegularFile } from '../../regular-file.js';
import { type DecodeOptions, decodePart } from '../images/decode.js';
import { type ImagePart, wholeImage } from '../images/image-part.js';
import { RESIZING_KERNEL } from '../images/preprocessing.js';
import { checksum, shardName } from './shard-file.js';

/** Where the images of an index are; plain data that a worker can receive. */
export interface Packed {
  /** With the shards. */
  readonly folder: string;
  readonly encoding: 'raw' | 'jpeg';
  /** Length of the shorter side that the images were resized to. */
  readonly side: number;
  /** How the originals were decoded: `DECODING` of then. */
  readonly decoding: number;
  readonly imagesPerShard: number;
  /** `[images]`: where each begins in its shard. */
  readonly offsets: Float64Array;
  /** `[images, 4]`: length in bytes (0: could not be decoded), width, height, CRC-32. */
  readonly rows: Uint32Array;
  /** Image and reason of those that could not be decoded. */
  readonly failures: readonly (readonly [number, string])[];
}

/** @throws DataError if images of a larger shorter side are asked for than there are */
export function checkSide({ folder, side }: Packed, wanted: number): void {
  if (wanted <= side) return;
  throw new DataError(
    `${folder}: prepared with a shorter side of ${side}, but images of ${wanted} are needed`,
    `prepare with --side ${wanted}, or use the original images`,
  );
}

/** Reads images out of shards. Files stay open until `close()`. */
export class PackedReader {
  readonly #packed: Packed;
  readonly #files = new Map<number, Promise<FileHandle>>();
  readonly #failures: Map<number, string>;

  constructor(packed: Packed) {
    this.#packed = packed;
    this.#failures = new Map(packed.failures);
  }

  /**
   * The image as `decodePart` gives it of the original, to the bit if it is stored as pixels and asked for at the
   * size that it was prepared for; a smaller one is resized from the stored one.
   *
   * @throws Error with the reason if it could not be decoded, or is damaged
   */
  async read(image: number, options: DecodeOptions): Promise<ImagePart> {
    const { resize } = options;
    const reason = this.#failures.get(image);
    if (reason !== undefined) throw new Error(reason);
    const { encoding, side } = this.#packed;
    const bytes = await this.#bytes(image);
    if (encoding === 'jpeg') return decodePart({ contents: bytes, name: null }, options);
    const width = this.#packed.rows[4 * image + 1]!;
    const height = this.#packed.rows[4 * image + 2]!;
    if (resize === side) return wholeImage({ data: bytes, width, height });
    const { data, info } = await sharp(bytes, { raw: { width, height, channels: 3 } })
      .resize({ width: resize, height: resize, fit: 'outside', kernel: RESIZING_KERNEL })
      .raw()
      .toBuffer({ resolveWithObject: true });
    return wholeImage({ data, width: info.width, height: info.height });
  }

  async #bytes(image: number): Promise<Buffer> {
    const { imagesPerShard, offsets, rows } = this.#packed;
    const shard = Math.floor(image / imagesPerShard);
    const file = await this.#file(shard);
    const length = rows[4 * image]!;
    const bytes = Buffer.allocUnsafeSlow(length);
    const { bytesRead } = await file.read(bytes, 0, length, offsets[image]!);
    if (bytesRead === length && checksum(bytes) === rows[4 * image + 3]) return bytes;
    throw new Error(`damaged in ${shardFile(this.#packed, shard)}`);
  }

  #file(shard: number): Promise<FileHandle> {
    let file = this.#files.get(shard);
    if (!file) {
      file = openRegularFile(shardFile(this.#packed, shard)).then(({ file }) => file);
      this.#files.set(shard, file);
    }
    return file;
  }

  async close(): Promise<void> {
    const files = await Promise.allSettled(this.#files.values());
    await Promise.all(files.map((file) => file.status === 'fulfilled' && file.value.close()));
  }
}

const shardFile = ({ folder }: Packed, shard: number): string => join(folder, shardName(shard));
