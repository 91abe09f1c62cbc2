/** Index of the images in tar shards and Parquet files: read once, kept like any other. */
import { closeSync, fstatSync, type Stats } from 'node:fs';
import { DataError } from '../../errors.js';
import { openRegular } from '../../regular-file.js';
import { isSystemError } from '../../system-error.js';
import { cannotRead } from './cannot-read.js';
import { Directories } from './directories.js';
import { type ImageIndex, IndexBuilder, joinPath } from './image-index.js';
import type { ColumnNames } from './list-row.js';
import { MembersBuilder } from './members.js';
import { inLabelOrder } from './name-order.js';
import type { ImageColumns } from './parquet-file.js';
import { parquetImages } from './parquet-index.js';
import { readAhead } from './read-ahead.js';
import type { ShardFiles } from './shard-files.js';
import { tarImages } from './tar-index.js';
import type { ReadAt } from './tar-members.js';
import { oneForm } from './unicode-forms.js';

export interface IndexedShards {
  index: ImageIndex;
  /** The shards, by whose times a later start tells whether they are the same. */
  directories: Directories;
}

export interface ShardOptions {
  /** Folder that the files are in. */
  root: string;
  columns?: ColumnNames;
  /** Told after each file how many images were found in it. */
  onFile?: (images: number) => void;
}

/**
 * The labels are the classes: numbers by their size, others by code point; of Parquet files those that they name.
 *
 * @throws DataError naming the shard and the member or row that cannot be used
 */
export async function indexShards(
  { kind, files }: ShardFiles,
  { root, columns = {}, onFile }: ShardOptions,
): Promise<IndexedShards> {
  const found = new Collected(root, columns);
  for (const path of files) {
    const before = found.count;
    await withFile(joinPath(root, path), async (file, stats) => {
      const read = readAhead(file);
      if (kind === 'tar') found.addTar(path, stats, read);
      else await found.addParquet(path, stats, read);
    });
    onFile?.(found.count - before);
  }
  if (found.count === 0) {
    throw new DataError(
      `${joinPath(root, files[0]!)}${files.length > 1 ? ` and ${files.length - 1} more` : ''}: no samples with an image and a label`,
      'docs/datasets.md says how images and labels are found',
    );
  }
  return found.indexed();
}

/** What was found so far. */
class Collected {
  readonly #builder = new IndexBuilder();
  readonly #members = new MembersBuilder();
  readonly #directories = new Directories();
  readonly #labels = new Map<string, number>();
  /** Of Parquet files: the first one and what it says, which the others have to say as well. */
  #parquet: { path: string; columns: ImageColumns } | null = null;

  constructor(
    private readonly root: string,
    private readonly columns: ColumnNames,
  ) {}

  get count(): number {
    return this.#builder.count;
  }

  addTar(path: string, stats: Stats, read: ReadAt): void {
    this.#directories.add(path, stats);
    const images = tarImages(joinPath(this.root, path), stats.size, read, this.columns);
    for (const { name, label, offset, size } of images) {
      this.#builder.add(Buffer.from(`${path}/${name}`), this.#labelOf(label), size);
      this.#members.add(offset, size);
    }
    this.#members.endFile({ path, size: stats.size, mtimeMs: stats.mtimeMs });
  }

  /** An image is called by its row. */
  async addParquet(path: string, stats: Stats, read: ReadAt): Promise<void> {
    const shown = joinPath(this.root, path);
    this.#directories.add(path, stats);
    const { columns, labels, pages } = await parquetImages(shown, stats.size, read, this.columns);
    this.#checkSame(path, columns);
    let row = 0;
    const add = (size: number): void => {
      this.#builder.add(Buffer.from(`${path}/${row}`), this.#labelOf(labels[row]!), size);
      row++;
    };
    for (const { page, group } of pages) {
      const { places, offset, length, dictionary, dictionaryLength } = page;
      if (places) {
        for (const [at, size] of places) {
          add(size);
          this.#members.add(at, size);
        }
        continue;
      }
      const number = this.#members.addPage([offset, length, dictionary, dictionaryLength, group]);
      for (let i = 0; i < page.rows; i++) {
        add(Math.round(length / page.rows)); // what the image itself takes is not known
        this.#members.addInPage(number, i);
      }
    }
    this.#members.endFile({ path, size: stats.size, mtimeMs: stats.mtimeMs });
  }

  #checkSame(path: string, columns: ImageColumns): void {
    this.#parquet ??= { path, columns };
    const { path: first, columns: known } = this.#parquet;
    if (JSON.stringify(known) === JSON.stringify(columns)) return;
    throw new DataError(
      `${joinPath(this.root, path)}: has other columns or classes than ${first}`,
      'name files of one data set',
    );
  }

  #labelOf(text: string): number {
    const name = oneForm(text);
    const label = this.#labels.get(name) ?? this.#labels.size;
    this.#labels.set(name, label);
    return label;
  }

  indexed(): IndexedShards {
    const own = this.#parquet?.columns;
    const classes = own?.classes ?? inLabelOrder(this.#labels.keys());
    const places = new Map(classes.map((name, place) => [name, place]));
    const map = [...this.#labels.keys()].map((label) => places.get(label)!);
    const index = this.#builder.build(this.root, classes);
    for (let i = 0; i < index.count; i++) index.labels[i] = map[index.labels[i]!]!;
    const members = this.#members.build(own?.image);
    return { index: { ...index, members }, directories: this.#directories };
  }
}

async function withFile(
  path: string,
  use: (file: number, stats: Stats) => Promise<void>,
): Promise<void> {
  let file: number;
  try {
    file = openRegular(path);
  } catch (error) {
    throw cannotRead(path, error);
  }
  try {
    await use(file, fstatSync(file));
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw cannotRead(path, error);
  } finally {
    closeSync(file);
  }
}
