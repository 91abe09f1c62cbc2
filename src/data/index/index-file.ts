/**
 * The file that an index is kept in.
 *
 *     magic "RBPINDEX"; uint32 format; uint32 length of the header; header (JSON, padded with spaces);
 *     the columns one after the other, each padded to a multiple of 8 bytes; SHA-256 of all of that
 *
 * Little-endian throughout. Columns: pathBytes, pathOffsets, labels, sizes, mtimes of the images (`ImageIndex`), then
 * pathBytes, pathOffsets, states of the folders (`DirectoryColumns`); of images in tar and Parquet files then
 * offsets, lengths, rows, pages (`Members`).
 */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, mkdirSync, readSync } from 'node:fs';
import { endianness } from 'node:os';
import { dirname } from 'node:path';
import type { LabelMeaning } from '../../config/label-meaning.js';
import { replaceFile } from '../../files.js';
import { openRegular } from '../../regular-file.js';
import type { DirectoryColumns } from './directories.js';
import type { ImageIndex } from './image-index.js';
import { checkLabels } from './labels.js';
import { type LeftOut, nothingLeftOut } from './left-out.js';
import { checkMembers, type MemberFacts, type Members } from './members.js';

const MAGIC = 'RBPINDEX';
const FORMAT = 1;
/** Magic, format, length of the header. */
const START = 16;
const SUM = 32;
const PIECE = 1 << 22;
const MAX_HEADER = 1 << 28;

/** A list file as it was read. */
export interface ListState {
  size: number;
  mtimeMs: number;
  ctimeMs: number;
  sha256: string;
}

/** What is kept of an index beside its columns. */
export interface KeptFacts {
  classes: readonly string[];
  /** Of the images, see `fingerprint`. */
  fingerprint: string;
  /** Classes of the given list without a folder, and images outside any class. */
  missingClasses: readonly string[];
  strayFiles: number;
  /** Of a folder. */
  leftOut?: LeftOut;
  /** Null for a folder. */
  list: ListState | null;
  /** What the labels of a list are. */
  labels?: LabelMeaning;
  /** Of images in tar and Parquet files. */
  members?: MemberFacts;
}

export interface KeptIndex {
  facts: KeptFacts;
  index: ImageIndex;
  directories: Pick<DirectoryColumns, 'pathBytes' | 'pathOffsets' | 'states'>;
}

/** Bytes of an element of each column. */
const UNITS = [1, 4, 4, 4, 4, 1, 4, 8];
/** The same of those that follow for images in tar and Parquet files: offsets, lengths, rows, pages. */
const MEMBER_UNITS = [8, 4, 4, 8];

interface Header {
  facts: KeptFacts;
  /** Bytes of each column. */
  columns: number[];
}

/** A reader never sees half a file. */
export function writeIndexFile(path: string, { facts, index, directories }: KeptIndex): void {
  if (endianness() !== 'LE') throw new Error('an index is kept on little-endian machines only');
  const columns = [
    ...[index.pathBytes, index.pathOffsets, index.labels, index.sizes, index.mtimes],
    ...[directories.pathBytes, directories.pathOffsets, directories.states],
    ...(facts.members ? memberColumns(index.members!) : []), // prepared images have places of their own
  ];
  const header: Header = { facts, columns: columns.map(({ byteLength }) => byteLength) };
  const json = Buffer.from(JSON.stringify(header));
  const text = Buffer.concat([json, Buffer.alloc(padding(json.length), ' ')]);
  const start = Buffer.alloc(START);
  start.write(MAGIC, 'latin1');
  start.writeUInt32LE(FORMAT, 8);
  start.writeUInt32LE(text.length, 12);

  mkdirSync(dirname(path), { recursive: true });
  replaceFile(path, summed([start, text], columns));
}

const memberColumns = (members: Members): ArrayBufferView[] => {
  return [members.offsets, members.lengths, members.rows, members.pages];
};

/** The pieces of the file, and their SHA-256 at the end. */
function* summed(
  heads: readonly Uint8Array[],
  columns: readonly ArrayBufferView[],
): Generator<Uint8Array> {
  const hash = createHash('sha256');
  const counted = (piece: Uint8Array): Uint8Array => {
    hash.update(piece);
    return piece;
  };
  for (const head of heads) yield counted(head);
  for (const column of columns) {
    for (const piece of pieces(column)) yield counted(Uint8Array.from(piece));
    yield counted(new Uint8Array(padding(column.byteLength)));
  }
  yield hash.digest();
}

/**
 * Reads an index into shared memory.
 *
 * @param root of the index
 * @returns null if there is no such file
 * @throws Error that says what is wrong with the file, in a few words
 */
export function readIndexFile(path: string, root: string): KeptIndex | null {
  let file: number;
  try {
    file = openRegular(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw error;
  }
  try {
    return read(file, root);
  } finally {
    closeSync(file);
  }
}

function read(file: number, root: string): KeptIndex {
  const hash = createHash('sha256');
  const fill = (target: Uint8Array): void => {
    const buffer = Buffer.alloc(Math.min(PIECE, target.length));
    for (let at = 0; at < target.length; ) {
      const got = readSync(file, buffer, 0, Math.min(buffer.length, target.length - at), null);
      if (got === 0) throw new Error('it is cut off');
      const piece = buffer.subarray(0, got);
      hash.update(piece);
      target.set(piece, at);
      at += got;
    }
  };
  const start = Buffer.alloc(START);
  const { size } = fstatSync(file);
  if (size < START + SUM) throw new Error('it is cut off');
  fill(start);
  if (start.toString('latin1', 0, 8) !== MAGIC) throw new Error('it is no index');
  const [format, length] = [start.readUInt32LE(8), start.readUInt32LE(12)];
  if (format !== FORMAT) throw new Error(`its format is ${format}, this version writes ${FORMAT}`);
  if (length > Math.min(size, MAX_HEADER)) throw new Error('it is damaged');
  const text = Buffer.alloc(length);
  fill(text);
  const { facts, columns } = parsed(text);
  const sum = columns.reduce((total, bytes) => total + bytes + padding(bytes), 0);
  // Nothing is allocated that the file does not hold.
  if (size !== START + length + sum + SUM) throw new Error('it is damaged');
  const memory = columns.map((bytes) => {
    const buffer = new SharedArrayBuffer(bytes);
    fill(new Uint8Array(buffer));
    fill(new Uint8Array(padding(bytes)));
    return buffer;
  });
  const expected = hash.digest();
  const kept = Buffer.alloc(SUM);
  if (readSync(file, kept, 0, SUM, null) !== SUM || !kept.equals(expected)) {
    throw new Error('it is damaged');
  }
  const [bytes, offsets, labels, sizes, mtimes, folderBytes, folderOffsets, states, ...rest] =
    memory as [...Memory4, ...Memory4, ...SharedArrayBuffer[]];
  const index: ImageIndex = {
    root,
    classes: facts.classes,
    count: labels.byteLength / 4,
    pathBytes: new Uint8Array(bytes),
    pathOffsets: new Uint32Array(offsets),
    labels: new Int32Array(labels),
    sizes: new Uint32Array(sizes),
    mtimes: new Uint32Array(mtimes),
    ...(facts.members && { members: membersOf(facts.members, rest) }),
  };
  checkColumns(index);
  if (index.members) checkMembers(index.members, index.count);
  return {
    facts,
    index,
    directories: {
      pathBytes: new Uint8Array(folderBytes),
      pathOffsets: new Uint32Array(folderOffsets),
      states: new Float64Array(states),
    },
  };
}

/** A sum only says that the file is as it was written. @throws Error that says what cannot be */
function checkColumns({
  count,
  classes,
  pathBytes,
  pathOffsets,
  labels,
  ...rest
}: ImageIndex): void {
  const lengths = [pathOffsets.length - 1, rest.sizes.length, rest.mtimes.length];
  let ascending = pathOffsets[0] === 0 && pathOffsets[count] === pathBytes.length;
  for (let i = 0; i < count; i++) ascending &&= pathOffsets[i]! <= pathOffsets[i + 1]!;
  if (lengths.some((length) => length !== count) || !ascending) throw new Error('it is damaged');
  checkLabels(labels, classes.length);
}

function membersOf(facts: MemberFacts, memory: readonly SharedArrayBuffer[]): Members {
  const [offsets, lengths, rows, pages] = memory as Memory4;
  return {
    ...facts,
    offsets: new Float64Array(offsets),
    lengths: new Uint32Array(lengths),
    rows: new Uint32Array(rows),
    pages: new Float64Array(pages),
  };
}

type Memory4 = [SharedArrayBuffer, SharedArrayBuffer, SharedArrayBuffer, SharedArrayBuffer];

function parsed(text: Buffer): Header {
  try {
    const header = JSON.parse(text.toString()) as Header;
    const { columns, facts } = header;
    const units = facts.members ? [...UNITS, ...MEMBER_UNITS] : UNITS;
    const whole = columns.every((bytes, i) => {
      return Number.isSafeInteger(bytes) && bytes >= 0 && bytes % units[i]! === 0;
    });
    const names = [facts.classes, facts.missingClasses].every(
      (list) => Array.isArray(list) && list.every((name) => typeof name === 'string'),
    );
    const unlike = new Set(facts.classes).size === facts.classes.length;
    const { system, kinds } = facts.leftOut ?? nothingLeftOut();
    const counts = [system, kinds].every((files) =>
      Object.values(files).every(Number.isSafeInteger),
    );
    if (columns.length === units.length && whole && names && unlike && counts) return header;
  } catch {
    // said below
  }
  throw new Error('it is damaged');
}

function* pieces(column: ArrayBufferView): Generator<Uint8Array> {
  for (let at = 0; at < column.byteLength; at += PIECE) {
    const length = Math.min(PIECE, column.byteLength - at);
    yield new Uint8Array(column.buffer, column.byteOffset + at, length);
  }
}

const padding = (bytes: number): number => (8 - (bytes % 8)) % 8;
