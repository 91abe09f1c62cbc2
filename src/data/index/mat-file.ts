/**
 * What a MATLAB file (level 5, as `save -v7` and older write it) says of a structure array: ILSVRC's devkit names its
 * classes in one, `meta.mat`. Read are structures with numbers and texts in their fields; other values are left out.
 *
 * A file is a header of 128 bytes and elements of a tag (type, bytes) and data, each padded to 8 bytes; an element of
 * at most 4 bytes has its data in the tag. An array is an element of elements: flags, dimensions, name, values.
 * (MathWorks, MAT-File Format, chapter 1.)
 */
import { inflateSync } from 'node:zlib';

/** A field's value: a number, a text, or null where it is something else. */
export type MatValue = number | string | null;
export type MatRow = Readonly<Record<string, MatValue>>;

const HEADER = 128;
const LITTLE_ENDIAN = 'IM';
const [MATRIX, COMPRESSED] = [14, 15];
const [STRUCT, CHARACTERS, FIRST_NUMBERS, LAST_NUMBERS] = [2, 4, 6, 15];
/** Bytes that a compressed element may have when it is no longer so. */
const MOST_INFLATED = 1 << 28;

/**
 * The rows of a structure array.
 *
 * @param name of the variable
 * @returns null if there is no such variable, or it is no structure
 * @throws Error in a few words if the bytes are no such file, or damaged
 */
export function readMatStruct(bytes: Buffer, name: string): MatRow[] | null {
  if (bytes.length < HEADER || !bytes.toString('latin1', 0, 6).startsWith('MATLAB')) {
    throw new Error('it is no MATLAB file of level 5 (save -v7)');
  }
  if (bytes.toString('latin1', 126, 128) !== LITTLE_ENDIAN) {
    throw new Error('it was written in the byte order of another kind of machine');
  }
  for (const element of elements(bytes.subarray(HEADER), 1)) {
    const inner =
      element.type === COMPRESSED
        ? [...elements(inflateSync(element.data, { maxOutputLength: MOST_INFLATED }), 1)]
        : [element];
    for (const { type, data } of inner) {
      const array = type === MATRIX ? arrayOf(data) : null;
      if (array?.name === name) return structRows(array);
    }
  }
  return null;
}

interface Element {
  type: number;
  data: Buffer;
}

/** @param padding to which the data are padded: compressed elements at the top are not */
function* elements(bytes: Buffer, padding: 1 | 8): Generator<Element> {
  for (let at = 0; at + 8 <= bytes.length; ) {
    const first = bytes.readUInt32LE(at);
    const isSmall = first >>> 16 !== 0;
    const [type, size] = isSmall
      ? [first & 0xffff, first >>> 16]
      : [first, bytes.readUInt32LE(at + 4)];
    const start = at + (isSmall ? 4 : 8);
    if (size > bytes.length - start || (isSmall && size > 4)) throw new Error('it is cut off');
    yield { type, data: bytes.subarray(start, start + size) };
    at = isSmall ? at + 8 : start + Math.ceil(size / padding) * padding;
  }
}

interface MatArray {
  kind: number;
  /** Number of values. */
  count: number;
  name: string;
  /** What follows the name. */
  values: Element[];
}

/** Null for what has no such form, as functions and objects. */
function arrayOf(data: Buffer): MatArray | null {
  const [flags, dimensions, name, ...values] = [...elements(data, 8)];
  if (!flags || !dimensions || !name || flags.data.length < 4) return null;
  const sizes = numbersOf(dimensions);
  return {
    kind: flags.data[0]!,
    count: sizes.reduce((product, size) => product * size, 1),
    name: name.data.toString('latin1'),
    values,
  };
}

function structRows({ kind, count, values }: MatArray): MatRow[] | null {
  const [length, names, ...cells] = values;
  if (kind !== STRUCT || !length || !names) return null;
  const size = numbersOf(length)[0] ?? 0;
  const fields = Array.from(
    { length: size > 0 ? Math.floor(names.data.length / size) : 0 },
    (_, i) => names.data.toString('latin1', i * size, (i + 1) * size).replace(/\0.*$/s, ''),
  );
  if (cells.length !== count * fields.length) throw new Error('it is damaged');
  return Array.from({ length: count }, (_, row) =>
    Object.fromEntries(
      fields.map((field, i) => [field, cellValue(cells[row * fields.length + i]!)]),
    ),
  );
}

/** Of a cell of a structure. */
function cellValue({ type, data }: Element): MatValue {
  const array = type === MATRIX ? arrayOf(data) : null;
  const [values] = array?.values ?? [];
  if (!array) return null;
  if (array.kind === CHARACTERS) return values ? textOf(values) : '';
  const isNumber = array.kind >= FIRST_NUMBERS && array.kind <= LAST_NUMBERS && array.count === 1;
  return isNumber && values ? (numbersOf(values)[0] ?? null) : null;
}

/** Types of data: signed and unsigned integers of 8, 16 and 32 bits, and floating-point numbers. */
const NUMBERS: Readonly<
  Record<number, [bytes: number, read: (data: Buffer, at: number) => number]>
> = {
  1: [1, (data, at) => data.readInt8(at)],
  2: [1, (data, at) => data.readUInt8(at)],
  3: [2, (data, at) => data.readInt16LE(at)],
  4: [2, (data, at) => data.readUInt16LE(at)],
  5: [4, (data, at) => data.readInt32LE(at)],
  6: [4, (data, at) => data.readUInt32LE(at)],
  7: [4, (data, at) => data.readFloatLE(at)],
  9: [8, (data, at) => data.readDoubleLE(at)],
};

function numbersOf({ type, data }: Element): number[] {
  const known = NUMBERS[type];
  if (!known) return [];
  const [size, read] = known;
  return Array.from({ length: Math.floor(data.length / size) }, (_, i) => read(data, i * size));
}

const UTF8 = 16;

/** Characters are bytes of UTF-8, or 16-bit numbers of characters; those of old files are bytes. */
function textOf(element: Element): string {
  if (element.type === UTF8) return element.data.toString('utf8');
  return String.fromCharCode(...numbersOf(element));
}
