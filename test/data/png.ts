/** PNG files and ICC profiles, byte by byte: what no library at hand writes. */
import { crc32, deflateSync } from 'node:zlib';

export function chunk(type: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  return Buffer.concat([uint32(data.length), named, uint32(crc32(named))]);
}

export interface PngParts {
  /** Samples, row by row, the channels (1 to 4) of a pixel side by side. */
  samples: Uint8Array | Uint16Array;
  width: number;
  height: number;
  /** Chunks before and behind the image. */
  before?: Buffer[];
  behind?: Buffer[];
}

export function png({ samples, width, height, before = [], behind = [] }: PngParts): Buffer {
  const depth = 8 * samples.BYTES_PER_ELEMENT;
  const channels = samples.length / (width * height);
  const kind = [0, 4, 2, 6][channels - 1]!;
  const row = (width * channels * depth) / 8;
  const raw = Buffer.alloc(height * (row + 1));
  for (const [i, value] of samples.entries()) {
    const at = Math.floor(i / (width * channels)) * (row + 1) + 1;
    const place = at + ((i % (width * channels)) * depth) / 8;
    if (depth === 8) raw.writeUInt8(value, place);
    else raw.writeUInt16BE(value, place);
  }
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', Buffer.from([...uint32(width), ...uint32(height), depth, kind, 0, 0, 0])),
    ...before,
    // In two pieces, as large images have many.
    ...halves(deflateSync(raw)).map((piece) => chunk('IDAT', piece)),
    ...behind,
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

export const iccChunk = (icc: Buffer): Buffer =>
  chunk('iCCP', Buffer.concat([Buffer.from('p\0\0', 'latin1'), deflateSync(icc)]));

/** EXIF data that say nothing but the orientation. */
export const exifChunk = (orientation: number): Buffer =>
  chunk(
    'eXIf',
    Buffer.from([
      ...[0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation],
      ...[0, 0, 0, 0, 0, 0],
    ]),
  );

/** Columns: the primaries red, green, blue in XYZ of D50. */
export const PRIMARIES = {
  srgb: [
    [0.4360747, 0.2225045, 0.0139322],
    [0.3850649, 0.7168786, 0.0971045],
    [0.1430804, 0.0606169, 0.7141733],
  ],
  adobe: [
    [0.6097559, 0.3111242, 0.0194811],
    [0.2052401, 0.625656, 0.0608902],
    [0.149224, 0.0632197, 0.7448387],
  ],
  p3: [
    [0.5151, 0.2412, -0.0011],
    [0.292, 0.6922, 0.0419],
    [0.1571, 0.0666, 0.7841],
  ],
} as const;

/** A curve of an ICC profile. */
export const gamma = (value: number): Buffer =>
  Buffer.concat([tag('curv'), uint32(1), uint16(Math.round(256 * value))]);
export const identity = (): Buffer => Buffer.concat([tag('curv'), uint32(0)]);
export function table(curve: (x: number) => number, count = 1024): Buffer {
  const values = Array.from({ length: count }, (_, i) =>
    uint16(Math.round(65535 * curve(i / (count - 1)))),
  );
  return Buffer.concat([tag('curv'), uint32(count), ...values]);
}
export const parametric = (kind: number, ...numbers: number[]): Buffer =>
  Buffer.concat([tag('para'), uint16(kind), uint16(0), ...numbers.map(fixed)]);
export const srgbLight = (x: number): number =>
  x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;

export const rgbProfile = (primaries: keyof typeof PRIMARIES, curve: Buffer): Buffer =>
  profile('RGB ', 'XYZ ', [
    ...PRIMARIES[primaries].map((xyz, i): [string, Buffer] => [`${'rgb'[i]}XYZ`, point(xyz)]),
    ...[...'rgb'].map((channel): [string, Buffer] => [`${channel}TRC`, curve]),
  ]);
export const grayProfile = (curve: Buffer, space: 'XYZ ' | 'Lab ' = 'XYZ '): Buffer =>
  profile('GRAY', space, [['kTRC', curve]]);

const D50 = [0.9642, 1, 0.8249] as const;

function profile(colours: string, space: string, tags: [string, Buffer][]): Buffer {
  const text = Buffer.from('test\0', 'latin1');
  const all: [string, Buffer][] = [
    ['desc', Buffer.concat([tag('desc'), uint32(text.length), text, Buffer.alloc(78)])],
    ['cprt', Buffer.concat([tag('text'), text])],
    ['wtpt', point(D50)],
    ...tags,
  ];
  const start = 132 + 12 * all.length;
  let [at, rows, body] = [start, Buffer.alloc(0), Buffer.alloc(0)];
  for (const [name, data] of all) {
    const row = [Buffer.from(name, 'latin1'), uint32(at), uint32(data.length)];
    rows = Buffer.concat([rows, ...row]);
    const padded = Buffer.concat([data, Buffer.alloc((4 - (data.length % 4)) % 4)]);
    body = Buffer.concat([body, padded]);
    at += padded.length;
  }
  const head = Buffer.alloc(128);
  head.writeUInt32BE(at, 0);
  head.writeUInt32BE(0x02400000, 8);
  head.write(`mntr${colours}${space}`, 12, 'latin1');
  for (const [i, part] of [2026, 1, 1].entries()) head.writeUInt16BE(part, 24 + 2 * i);
  head.write('acsp', 36, 'latin1');
  Buffer.concat(D50.map(fixed)).copy(head, 68);
  return Buffer.concat([head, uint32(all.length), rows, body]);
}

const tag = (name: string): Buffer => Buffer.from(`${name}\0\0\0\0`, 'latin1');
const point = (xyz: readonly number[]): Buffer => Buffer.concat([tag('XYZ '), ...xyz.map(fixed)]);
const fixed = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(Math.round(65536 * value));
  return bytes;
};
function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}
function halves(bytes: Buffer): Buffer[] {
  const middle = bytes.length >> 1;
  return [bytes.subarray(0, middle), bytes.subarray(middle)];
}
