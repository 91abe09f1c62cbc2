import { describe, expect, it } from 'vitest';
import { CheckpointError } from '../src/errors.js';
import { decodeSafetensors, encodeSafetensors } from '../src/safetensors.js';

/** A file with a header of one's own and a body of `bytes` bytes. */
function fileWith(header: unknown, bytes: number): Uint8Array {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, Buffer.alloc(bytes)]);
}

const decode = (file: Uint8Array) => decodeSafetensors(file, 'f.safetensors');

describe('safetensors', () => {
  const tensors = new Map([
    ['conv1_1.weight', { shape: [2, 1, 3], values: Float32Array.of(1, 2, 3, 4, 5, -6.5) }],
    ['empty', { shape: [0], values: new Float32Array() }],
    ['scalar', { shape: [], values: Float32Array.of(7) }],
  ]);

  it('reads what it wrote', () => {
    const file = Buffer.concat([...encodeSafetensors(tensors)]);
    expect([...decode(file)]).toEqual([...tensors]);
  });

  it('writes the bytes of the format: header length, JSON padded to 8, values little-endian', () => {
    const one = new Map([['a', { shape: [1], values: Float32Array.of(1) }]]);
    const file = Buffer.concat([...encodeSafetensors(one)]);
    const header = Number(file.readBigUInt64LE(0));
    expect(header % 8).toBe(0);
    expect(JSON.parse(file.subarray(8, 8 + header).toString())).toEqual({
      __metadata__: { format: 'relaybp' },
      a: { dtype: 'F32', shape: [1], data_offsets: [0, 4] },
    });
    expect([...file.subarray(8 + header)]).toEqual([0, 0, 0x80, 0x3f]);
  });

  it('gives arrays of their own, not views into a larger buffer', () => {
    const [first] = decode(Buffer.concat([...encodeSafetensors(tensors)])).values();
    expect(first?.values.buffer.byteLength).toBe(24);
  });

  const entry = (extra: object) => ({
    a: { dtype: 'F32', shape: [2], data_offsets: [0, 8], ...extra },
  });
  it.each([
    ['an empty file', new Uint8Array(), /0 bytes, a header length alone takes 8/],
    [
      'a header longer than the file',
      Buffer.from('ffffffffffffff7f00', 'hex'),
      /the header claims \d+ bytes, the file has 1/,
    ],
    ['no JSON', fileWith('{"a":', 0), /the header is not JSON/],
    ['a list', fileWith([1], 0), /the header is not a JSON object/],
    [
      'a dtype that is not read',
      fileWith(entry({ dtype: 'BF16' }), 8),
      /tensor "a" has dtype BF16; only F32 is read/,
    ],
    ['a negative size', fileWith(entry({ shape: [-2] }), 8), /tensor "a" has the shape \[-2\]/],
    [
      'a huge size',
      fileWith(entry({ shape: [2 ** 40] }), 8),
      /tensor "a" has 8 bytes, its shape needs 4398046511104/,
    ],
    [
      'an overlap',
      fileWith({ ...entry({}), b: { dtype: 'F32', shape: [1], data_offsets: [4, 8] } }, 8),
      /tensor "b" begins at 4, not 8: a gap or an overlap/,
    ],
    [
      'a truncated body',
      fileWith(entry({}), 7),
      /tensor "a" ends at byte \d+, the file has \d+: truncated/,
    ],
    ['bytes too many', fileWith(entry({}), 12), /4 bytes after the last tensor/],
    [
      'no offsets',
      fileWith({ a: { dtype: 'F32', shape: [] } }, 4),
      /tensor "a" has the data_offsets undefined/,
    ],
    [
      'an entry that is no object',
      fileWith({ a: 3 }, 4),
      /tensor "a" is not described by an object/,
    ],
  ])('refuses %s', (_, file, message) => {
    expect(() => decode(file)).toThrow(CheckpointError);
    expect(() => decode(file)).toThrow(message);
  });
});
