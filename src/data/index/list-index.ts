/** Index of the images named in a list file, one `path label` line per image. */
import { createHash } from 'node:crypto';
import { type Stats, statSync } from 'node:fs';
import type { LabelMeaning } from '../../config/label-meaning.js';
import { DataError } from '../../errors.js';
import { MOST_BYTES, readRegularBytes } from '../../regular-file.js';
import { messageOf } from '../../system-error.js';
import { isUtf16, SAVE_AS_UTF8 } from '../../text-encoding.js';
import { cannotRead } from './cannot-read.js';
import { type FilePath, shown } from './file-names.js';
import { type ImageIndex, IndexBuilder, imageFile, imagePath, mtimeStamp } from './image-index.js';
import { type FoundLabel, readLabels } from './list-labels.js';
import type { ColumnNames, ListRow } from './list-row.js';
import { listRows } from './list-rows.js';
import { oneForm, pathsAsThere } from './unicode-forms.js';

export interface ListOptions {
  /** Folder that the paths are relative to; a leading '/' of a path does not change that. */
  root: string;
  /** Class list. Without it: what the labels say, see `readLabels`. */
  classes?: readonly string[];
  /** What the labels are, where that is known. */
  labels?: LabelMeaning;
  /** Of a table. */
  columns?: ColumnNames;
}

/**
 * Read a list file: lines, or a table or the JSON of iNaturalist by the file's extension (`listRows`). Images keep the
 * order in which the file has them.
 * @throws DataError naming the line if it has no label, an unknown label (`readLabels`) or a missing file
 */
export function indexList(file: string, options: ListOptions): ImageIndex {
  const list = parseList(file, options);
  const found = statImages(list.index, 0, list.index.count);
  const other = found.missing > 0 ? pathsAsThere(list.index) : null;
  if (!other) return listedImages(list, found);
  return listedImages({ ...list, index: other }, statImages(other, 0, other.count));
}

/** A list whose files have not been looked at yet. */
export interface ParsedList {
  file: string;
  /** SHA-256 (hex) of the list file. */
  sha256: string;
  /** Sizes and times are still 0. */
  index: ImageIndex;
  meaning: LabelMeaning;
  /** Number of the line that image `i` is in. */
  lineOf: (i: number) => number;
}

/** What looking at some of the files gives. */
export interface StatResult {
  missing: number;
  /** The first image that is missing; −1 if none is. */
  first: number;
}

/** Reads the lines. @throws DataError as `indexList` does, but for missing files */
export function parseList(
  file: string,
  { root, classes, labels, columns }: ListOptions,
): ParsedList {
  const bytes = readList(file);
  const { rows, classes: own, areForeign } = listRows(file, bytes, { root, columns });
  if (areForeign && labels === undefined) throw unexplained(file);
  const builder = new IndexBuilder();
  const found: FoundLabel[] = [];
  const places = new Map<string, number>();
  for (const line of rows()) {
    let place = places.get(line.label);
    if (place === undefined) {
      const text = oneForm(line.label);
      place = places.get(text) ?? found.push({ text, line: line.line }) - 1;
      places.set(line.label, place);
      places.set(text, place);
    }
    if (line.path.includes(0)) {
      throw new DataError(
        `${file}: line ${line.line}: its path has a zero byte in it, which no file's name has`,
        'the list may be damaged: get it again, or correct the line',
      );
    }
    builder.add(line.path, place, 0);
  }
  if (builder.count === 0) {
    throw new DataError(`${file}: the list has no images`, 'write one "path label" line per image');
  }
  const reading = readLabels(file, found, classes ?? own, own ? 'names' : labels);
  const index = builder.build(root, reading.classes);
  for (let i = 0; i < index.count; i++) index.labels[i] = reading.labels[index.labels[i]!]!;
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const lineOf = (i: number): number => lineOfImage(rows(), i);
  return { file, sha256, index, meaning: reading.meaning, lineOf };
}

function unexplained(file: string): DataError {
  return new DataError(
    `${file}: holds numbers alone, and what they mean is not known: ILSVRC's count from 1 in an order of their own`,
    "name the file that says so: data.classNames, of ILSVRC the devkit's meta.mat; if they are positions in the class list, counted from 0, data.labels: positions",
  );
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
    throw cannotRead(shown(path), error);
  }
}

/** The index of a list once its files have been looked at. @throws DataError if some are missing */
export function listedImages({ file, index, lineOf }: ParsedList, stat: StatResult): ImageIndex {
  if (stat.missing === 0) return index;
  const { root, count } = index;
  const first = `line ${lineOf(stat.first)}, ${JSON.stringify(imagePath(index, stat.first))}`;
  throw new DataError(
    `${file}: ${stat.missing} of ${count} files do not exist (first: ${first})`,
    `paths are relative to ${root}; correct the list or data.root, or say where its images lie: data.roots (docs/datasets.md)`,
  );
}

function lineOfImage(rows: Iterable<ListRow>, i: number): number {
  let image = 0;
  for (const { line } of rows) if (image++ === i) return line;
  throw new RangeError(`the list has no image ${i}`);
}

/** What a list file holds, without a mark at its beginning. @throws DataError if it cannot be read, or is UTF-16 */
export function readList(file: string): Buffer {
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
