import protobuf from 'protobufjs';
import { ExportError } from '../errors.js';

/**
 * Protocol buffers that are larger than one would want to hold in memory: messages as lists of pieces, of which the
 * large ones are read when they are written. Small messages are encoded by protobufjs from the schemas in `protos/`.
 */

/** Some bytes: how many is known beforehand, they themselves are asked for once, when their turn comes. */
export interface Piece {
  readonly byteLength: number;
  read(): Uint8Array;
}

/** Parsers of protocol buffers refuse messages of 2 GiB and more. */
const LARGEST = 2 ** 31 - 1;
const LENGTH_DELIMITED = 2;

/** A message that fits in memory. @throws Error if a field has a wrong type: a mistake in this program */
export function encode(type: protobuf.Type, message: Record<string, unknown>): Piece {
  const value = type.fromObject(message);
  const problem = type.verify(value);
  if (problem) throw new Error(`${type.name}: ${problem}`);
  return whole(type.encode(value).finish());
}

export function whole(bytes: Uint8Array): Piece {
  return { byteLength: bytes.byteLength, read: () => bytes };
}

/** The little-endian bytes of numbers. */
export function values(byteLength: number, read: () => ArrayBufferView<ArrayBufferLike>): Piece {
  return {
    byteLength,
    read: () => {
      const { buffer, byteOffset, byteLength } = read();
      return new Uint8Array(buffer, byteOffset, byteLength);
    },
  };
}

/** A field that holds a message, text or bytes, made of pieces. @throws ExportError beyond what the format allows */
export function field(number: number, pieces: readonly Piece[]): Piece[] {
  const length = size(pieces);
  if (length > LARGEST) {
    throw new ExportError(
      `the model has ${length} bytes; this format's files end at ${LARGEST} (2 GiB)`,
      'export it as --format saved-model, tfjs or safetensors, which have no such limit',
    );
  }
  const head = protobuf.Writer.create();
  head.uint32((number << 3) | LENGTH_DELIMITED).uint32(length);
  return [whole(head.finish()), ...pieces];
}

export function size(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, { byteLength }) => sum + byteLength, 0);
}

export function* read(pieces: Iterable<Piece>): Generator<Uint8Array> {
  for (const piece of pieces) yield piece.read();
}
