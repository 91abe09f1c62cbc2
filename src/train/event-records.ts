/** TFRecords, of which event files consist: length, its checksum, the data, their checksum. */
import { maskedCrc } from '../masked-crc.js';

/** Bytes of a record beside its data. */
const FRAME = 16;

export function record(data: Uint8Array): Buffer {
  const bytes = Buffer.alloc(data.byteLength + FRAME);
  bytes.writeBigUInt64LE(BigInt(data.byteLength), 0);
  bytes.writeUInt32LE(maskedCrc(bytes.subarray(0, 8)), 8);
  bytes.set(data, 12);
  bytes.writeUInt32LE(maskedCrc(data), data.byteLength + 12);
  return bytes;
}

/** The data of each record, up to the first that is cut off or damaged. */
export function* readRecords(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at + FRAME <= bytes.length; ) {
    const length = bytes.readBigUInt64LE(at);
    if (length > BigInt(bytes.length - at - FRAME)) return;
    if (bytes.readUInt32LE(at + 8) !== maskedCrc(bytes.subarray(at, at + 8))) return;
    const end = at + 12 + Number(length);
    const data = bytes.subarray(at + 12, end);
    if (bytes.readUInt32LE(end) !== maskedCrc(data)) return;
    yield data;
    at = end + 4;
  }
}
