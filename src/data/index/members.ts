/** Images that lie in larger files, as they are: in tar shards and Parquet files. */
import { z } from 'zod';
import { Column } from './column.js';

/** A file that holds images, as it was when it was indexed. */
export interface MemberFile {
  /** Below the index's root. */
  readonly path: string;
  readonly size: number;
  readonly mtimeMs: number;
}

/** What an index says of them beside its columns; plain data that is kept with it. */
export interface MemberFacts {
  readonly files: readonly MemberFile[];
  /** [files + 1]: the images of file f are `starts[f] … starts[f + 1]`. */
  readonly starts: readonly number[];
  /** Of Parquet files: the column of the images' bytes, as a path in the schema. */
  readonly column?: readonly string[];
}

/** Where the images of an index are; a worker can receive it. */
export interface Members extends MemberFacts {
  /** [count]: where the image begins in its file; in a page that has to be decoded, the number of that page. */
  readonly offsets: Float64Array;
  /** [count]: its bytes; `IN_PAGE` in a page that has to be decoded; 0: there is none. */
  readonly lengths: Uint32Array;
  /** [count]: its row in that page. */
  readonly rows: Uint32Array;
  /** [pages, 5]: of each page that has to be decoded, see `PAGE`. */
  readonly pages: Float64Array;
}

/** In place of the length of an image that is not stored as it is. */
export const IN_PAGE = 0xffffffff;

/** Numbers of a page: where it and its dictionary begin, and their bytes (0: none), with headers; its row group. */
export const PAGE = {
  offset: 0,
  length: 1,
  dictionary: 2,
  dictionaryLength: 3,
  group: 4,
  numbers: 5,
};

/** Collects the places of images. */
export class MembersBuilder {
  readonly #files: MemberFile[] = [];
  readonly #starts: number[] = [0];
  readonly #offsets = new Column<Float64Array>((length) => new Float64Array(length));
  readonly #lengths = new Column<Uint32Array>((length) => new Uint32Array(length));
  readonly #rows = new Column<Uint32Array>((length) => new Uint32Array(length));
  readonly #pages = new Column<Float64Array>((length) => new Float64Array(length));

  /** An image that is stored as it is. */
  add(offset: number, length: number): void {
    this.#place(offset, length, 0);
  }

  /** A page that has to be decoded. @returns its number */
  addPage(numbers: readonly number[]): number {
    for (const number of numbers) this.#pages.push(number);
    return this.#pages.length / PAGE.numbers - 1;
  }

  addInPage(page: number, row: number): void {
    this.#place(page, IN_PAGE, row);
  }

  #place(offset: number, length: number, row: number): void {
    this.#offsets.push(offset);
    this.#lengths.push(length);
    this.#rows.push(row);
  }

  /** All images since the last call are of this file. */
  endFile(file: MemberFile): void {
    this.#files.push(file);
    this.#starts.push(this.#offsets.length);
  }

  /** In shared memory. The builder is empty afterwards. */
  build(column?: readonly string[]): Members {
    const shared = (bytes: number): SharedArrayBuffer => new SharedArrayBuffer(bytes);
    const offsets = new Float64Array(shared(8 * this.#offsets.length));
    const lengths = new Uint32Array(shared(4 * this.#lengths.length));
    const rows = new Uint32Array(shared(4 * this.#rows.length));
    const pages = new Float64Array(shared(8 * this.#pages.length));
    this.#offsets.moveTo(offsets);
    this.#lengths.moveTo(lengths);
    this.#rows.moveTo(rows);
    this.#pages.moveTo(pages);
    const facts = { files: this.#files, starts: this.#starts, ...(column && { column }) };
    return { ...facts, offsets, lengths, rows, pages };
  }
}

/** The number of the file that image `i` is in. */
export function fileOf({ starts }: MemberFacts, i: number): number {
  let [low, high] = [0, starts.length - 2];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (starts[middle]! <= i) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Whether the images of an index lie in such files. */
export const hasMembers = <T extends { members?: Members }>(
  index: T,
): index is T & { members: Members } => index.members !== undefined;

const fileSchema = z.object({ path: z.string(), size: z.number(), mtimeMs: z.number() });

/** Of an index that was kept: whoever wrote it is not believed. @throws Error in a few words that it cannot be */
export function checkMembers(members: Members, count: number): void {
  const { files, starts, offsets, lengths, rows, pages, column } = members;
  const texts = column === undefined || z.array(z.string()).safeParse(column).success;
  const ascending =
    starts.length === files.length + 1 &&
    starts[0] === 0 &&
    starts[files.length] === count &&
    starts.every((start, i) => Number.isInteger(start) && (i === 0 || start >= starts[i - 1]!));
  const whole =
    [offsets, lengths, rows].every((values) => values.length === count) &&
    pages.length % PAGE.numbers === 0 &&
    pages.every((number) => Number.isSafeInteger(number) && number >= 0);
  const inside = offsets.every(
    (offset, i) =>
      Number.isSafeInteger(offset) &&
      offset >= 0 &&
      (lengths[i] !== IN_PAGE || offset < pages.length / PAGE.numbers),
  );
  const known = z.array(fileSchema).safeParse(files).success;
  if (!texts || !known || !ascending || !whole || !inside) throw new Error('it is damaged');
}
