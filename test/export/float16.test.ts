import { expect, it } from 'vitest';
import { toFloat16 } from '../../src/export/float16.js';
import { FOREIGN_DTYPES } from '../../src/import/dtypes.js';

const back = (bits: Uint16Array): Float32Array =>
  FOREIGN_DTYPES.F16!.convert!(Uint8Array.from(new Uint8Array(bits.buffer)));

it('every finite half stays as it is', () => {
  const finite = Uint16Array.from({ length: 65536 }, (_, bits) => bits).filter(
    (bits) => (bits & 0x7c00) !== 0x7c00,
  );
  expect(finite.length).toBe(63488);
  expect(toFloat16(back(finite), 'w')).toEqual(finite);
});

it('what lies between two halves becomes the nearer, or the even one', () => {
  const rounded = (value: number): number => back(toFloat16(Float32Array.of(value), 'w'))[0]!;
  const step = 2 ** -10; // between 1 and 2
  expect(rounded(1 + 0.5 * step)).toBe(1);
  expect(rounded(1 + 0.51 * step)).toBe(1 + step);
  expect(rounded(1 + 1.5 * step)).toBe(1 + 2 * step);
  expect(rounded(2 - 0.25 * step)).toBe(2);
  expect(rounded(-0.1)).toBe(-0.0999755859375);
  expect(rounded(2 ** -24)).toBe(2 ** -24);
  expect(rounded(1.5 * 2 ** -24)).toBe(2 ** -23);
  expect(rounded(0.51 * 2 ** -24)).toBe(2 ** -24);
  expect(rounded(2 ** -25)).toBe(0);
  expect(rounded(2 ** -14 - 2 ** -26)).toBe(2 ** -14);
  expect(rounded(65519)).toBe(65504);
});

it.each([65520, -1e6])('%s would be infinite', (value) => {
  expect(() => toFloat16(Float32Array.of(0, value), 'conv1.weight')).toThrow(
    `conv1.weight: ${value} is beyond what float16 holds, -65504 to 65504`,
  );
});
