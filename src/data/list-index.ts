/** Index of the images named in a list file, one `path label` line per image. */
import { readFileSync, statSync } from 'node:fs';
import { DataError } from '../errors.js';
import { pathOf, shown } from './file-names.js';
import { type ImageIndex, IndexBuilder, joinFile } from './image-index.js';
import { compareCodePoints } from './order.js';

export interface ListOptions {
  /** Folder that the paths are relative to; a leading '/' of a path does not change that. */
  root: string;
  /** Class list; a label may then also be a position in it. Without it: the names, sorted. */
  classes?: readonly string[];
}

const NEWLINE = 10;
const CARRIAGE_RETURN = 13;
const SPACE = 32;
const TAB = 9;

/**
 * Read a list file. The label is the last field of a line, so paths may contain spaces; empty
 * lines are ignored. With a class list a label is a class name or, if no class has that name, an
 * integer position in the list. Images keep the order of the lines.
 * @throws DataError naming the line if it has no label, an unknown label or a missing file
 */
export function indexList(file: string, options: ListOptions): ImageIndex {
  const { root } = options;
  const bytes = read(file);
  const names = options.classes ? [...options.classes] : [...namesIn(file, bytes)];
  if (!options.classes) names.sort(compareCodePoints);
  const labels = new Map(names.map((name, label) => [name, label]));

  const builder = new IndexBuilder();
  let missing = 0;
  let firstMissing = '';
  for (const line of lines(file, bytes)) {
    const label = labels.get(line.label) ?? (options.classes ? integer(line.label) : -1);
    if (label < 0 || label >= names.length) throw unknownLabel(file, line, names.length);
    const path = joinFile(root, pathOf(line.path));
    const stats = statSync(path, { throwIfNoEntry: false });
    if (!stats?.isFile()) {
      missing++;
      firstMissing ||= `line ${line.number}, ${JSON.stringify(shown(path))}`;
    } else builder.add(line.path, label, stats.size);
  }
  if (missing > 0) {
    throw new DataError(
      `${file}: ${missing} of ${missing + builder.count} files do not exist (first: ${firstMissing})`,
      `paths are relative to the data root ${root}; correct the root or the list`,
    );
  }
  if (builder.count === 0) {
    throw new DataError(`${file}: the list has no images`, 'write one "path label" line per image');
  }
  return builder.build(root, names);
}

interface Line {
  number: number;
  path: Buffer;
  label: string;
}

function read(file: string): Buffer {
  try {
    const bytes = readFileSync(file);
    const hasMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf; // UTF-8 BOM
    return hasMark ? bytes.subarray(3) : bytes;
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const reason = missing ? 'no such list file' : String(error);
    throw new DataError(`${file}: ${reason}`, 'check the path of the list in the config');
  }
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
    let field = end;
    while (field > begin && !isBlank(bytes[field - 1])) field--;
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

function namesIn(file: string, bytes: Buffer): Set<string> {
  const names = new Set<string>();
  for (const line of lines(file, bytes)) names.add(line.label);
  return names;
}

function integer(text: string): number {
  return /^\d{1,9}$/.test(text) ? Number(text) : -1;
}

function unknownLabel(file: string, line: Line, classes: number): DataError {
  return new DataError(
    `${file}: line ${line.number}: the label ${JSON.stringify(line.label)} is neither a class name ` +
      `nor an integer from 0 to ${classes - 1}`,
    'correct the line, or use the class list that the labels belong to',
  );
}
