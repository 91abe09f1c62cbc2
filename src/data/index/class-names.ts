/** A file that names the classes, in the forms in which data sets bring it (docs/datasets.md). */
import { extname } from 'node:path';
import { DataError } from '../../errors.js';
import { MOST, readRegularBytes } from '../../regular-file.js';
import { messageOf, systemFix } from '../../system-error.js';
import type { ClassEntry } from './class-entry.js';
import { entriesOfJson } from './class-names-json.js';
import { entriesOfMat } from './class-names-mat.js';
import { oneForm } from './unicode-forms.js';

/** All classes of a file. */
export interface ClassNames {
  file: string;
  /** In the order of their numbers; no two have the same number, key or name. */
  entries: readonly ClassEntry[];
}

/** @throws DataError if the file is missing or has none of the forms, or names two classes alike */
export function readClassNames(file: string): ClassNames {
  const found = entriesOf(file, read(file));
  if (found.length === 0) {
    throw new DataError(`${file}: names no class`, 'write one name a line');
  }
  const entries = apart(withoutSlash(found)).sort((a, b) => a.id - b.id);
  const nameless = entries.find(({ name }) => name === '');
  if (nameless) {
    throw new DataError(`${file}: the class ${nameless.id} has no name`, 'give it one');
  }
  refuseTwins(file, entries);
  return { file, entries };
}

function entriesOf(file: string, bytes: Buffer): ClassEntry[] {
  const text = (): string => oneForm(bytes.toString('utf8').replace(/^\ufeff/, ''));
  switch (extname(file).toLowerCase()) {
    case '.mat':
      return entriesOfMat(file, bytes);
    case '.json':
      return entriesOfJson(file, text());
    default:
      return entriesOfLines(text());
  }
}

function read(file: string): Buffer {
  try {
    return readRegularBytes(file, MOST);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new DataError(
      `${file}: ${missing ? 'no such file' : `cannot be read: ${messageOf(error)}`}`,
      systemFix(error) ??
        'data.classNames is the path of a file that names the classes, below data.root',
    );
  }
}

/**
 * Of lines, by the first form that all of them have:
 *
 *     n02119789 1 kit_fox     synset, number, name
 *     /a/airfield 0           name, number
 *     1 001.Albatross         number, name
 *     n02119789 kit fox       synset, name
 *     21<tab>fire lily        folder or label, name
 *     airfield                name
 *
 * Numbers count as such where they are 0 to n - 1, or 1 to n, in any order; without them classes are numbered from 0.
 */
const FORMS: readonly { form: RegExp; numbered: boolean }[] = [
  { form: /^(?<key>n\d{8})\s+(?<id>\d+)\s+(?<name>.+)$/, numbered: true },
  { form: /^(?<name>.*\S)\s+(?<id>\d+)$/, numbered: true },
  { form: /^(?<id>\d+)(?:\s|: ?|,)\s*(?<name>.+)$/, numbered: true },
  { form: /^(?<key>n\d{8})\s+(?<name>.+)$/, numbered: false },
  { form: /^(?<key>[^\t]+)\t\s*(?<name>[^\t]+)$/, numbered: false },
  { form: /^(?<name>.+)$/, numbered: false },
];

function entriesOfLines(text: string): ClassEntry[] {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const used = lines.filter((line) => line !== '');
  for (const { form, numbered } of FORMS) {
    const found = used.flatMap((line, i) => {
      const groups = form.exec(line)?.groups;
      if (!groups) return [];
      const { key, name = '', id = `${i}` } = groups;
      return [{ ...(key !== undefined && { key }), id: Number(id), name }];
    });
    const whole = found.length === used.length;
    if (whole && (!numbered || isCount(found.map(({ id }) => id)))) return found;
  }
  return [];
}

/** Whether numbers are 0 to n - 1 or 1 to n, each once. */
function isCount(numbers: readonly number[]): boolean {
  const sorted = [...numbers].sort((a, b) => a - b);
  const [first] = sorted;
  return (first === 0 || first === 1) && sorted.every((number, i) => number === first + i);
}

/** `/a/airfield` is `a/airfield`, as its folder is called. */
function withoutSlash(entries: readonly ClassEntry[]): ClassEntry[] {
  if (!entries.every(({ name }) => name.startsWith('/'))) return [...entries];
  return entries.map((entry) => ({ ...entry, name: entry.name.slice(1) }));
}

/** Of ImageNet two classes are called "crane": the names of such get their synsets. */
function apart(entries: readonly ClassEntry[]): ClassEntry[] {
  const counts = new Map<string, number>();
  for (const { name } of entries) counts.set(name, (counts.get(name) ?? 0) + 1);
  return entries.map((entry) => {
    const { key, name } = entry;
    return key === undefined || counts.get(name) === 1
      ? entry
      : { ...entry, name: `${name} (${key})` };
  });
}

/** @throws DataError naming the first class that is there twice */
function refuseTwins(file: string, entries: readonly ClassEntry[]): void {
  for (const kind of ['id', 'key', 'name'] as const) {
    const seen = new Set<string | number>();
    for (const { [kind]: value } of entries) {
      if (value === undefined) continue;
      if (!seen.has(value)) seen.add(value);
      else {
        const what = { id: 'number', key: 'folder or label', name: 'name' }[kind];
        throw new DataError(
          `${file}: the ${what} ${JSON.stringify(value)} is there twice`,
          'each class has a name of its own: correct the file, or leave out data.classNames',
        );
      }
    }
  }
}
