import { mkdirSync, readdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import crc32c from 'crc-32/crc32c.js';
import { appendWhole } from '../files.js';
import { changing } from '../run/changing.js';
import { type Event, encodeEvent } from './event-proto.js';

/** A TensorBoard event file: TFRecords of serialized `tensorflow.Event` messages, appended one at a time. */
export class EventFile {
  private readonly path: string;

  /** Begins a new file in `folder`; its name sorts after those of the event files that are there. */
  constructor(folder: string) {
    changing(`${folder}: cannot be made`, () => mkdirSync(folder, { recursive: true }));
    const seconds = readdirSync(folder).map((name) =>
      Number(/tfevents\.(\d+)/.exec(name)?.[1] ?? 0),
    );
    const now = Math.max(Math.floor(Date.now() / 1000), 1 + Math.max(0, ...seconds));
    const stamp = String(now).padStart(10, '0');
    this.path = join(folder, `events.out.tfevents.${stamp}.${hostname()}.${process.pid}`);
    this.append({ fileVersion: 'brain.Event:2' });
  }

  append(event: Omit<Event, 'wallTime'>): void {
    const data = encodeEvent({ wallTime: Date.now() / 1000, ...event });
    changing(`${this.path}: cannot be written`, () => appendWhole(this.path, record(data)));
  }
}

/** One TFRecord: length, its checksum, the data, their checksum. */
export function record(data: Uint8Array): Buffer {
  const bytes = Buffer.alloc(data.byteLength + 16);
  bytes.writeBigUInt64LE(BigInt(data.byteLength), 0);
  bytes.writeUInt32LE(maskedCrc(bytes.subarray(0, 8)), 8);
  bytes.set(data, 12);
  bytes.writeUInt32LE(maskedCrc(data), data.byteLength + 12);
  return bytes;
}

/** CRC-32C, rotated and shifted as TFRecord does, so that checksums of data that hold checksums stay good ones. */
export function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c.buf(bytes) >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
