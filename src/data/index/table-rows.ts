/** The rows of a table with a header, as Kaggle hands labels out: CSV, quoted or not. */
import { statSync } from 'node:fs';
import { type CsvError, parse } from 'csv-parse/sync';
import { DataError } from '../../errors.js';
import { nearest } from '../../near.js';
import { messageOf } from '../../system-error.js';
import { hasImageName } from './image-files.js';
import { joinPath } from './image-index.js';
import type { ColumnNames, ListRow } from './list-row.js';
import { oneForm, pathAsThere } from './unicode-forms.js';

interface Table {
  /** Null where the first line is an image already. */
  header: readonly string[] | null;
  rows: readonly { line: number; cells: readonly string[] }[];
}

/**
 * Which columns are the image and its label is said by `columns`, or plain: two columns, or of several the one that
 * holds names of images, and the one that is called so.
 *
 * @param root what paths are relative to: one without an extension has that of its file
 * @throws DataError naming the line or the column that is wrong
 */
export function* tableRows(
  file: string,
  bytes: Buffer,
  { root, columns = {} }: { root: string; columns?: ColumnNames },
): Generator<ListRow> {
  const table = tableOf(file, bytes);
  const { image, label } = placesOf(file, table, columns);
  const extension = extensionOf(root, table.rows[0]?.cells[image]);
  const synsets = table.rows.every(({ cells }) => SOLUTION.test(cells[label] ?? ''));
  for (const { line, cells } of table.rows) {
    const path = (cells[image] ?? '').trim();
    const text = (cells[label] ?? '').trim();
    if (path === '' || text === '') {
      throw new DataError(
        `${file}: line ${line} is ${JSON.stringify(cells.join(','))}, without ${path === '' ? 'an image' : 'a label'}`,
        'every line of the table is an image and its label',
      );
    }
    yield {
      line,
      path: Buffer.from(hasImageName(path) ? path : `${path}${extension}`),
      label: synsets ? text.split(' ')[0]! : text,
    };
  }
}

/** Of ImageNet on Kaggle: the synset, and where in the image it is, once for each object. */
const SOLUTION = /^n\d{8}( \d+){4}( n\d{8}( \d+){4})* ?$/;

function tableOf(file: string, bytes: Buffer): Table {
  let found: { record: string[]; info: { lines: number } }[];
  try {
    found = parse(bytes, {
      bom: true,
      delimiter: delimiterOf(bytes),
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
    }) as unknown as typeof found;
  } catch (error) {
    const { lines } = error as CsvError & { lines?: number };
    const at = lines === undefined ? '' : `line ${lines}: `;
    throw new DataError(`${file}: ${at}cannot be read as a table: ${messageOf(error)}`);
  }
  const rows = found.map(({ record, info }) => ({ line: info.lines, cells: record }));
  const [first] = rows;
  if (!first || first.cells.some((cell) => hasImageName(cell.trim())))
    return { header: null, rows };
  return { header: first.cells.map((cell) => cell.trim()), rows: rows.slice(1) };
}

const firstLine = (bytes: Buffer): string => {
  const end = bytes.indexOf(10);
  return bytes.toString('latin1', 0, end < 0 ? bytes.length : end);
};

/** Whether its first line has columns: one of `path label` has none. */
export const isTable = (bytes: Buffer): boolean => !/^[^,;\t"]+ \d+\s*$/.test(firstLine(bytes));

/** What is most frequent in the first line. */
function delimiterOf(bytes: Buffer): string {
  const line = firstLine(bytes);
  const count = (mark: string): number => line.split(mark).length;
  return [',', ';', '\t'].reduce((best, mark) => (count(mark) > count(best) ? mark : best));
}

/** What columns are called. Of several that may be images the first of these is. */
const IMAGES = [
  ...['image', 'image_id', 'imageid', 'image_name', 'image_path'],
  ...['filename', 'file_name', 'file', 'path', 'img', 'id'],
];
const LABELS = ['label', 'class', 'category', 'target', 'species', 'breed'];

function placesOf(
  file: string,
  { header, rows }: Table,
  columns: ColumnNames,
): { image: number; label: number } {
  const named = {
    image: nameOf(file, header, columns, 'image'),
    label: nameOf(file, header, columns, 'label'),
  };
  const cells = rows[0]?.cells ?? [];
  const width = header?.length ?? cells.length;
  const pictures = cells.flatMap((cell, i) => (hasImageName(cell.trim()) ? [i] : []));
  const labelled = (header ?? []).flatMap((name, i) =>
    LABELS.includes(name.toLowerCase()) ? [i] : [],
  );
  const other = (place: number | null): number | null =>
    width === 2 && place !== null ? 1 - place : null;
  const only = (places: readonly number[]): number | null =>
    places.length === 1 ? places[0]! : null;
  const called = header?.map((name) => name.toLowerCase()) ?? [];
  const word = pictures.length === 0 && IMAGES.find((name) => called.includes(name));
  const image =
    named.image ??
    only(pictures) ??
    other(named.label ?? only(labelled)) ??
    (width === 2 ? 0 : word ? called.indexOf(word) : null);
  const label = named.label ?? other(image) ?? only(labelled.filter((place) => place !== image));
  if (image !== null && label !== null && image !== label) return { image, label };
  const known = header ? `the columns ${header.join(', ')}` : `${width} columns without names`;
  throw new DataError(
    `${file}: has ${known}: which are the image and its label is not plain`,
    'name them: data.columns: {image: …, label: …}',
  );
}

/** The place of a column that is named. */
function nameOf(
  file: string,
  header: readonly string[] | null,
  columns: ColumnNames,
  key: 'image' | 'label',
): number | null {
  const { [key]: name } = columns;
  if (name === undefined) return null;
  const place = header?.findIndex((one) => oneForm(one) === oneForm(name)) ?? -1;
  if (place >= 0) return place;
  const meant = header ? nearest(name, header) : undefined;
  throw new DataError(
    `${file}: has no column ${JSON.stringify(name)} (data.columns.${key}), but ${header ? header.join(', ') : 'no header'}`,
    meant === undefined ? 'name one of these' : `did you mean ${JSON.stringify(meant)}?`,
  );
}

const EXTENSIONS = [
  '.jpg',
  '.jpeg',
  '.JPEG',
  '.JPG',
  '.png',
  '.PNG',
  '.webp',
  '.tif',
  '.tiff',
  '.gif',
];

/** What the files are called that a table names without an extension; '' where they are called so. */
function extensionOf(root: string, path: string | undefined): string {
  if (path === undefined || hasImageName(path.trim()) || path.includes('\0')) return '';
  const isFile = (extension: string): boolean =>
    statSync(pathAsThere(joinPath(root, path.trim() + extension)), {
      throwIfNoEntry: false,
    })?.isFile() === true;
  return ['', ...EXTENSIONS].find(isFile) ?? '';
}
