import type { Shape } from '../engine/engine.js';
import { maskedCrc } from '../masked-crc.js';
import { volume } from '../model/layers/layer-plan.js';
import { messageType } from '../protos.js';
import { encode, type Piece, values } from './wire.js';

/**
 * TensorFlow's checkpoint format ("tensor bundle"): the values of all tensors in one file, and an index from names to
 * places in it, which is a table as LevelDB writes them.
 */

/** Ends every table. */
const MAGIC = 0xdb4775248b80fb57n;
const FOOTER = 48;
const UNCOMPRESSED = 0;

export interface BundleTensor {
  readonly name: string;
  readonly shape: Shape;
  readonly dtype: 'float32' | 'float16';
  read(): Float32Array | Uint16Array;
}

export const DATA_TYPES = { float32: 'DT_FLOAT', float16: 'DT_HALF' } as const;
const BYTES = { float32: 4, float16: 2 } as const;

const bytesOf = ({ shape, dtype }: BundleTensor): number => BYTES[dtype] * volume(shape);

/**
 * The files of a checkpoint by name. The index has checksums of the values: it must be read after them.
 *
 * @param prefix of the files' names
 */
export function tensorBundle(
  prefix: string,
  tensors: readonly BundleTensor[],
): Map<string, Piece[]> {
  const sorted = [...tensors].sort((a, b) =>
    Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)),
  );
  const checksums = new Map<string, number>();
  const data = sorted.map((tensor): Piece => {
    const { name, read } = tensor;
    const piece = values(bytesOf(tensor), read);
    return {
      byteLength: piece.byteLength,
      read() {
        const bytes = piece.read();
        checksums.set(name, maskedCrc(bytes));
        return bytes;
      },
    };
  });
  const { byteLength } = index(sorted, checksums); // checksums have a fixed size
  return new Map([
    [`${prefix}.data-00000-of-00001`, data],
    [`${prefix}.index`, [{ byteLength, read: () => index(sorted, checksums) }]],
  ]);
}

function index(tensors: readonly BundleTensor[], checksums: ReadonlyMap<string, number>): Buffer {
  const header = encode(messageType('tensorflow', 'BundleHeaderProto'), {
    numShards: 1,
    version: { producer: 1 },
  });
  let offset = 0;
  const entries = tensors.map((tensor): [string, Uint8Array] => {
    const { name, shape, dtype } = tensor;
    const size = bytesOf(tensor);
    const entry = encode(messageType('tensorflow', 'BundleEntryProto'), {
      dtype: DATA_TYPES[dtype],
      shape: { dim: shape.map((length) => ({ size: length })) },
      offset,
      size,
      crc32c: checksums.get(name) ?? 0,
    });
    offset += size;
    return [name, entry.read()];
  });
  return table([['', header.read()], ...entries]);
}

/** A table of one block. @param entries in the order of their keys' bytes */
function table(entries: readonly (readonly [string, Uint8Array])[]): Buffer {
  const data = block(entries);
  const meta = block([]);
  const last = entries.at(-1)![0];
  const directory = block([[last, handle(0, data)]]);
  const footer = Buffer.alloc(FOOTER);
  const places = [handle(data.length, meta), handle(data.length + meta.length, directory)];
  Buffer.concat(places).copy(footer);
  footer.writeBigUInt64LE(MAGIC, FOOTER - 8);
  return Buffer.concat([data, meta, directory, footer]);
}

const TRAILER = 5;

/** Entries (shared key bytes: none; lengths; key; value), where each begins, their number, kind and checksum. */
function block(entries: readonly (readonly [string, Uint8Array])[]): Buffer {
  const pieces: Buffer[] = [];
  const starts: number[] = [];
  let at = 0;
  for (const [key, value] of entries) {
    const bytes = Buffer.from(key);
    const lengths = [0, bytes.length, value.length].map(varint);
    const entry = Buffer.concat([...lengths, bytes, value]);
    starts.push(at);
    pieces.push(entry);
    at += entry.length;
  }
  const restarts = starts.length === 0 ? [0] : starts;
  const end = Buffer.from(Uint32Array.from([...restarts, restarts.length]).buffer);
  const content = Buffer.concat([...pieces, end, Buffer.of(UNCOMPRESSED)]);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32LE(maskedCrc(content));
  return Buffer.concat([content, checksum]);
}

/** Where a block lies; its trailer does not count. */
function handle(offset: number, content: Buffer): Buffer {
  return Buffer.concat([varint(offset), varint(content.length - TRAILER)]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
}
