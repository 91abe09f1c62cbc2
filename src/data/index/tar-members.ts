/**
 * The members of a tar file, with the places of their contents: POSIX ustar and pax, GNU and old headers
 * (POSIX.1-2017, pax, "ustar Interchange Format" and "pax Interchange Format"; GNU tar manual, "Basic Tar Format").
 */

/** Gives bytes of the file, fewer at its end. */
export type ReadAt = (position: number, length: number) => Buffer;

export interface TarMember {
  /** As it is stored; its bytes need not be UTF-8. */
  name: Buffer;
  kind: 'file' | 'link' | 'symbolic' | 'sparse' | 'other';
  /** Where the contents begin in the tar file, and how many bytes they have. */
  offset: number;
  size: number;
  /** Of links: the name of what it leads to. */
  target: Buffer | null;
}

const BLOCK = 512;
/** Names and attributes of a member longer than this are no names. */
const MOST_TEXT = 1 << 20;
const COMPRESSED: readonly (readonly [start: string, name: string])[] = [
  ['\x1f\x8b', 'gzip'],
  ['BZh', 'bzip2'],
  ['\xfd7zXZ', 'xz'],
  ['\x28\xb5\x2f\xfd', 'zstd'],
];

/** What the headers before a member's own say of it. */
interface Extended {
  path?: Buffer;
  target?: Buffer;
  size?: number;
  sparse: boolean;
}

/**
 * @param size of the file in bytes
 * @throws Error in a few words if it is no tar file, compressed, damaged or cut off
 */
export function* tarMembers(size: number, read: ReadAt): Generator<TarMember> {
  const global: Extended = { sparse: false };
  let own: Extended = { sparse: false };
  for (let at = 0; ; ) {
    const header = read(at, BLOCK);
    if (header.length === 0 && at > 0) return; // without the two empty blocks at the end, as some programs leave it
    if (header.length < BLOCK) throw new Error(at === 0 ? notTar(header) : 'it is cut off');
    if (header.every((byte) => byte === 0)) return;
    if (!hasChecksum(header)) {
      throw new Error(at === 0 ? notTar(header) : `its header at byte ${at} is damaged`);
    }
    const type = String.fromCharCode(header[156]!);
    const stored = number(header, 124, 12);
    let start = at + BLOCK;
    if (type === 'S') start = behindSparseHeaders(header, start, read);
    const isText = 'xgLK'.includes(type);
    const length = isText ? stored : (own.size ?? global.size ?? stored);
    // Links, folders and devices have no contents, whatever size some programs give them.
    const held = '123456'.includes(type) ? 0 : length;
    if (start + held > size) throw new Error('it is cut off');
    at = start + Math.ceil(held / BLOCK) * BLOCK;
    if (isText) {
      if (stored > MOST_TEXT) throw new Error(`its header at byte ${start - BLOCK} is damaged`);
      const text = read(start, stored);
      if (type === 'L') own.path = untilZero(text);
      else if (type === 'K') own.target = untilZero(text);
      else readPax(text, type === 'g' ? global : own);
      continue;
    }
    const link = own.target ?? global.target ?? untilZero(header.subarray(157, 257));
    yield {
      name: own.path ?? global.path ?? nameOf(header),
      kind: kindOf(type, own.sparse || global.sparse),
      offset: start,
      size: held,
      target: type === '1' || type === '2' ? link : null,
    };
    own = { sparse: false };
  }
}

function kindOf(type: string, sparse: boolean): TarMember['kind'] {
  if (sparse || type === 'S') return 'sparse';
  if (type === '1') return 'link';
  if (type === '2') return 'symbolic';
  return type === '0' || type === '\0' || type === '7' ? 'file' : 'other';
}

function notTar(header: Buffer): string {
  const start = header.toString('latin1', 0, 8);
  const compressed = COMPRESSED.find(([mark]) => start.startsWith(mark));
  return compressed
    ? `it is compressed (${compressed[1]}), so that single images cannot be read out of it: unpack it to a plain .tar`
    : 'it is no tar file';
}

/** The sum of the header's bytes, its own field as blanks; old programs summed signed bytes. */
function hasChecksum(header: Buffer): boolean {
  let [unsigned, signed] = [0, 0];
  for (let i = 0; i < BLOCK; i++) {
    const byte = i >= 148 && i < 156 ? 32 : header[i]!;
    unsigned += byte;
    signed += byte > 127 ? byte - 256 : byte;
  }
  const wanted = number(header, 148, 8);
  return wanted === unsigned || wanted === signed;
}

/** Octal digits, or after a byte of 0x80 a number in base 256. */
function number(header: Buffer, at: number, length: number): number {
  const field = header.subarray(at, at + length);
  if ((field[0]! & 0x80) === 0) {
    const text = field
      .toString('latin1')
      .replace(/[\0 ]+$/, '')
      .trim();
    return /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : 0;
  }
  return field.subarray(1).reduce((value, byte) => value * 256 + byte, field[0]! & 0x7f);
}

function untilZero(bytes: Buffer): Buffer {
  const end = bytes.indexOf(0);
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end));
}

function nameOf(header: Buffer): Buffer {
  const name = untilZero(header.subarray(0, 100));
  const isUstar = header.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = isUstar ? untilZero(header.subarray(345, 500)) : Buffer.alloc(0);
  return prefix.length === 0 ? name : Buffer.concat([prefix, Buffer.from('/'), name]);
}

/** GNU's own sparse members have the rest of their map in blocks behind the header. */
function behindSparseHeaders(header: Buffer, start: number, read: ReadAt): number {
  let more = header[482] === 1;
  let at = start;
  while (more) {
    const block = read(at, BLOCK);
    if (block.length < BLOCK) throw new Error('it is cut off');
    more = block[504] === 1;
    at += BLOCK;
  }
  return at;
}

/** Records of `length key=value\n`. */
function readPax(text: Buffer, into: Extended): void {
  for (let at = 0; at < text.length; ) {
    const blank = text.indexOf(0x20, at);
    const length = Number(text.toString('latin1', at, blank < 0 ? at : blank));
    const equals = text.indexOf(0x3d, blank);
    if (
      !Number.isInteger(length) ||
      length <= 0 ||
      blank < 0 ||
      equals < 0 ||
      equals >= at + length
    )
      return;
    const key = text.toString('utf8', blank + 1, equals);
    const value = Buffer.from(text.subarray(equals + 1, at + length - 1));
    if (key === 'path') into.path ??= value;
    else if (key === 'GNU.sparse.name') into.path = value;
    else if (key === 'linkpath') into.target = value;
    else if (key === 'size') into.size = Number(value.toString('latin1'));
    if (key.startsWith('GNU.sparse.')) into.sparse = true;
    at += length;
  }
}
