import { ExportError } from '../errors.js';

const LARGEST = 65504;
const single = new Float32Array(1);
const bits = new Uint32Array(single.buffer);

/**
 * Values as IEEE 754 half precision: the nearest, halves to even; below 2^-24 what is nearer to zero is zero.
 *
 * @param name of the weight, for messages
 * @throws ExportError for a value that would be infinite
 */
export function toFloat16(values: Float32Array, name: string): Uint16Array {
  return Uint16Array.from(values, (value) => {
    const half = halfBits(value);
    if ((half & 0x7c00) !== 0x7c00) return half;
    throw new ExportError(
      `${name}: ${value} is beyond what float16 holds, -${LARGEST} to ${LARGEST}`,
      'export it with --weights float32',
    );
  });
}

function halfBits(value: number): number {
  single[0] = value;
  const sign = (bits[0]! >>> 16) & 0x8000;
  const exponent = ((bits[0]! >>> 23) & 0xff) - 127;
  const fraction = bits[0]! & 0x7fffff;
  if (exponent > 15) return sign | 0x7c00;
  if (exponent >= -14) return sign | roundedShift(((exponent + 15) << 23) | fraction, 13);
  if (exponent < -25) return sign;
  return sign | roundedShift(0x800000 | fraction, -exponent - 1);
}

/** `value / 2^by`, halves to even. A carry runs into the exponent, as it should. */
function roundedShift(value: number, by: number): number {
  const whole = value >>> by;
  const rest = value & ((1 << by) - 1);
  const half = 1 << (by - 1);
  return rest > half || (rest === half && (whole & 1) === 1) ? whole + 1 : whole;
}
