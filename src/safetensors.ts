import { CheckpointError } from './errors.js';

/**
 * The safetensors format: 8 bytes little-endian header length, a JSON header
 * `{name: {dtype, shape, data_offsets: [begin, end]}}`, then the tensors' bytes. relaybp writes F32 alone.
 */

export interface NamedTensor {
  shape: readonly number[];
  values: Float32Array;
}

const LARGEST_HEADER = 100_000_000;

/** A data type: how long a value is, and how its bytes become float32; null for tensors to be left out. */
export interface Dtype {
  readonly bytes: number;
  readonly convert: ((bytes: Uint8Array<ArrayBuffer>) => Float32Array) | null;
}

const F32: Readonly<Record<string, Dtype>> = {
  F32: { bytes: 4, convert: ({ buffer }) => new Float32Array(buffer) },
};

/**
 * The file as pieces to be written one after another. A tensor's `values` are asked for once, when its turn comes, and
 * not copied.
 *
 * @param check looks at a tensor's values before they are written; what it throws ends the file there
 */
export function* encodeSafetensors(
  tensors: ReadonlyMap<string, NamedTensor>,
  metadata: Record<string, string> = {},
  check: (name: string, values: Float32Array) => void = () => {},
): Generator<Uint8Array> {
  const header: Record<string, unknown> = { __metadata__: { format: 'relaybp', ...metadata } };
  let offset = 0;
  for (const [name, { shape }] of tensors) {
    const end = offset + 4 * shape.reduce((product, size) => product * size, 1);
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = JSON.stringify(header);
  const bytes = Buffer.from(json + ' '.repeat(-Buffer.byteLength(json) & 7));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.length));
  yield length;
  yield bytes;
  for (const [name, tensor] of tensors) {
    const { values } = tensor;
    check(name, values);
    const { buffer, byteOffset, byteLength } = values;
    yield new Uint8Array(buffer, byteOffset, byteLength);
  }
}

/**
 * Reads a safetensors file, by default one of F32 tensors alone. Sizes are believed only where the file really has
 * the bytes.
 *
 * @param label the file's name, for messages
 * @param dtypes what may be in it
 * @throws CheckpointError naming the file and what is wrong in it.
 */
export function decodeSafetensors(
  file: Uint8Array,
  label: string,
  dtypes: Readonly<Record<string, Dtype>> = F32,
): Map<string, NamedTensor> {
  const fail = (what: string): never => {
    throw new CheckpointError(`${label}: not a valid safetensors file: ${what}`);
  };
  const { json, body } = headerOf(file, fail);
  const header = entriesOf(json, dtypes, fail);
  const tensors = new Map<string, NamedTensor>();
  let expected = 0;
  for (const [name, entry] of header) {
    const { type, shape, begin, end } = entry;
    const bytes = type.bytes * shape.reduce((product, size) => product * size, 1);
    if (begin !== expected)
      fail(`tensor "${name}" begins at ${begin}, not ${expected}: a gap or an overlap`);
    if (end - begin !== bytes)
      fail(`tensor "${name}" has ${end - begin} bytes, its shape needs ${bytes}`);
    if (body + end > file.byteLength) {
      fail(
        `tensor "${name}" ends at byte ${body + end}, the file has ${file.byteLength}: truncated`,
      );
    }
    if (type.convert) {
      const values = type.convert(Uint8Array.from(file.subarray(body + begin, body + end)));
      tensors.set(name, { shape, values });
    }
    expected = end;
  }
  if (body + expected !== file.byteLength) {
    fail(`${file.byteLength - body - expected} bytes after the last tensor`);
  }
  return tensors;
}

/** What a file carries besides its tensors, strings by name. @throws CheckpointError as `decodeSafetensors` */
export function safetensorsMetadata(file: Uint8Array, label: string): Record<string, string> {
  const { json } = headerOf(file, (what) => {
    throw new CheckpointError(`${label}: not a valid safetensors file: ${what}`);
  });
  const metadata = Object.entries(json.__metadata__ ?? {});
  return Object.fromEntries(metadata.map(([name, value]) => [name, String(value)]));
}

/** The header, and where the tensors begin. */
function headerOf(
  file: Uint8Array,
  fail: (what: string) => never,
): { json: Record<string, unknown>; body: number } {
  if (file.byteLength < 8) fail(`${file.byteLength} bytes, a header length alone takes 8`);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const claimed = view.getBigUint64(0, true); // compared as it is: a number would round it
  const room = file.byteLength - 8;
  if (claimed > room) {
    fail(`the header claims ${claimed} bytes, the file has ${room} after its first 8`);
  }
  if (claimed > LARGEST_HEADER) {
    fail(`the header claims ${claimed} bytes, at most ${LARGEST_HEADER} are read`);
  }
  const body = 8 + Number(claimed);
  return { json: parseHeader(file.subarray(8, body), fail), body };
}

interface HeaderEntry {
  type: Dtype;
  shape: number[];
  begin: number;
  end: number;
}

function parseHeader(bytes: Uint8Array, fail: (what: string) => never): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return fail('the header is not JSON');
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) {
    return fail('the header is not a JSON object');
  }
  return header as Record<string, unknown>;
}

/** The tensors of the header in the order of their bytes. */
function entriesOf(
  header: Record<string, unknown>,
  dtypes: Readonly<Record<string, Dtype>>,
  fail: (what: string) => never,
): [string, HeaderEntry][] {
  return Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, entry]): [string, HeaderEntry] => [name, entryOf(name, entry, dtypes, fail)])
    .sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
}

function entryOf(
  name: string,
  entry: unknown,
  dtypes: Readonly<Record<string, Dtype>>,
  fail: (what: string) => never,
): HeaderEntry {
  if (typeof entry !== 'object' || entry === null) {
    return fail(`tensor "${name}" is not described by an object`);
  }
  const { dtype, shape, data_offsets: offsets } = entry as Record<string, unknown>;
  const type =
    typeof dtype === 'string' && Object.hasOwn(dtypes, dtype) ? dtypes[dtype] : undefined;
  if (!type) {
    const known = Object.keys(dtypes).join(', ');
    return fail(`tensor "${name}" has dtype ${brief(dtype)}; only ${known} is read`);
  }
  if (!isSizes(shape)) return fail(`tensor "${name}" has the shape ${brief(shape)}`);
  if (!isSizes(offsets) || offsets.length !== 2) {
    return fail(`tensor "${name}" has the data_offsets ${brief(offsets)}`);
  }
  return { type, shape, begin: offsets[0]!, end: offsets[1]! };
}

/** A value of the header for a message. */
function brief(value: unknown): string {
  return typeof value === 'string'
    ? value.slice(0, 80)
    : String(JSON.stringify(value)).slice(0, 80);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}
