import type { Dtype } from '../safetensors.js';

/** Data types of weights that others save; whole numbers (counters such as `num_batches_tracked`) are left out. */
export const FOREIGN_DTYPES: Readonly<Record<string, Dtype>> = {
  F32: { bytes: 4, convert: ({ buffer }) => new Float32Array(buffer) },
  F64: { bytes: 8, convert: ({ buffer }) => Float32Array.from(new Float64Array(buffer)) },
  F16: { bytes: 2, convert: ({ buffer }) => Float32Array.from(new Uint16Array(buffer), half) },
  BF16: { bytes: 2, convert: ({ buffer }) => brain(new Uint16Array(buffer)) },
  I64: { bytes: 8, convert: null },
  I32: { bytes: 4, convert: null },
  I16: { bytes: 2, convert: null },
  I8: { bytes: 1, convert: null },
  U8: { bytes: 1, convert: null },
  BOOL: { bytes: 1, convert: null },
};

/** IEEE 754 half precision: 1 sign bit, 5 of exponent, 10 of fraction. */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The upper halves of float32 values. */
function brain(values: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(values, (bits) => bits << 16).buffer);
}
