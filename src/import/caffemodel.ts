import protobuf from 'protobufjs';
import { CheckpointError } from '../errors.js';
import type { NamedTensor } from '../safetensors.js';

/**
 * The weights of a `.caffemodel`: a `NetParameter` of caffe.proto. Read field by field, as decoding all of it into
 * objects would take many times its size.
 */

/** Field numbers of caffe.proto; `layers` is the older form of `layer`, with types as numbers. */
const NET = { layers: 2, layer: 100 } as const;
const LAYER = { name: 1, type: 2, blobs: 7 } as const;
const OLD_LAYER = { name: 4, type: 5, blobs: 6 } as const;
const BLOB = { num: 1, width: 4, data: 5, shape: 7, doubleData: 8 } as const;
const OLD_TYPES: Readonly<Record<number, string>> = { 4: 'Convolution', 14: 'InnerProduct' };
/** Types of Protocol Buffers' wire format. */
const WIRE = { varint: 0, fixed64: 1, delimited: 2, fixed32: 5 } as const;

interface CaffeLayer {
  name: string;
  type: string;
  blobs: NamedTensor[];
}

/**
 * @returns `<layer>.weight` (`[out, in, height, width]` or `[out, in]`) and `<layer>.bias` of every convolution and
 *   fully connected layer, in the file's order
 * @throws CheckpointError if it is no such file, or if other layers have weights
 */
export function readCaffeModel(file: Uint8Array, label: string): Map<string, NamedTensor> {
  let layers: CaffeLayer[];
  try {
    layers = readNet(file).filter(({ blobs }) => blobs.length > 0);
  } catch (error) {
    if (error instanceof CheckpointError) throw error;
    throw new CheckpointError(
      `${label}: not a valid .caffemodel: ${(error as Error).message}`,
      'it may be truncated; a snapshot in HDF5 (.caffemodel.h5) is not read',
    );
  }
  if (layers.length === 0) {
    throw new CheckpointError(`${label}: no layer in it has weights: not a .caffemodel?`);
  }
  const tensors = new Map<string, NamedTensor>();
  for (const layer of layers) {
    const { name, type, blobs } = layer;
    if ((type !== 'Convolution' && type !== 'InnerProduct') || blobs.length > 2) {
      throw new CheckpointError(
        `${label}: layer "${name}" is of the type ${type} and has ${blobs.length} blobs; only weights and biases of Convolution and InnerProduct layers are read`,
        'networks with batch normalization come from safetensors',
      );
    }
    const [weight, bias] = blobs;
    tensors.set(`${name}.weight`, { ...weight!, shape: weightShape(type, weight!) });
    if (bias) tensors.set(`${name}.bias`, { ...bias, shape: [bias.values.length] });
  }
  return tensors;
}

/** Old files write every shape with four numbers: a fully connected weight is `[1, 1, out, in]`. */
function weightShape(type: string, { shape }: NamedTensor): readonly number[] {
  return type === 'InnerProduct' ? shape.slice(-2) : shape;
}

function readNet(file: Uint8Array): CaffeLayer[] {
  const layers: CaffeLayer[] = [];
  fields(protobuf.Reader.create(file), file.byteLength, {
    [NET.layer]: (reader, end) => void layers.push(readLayer(reader, end, LAYER)),
    [NET.layers]: (reader, end) => void layers.push(readLayer(reader, end, OLD_LAYER)),
  });
  return layers;
}

function readLayer(
  reader: protobuf.Reader,
  end: number,
  numbers: typeof LAYER | typeof OLD_LAYER,
): CaffeLayer {
  const layer: CaffeLayer = { name: '', type: '', blobs: [] };
  fields(reader, end, {
    [numbers.name]: (from, to) => {
      layer.name = Buffer.from(take(from, to)).toString('utf8');
    },
    [numbers.type]: (from, to, wire) => {
      const number = wire === WIRE.varint ? from.uint32() : null;
      layer.type =
        number === null
          ? Buffer.from(take(from, to)).toString('utf8')
          : (OLD_TYPES[number] ?? `number ${number}`);
    },
    [numbers.blobs]: (from, to) => void layer.blobs.push(readBlob(from, to)),
  });
  return layer;
}

function readBlob(reader: protobuf.Reader, end: number): NamedTensor {
  const old: (number | undefined)[] = [];
  let shape: number[] | null = null;
  const parts: Float32Array[] = [];
  const oldSize = (from: protobuf.Reader, field: number): void => {
    old[field - BLOB.num] = Number(from.int64());
  };
  const sizes = Object.fromEntries(
    [1, 2, 3, 4].map((field) => [field, (from: protobuf.Reader) => oldSize(from, field)]),
  );
  fields(reader, end, {
    ...sizes,
    [BLOB.shape]: (from, to) => {
      shape = readShape(from, to);
    },
    [BLOB.data]: (from, to, wire) => {
      const single = wire === WIRE.fixed32;
      parts.push(single ? Float32Array.of(from.float()) : new Float32Array(take(from, to).buffer));
    },
    [BLOB.doubleData]: (from, to, wire) => {
      const single = wire === WIRE.fixed64;
      const values = single ? [from.double()] : new Float64Array(take(from, to).buffer);
      parts.push(Float32Array.from(values));
    },
  });
  const found = shape ?? Array.from({ length: 4 }, (_, i) => old[i] ?? 1);
  const values = joined(parts);
  const expected = found.reduce((product, size) => product * size, 1);
  if (expected !== values.length) {
    throw new Error(`a blob of shape [${found.join(', ')}] has ${values.length} values`);
  }
  return { shape: found, values };
}

function readShape(reader: protobuf.Reader, end: number): number[] {
  const shape: number[] = [];
  fields(reader, end, {
    1: (from, to, wire) => {
      if (wire === WIRE.varint) shape.push(Number(from.int64()));
      else while (from.pos < to) shape.push(Number(from.int64()));
    },
  });
  return shape;
}

type Handler = (reader: protobuf.Reader, end: number, wire: number) => void;

/** Reads the fields of a message that ends at `end`; those without a handler are skipped. */
function fields(
  reader: protobuf.Reader,
  end: number,
  handlers: Readonly<Record<number, Handler>>,
): void {
  while (reader.pos < end) {
    const tag = reader.uint32();
    const wire = tag & 7;
    const handler = handlers[tag >>> 3];
    if (!handler) {
      reader.skipType(wire);
      continue;
    }
    const length = wire === WIRE.delimited ? reader.uint32() : 0;
    const stop = reader.pos + length;
    if (stop > reader.len) throw new Error(`it ends in the middle of a field of ${length} bytes`);
    handler(reader, stop, wire);
    if (wire === WIRE.delimited && reader.pos !== stop)
      throw new Error('a field has a wrong length');
  }
}

/** A copy of the bytes up to `end`. */
function take(reader: protobuf.Reader, end: number): Uint8Array<ArrayBuffer> {
  const bytes = Uint8Array.from(reader.buf.subarray(reader.pos, end));
  reader.pos = end;
  return bytes;
}

function joined(parts: readonly Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0]!;
  const values = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    values.set(part, at);
    at += part.length;
  }
  return values;
}
