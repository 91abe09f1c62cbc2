/** Index of the images named in a list file, one `path label` line per image. */
import { createHash } from 'node:crypto';
import { type Stats, statSync } from 'node:fs';
import type { LabelMeaning } from '../../config/label-meaning.js';
import { DataError } from '../../errors.js';
import { MOST_BYTES, readRegularBytes } from '../../regular-file.js';
import { messageOf, systemFix } from '../../system-error.js';
import { isUtf16, SAVE_AS_UTF8 } from '../../text-encoding.js';
import { type FilePath, shown } from './file-names.js';
import { type ImageIndex, IndexBuilder, imageFile, imagePath, mtimeStamp } from './image-index.js';
import { type FoundLabel, readLabels } from './list-labels.js';

export interface ListOptions {
  /** Folder that the paths are relative to; a leading '/' of a path does not change that. */
  root: string;
  /** Class list. Without it: what the labels say, see `readLabels`. */
  classes?: readonly string[];
  /** What the labels are, where that is known. */
  labels?: LabelMeaning;
}

const NEWLINE = 10;
const CARRIAGE_RETURN = 13;
const SPACE = 32;
const TAB = 9;

/**
 * Read a list file. The label is the last field of a line, so paths may contain spaces. In a line
 * with a tab it is all after the last tab, so the label may contain spaces too. Empty lines are
 * ignored. Images keep the order of the lines.
 * @throws DataError naming the line if it has no label, an unknown label (`readLabels`) or a missing file
 */
export function indexList(file: string, options: ListOptions): ImageIndex {
  const list = parseList(file, options);
  return listedImages(list, statImages(list.index, 0, list.index.count));
}

/** A list whose files have not been looked at yet. */
export interface ParsedList {
  file: string;
  /** SHA-256 (hex) of the list file. */
  sha256: string;
  /** Sizes and times are still 0. */
  index: ImageIndex;
  meaning: LabelMeaning;
}

/** What looking at some of the files gives. */
export interface StatResult {
  missing: number;
  /** The first image that is missing; −1 if none is. */
  first: number;
}

/** Reads the lines. @throws DataError as `indexList` does, but for missing files */
export function parseList(file: string, { root, classes, labels }: ListOptions): ParsedList {
  const bytes = read(file);
  const builder = new IndexBuilder();
  const found: FoundLabel[] = [];
  const places = new Map<string, number>();
  for (const line of lines(file, bytes)) {
    let place = places.get(line.label);
    if (place === undefined) {
      place = found.push({ text: line.label, line: line.number }) - 1;
      places.set(line.label, place);
    }
    builder.add(line.path, place, 0);
  }
  if (builder.count === 0) {
    throw new DataError(`${file}: the list has no images`, 'write one "path label" line per image');
  }
  const reading = readLabels(file, found, classes, labels);
  const index = builder.build(root, reading.classes);
  for (let i = 0; i < index.count; i++) index.labels[i] = reading.labels[index.labels[i]!]!;
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { file, sha256, index, meaning: reading.meaning };
}

/** Fills in sizes and times of the images `from` to `to`, whose columns this changes. */
export function statImages(index: ImageIndex, from: number, to: number): StatResult {
  const result = { missing: 0, first: -1 };
  for (let i = from; i < to; i++) {
    const stats = statOf(imageFile(index, i));
    if (stats?.isFile()) {
      index.sizes[i] = Math.min(stats.size, 0xffffffff);
      index.mtimes[i] = mtimeStamp(stats.mtimeMs);
    } else if (result.missing++ === 0) result.first = i;
  }
  return result;
}

/** Undefined for what is not there. @throws DataError if the system does not let it be looked at */
function statOf(path: FilePath): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw new DataError(`${shown(path)}: cannot be read: ${messageOf(error)}`, systemFix(error));
  }
}

/** The index of a list once its files have been looked at. @throws DataError if some are missing */
export function listedImages({ file, index }: ParsedList, stat: StatResult): ImageIndex {
  if (stat.missing === 0) return index;
  const { root, count } = index;
  const first = `line ${lineOf(file, stat.first)}, ${JSON.stringify(imagePath(index, stat.first))}`;
  throw new DataError(
    `${file}: ${stat.missing} of ${count} files do not exist (first: ${first})`,
    `paths are relative to the data root ${root}; correct the root or the list`,
  );
}

/** Number of the line that image `i` is in. */
function lineOf(file: string, i: number): number {
  let image = 0;
  for (const { number } of lines(file, read(file))) if (image++ === i) return number;
  throw new RangeError(`${file}: has no image ${i}`);
}

interface Line {
  number: number;
  path: Buffer;
  label: string;
}

function read(file: string): Buffer {
  let bytes: Buffer;
  try {
    bytes = readRegularBytes(file, MOST_BYTES);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const reason = missing ? 'no such list file' : `cannot be read: ${messageOf(error)}`;
    throw new DataError(`${file}: ${reason}`, 'check the path of the list in the config');
  }
  // Paths need not be UTF-8, but their bytes are those of the file system.
  if (isUtf16(bytes)) throw new DataError(`${file}: it is UTF-16 text`, SAVE_AS_UTF8);
  const hasMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf; // UTF-8 BOM
  return hasMark ? bytes.subarray(3) : bytes;
}

/** Split into lines and fields without ever holding the file as one string. */
function* lines(file: string, bytes: Buffer): Generator<Line> {
  const isBlank = (byte: number | undefined): boolean =>
    byte === SPACE || byte === TAB || byte === CARRIAGE_RETURN;
  let number = 0;
  for (let start = 0; start < bytes.length; ) {
    let stop = bytes.indexOf(NEWLINE, start);
    if (stop < 0) stop = bytes.length;
    number++;
    let end = stop;
    let begin = start;
    while (end > begin && isBlank(bytes[end - 1])) end--;
    while (begin < end && isBlank(bytes[begin])) begin++;
    start = stop + 1;
    if (begin === end) continue;
    const tab = bytes.subarray(begin, end).lastIndexOf(TAB);
    let field = tab < 0 ? end : begin + tab + 1;
    if (tab < 0) while (field > begin && !isBlank(bytes[field - 1])) field--;
    while (isBlank(bytes[field])) field++;
    let pathEnd = field;
    while (pathEnd > begin && isBlank(bytes[pathEnd - 1])) pathEnd--;
    const label = bytes.toString('utf8', field, end);
    if (pathEnd === begin) {
      throw new DataError(
        `${file}: line ${number} is ${JSON.stringify(label)}, without a path or without a label`,
        'write "path label", the label last',
      );
    }
    yield { number, path: bytes.subarray(begin, pathEnd), label };
  }
}
