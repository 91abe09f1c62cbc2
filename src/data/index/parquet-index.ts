/** The images of a Parquet file, row by row: where they are, and of which class. */
import type { AsyncBuffer, FileMetaData } from 'hyparquet';
import { parquetReadObjects } from 'hyparquet';
import { getSchemaPath } from 'hyparquet/src/schema.js';
import { DataError } from '../../errors.js';
import { messageOf } from '../../system-error.js';
import type { ColumnNames } from './list-row.js';
import { parquetCompressors } from './parquet-compressors.js';
import { chunkOf, type ImageColumns, imageColumns, readFooter } from './parquet-file.js';
import { type ImagePage, imagePages } from './parquet-pages.js';
import type { ReadAt } from './tar-members.js';

export interface ParquetImages {
  columns: ImageColumns;
  /** Of each row. */
  labels: readonly string[];
  /** The pages, and the number of the row group of each. */
  pages: readonly { page: ImagePage; group: number }[];
}

/**
 * @param file as it is shown
 * @throws DataError naming what cannot be used, and why
 */
export async function parquetImages(
  file: string,
  size: number,
  read: ReadAt,
  named: ColumnNames,
): Promise<ParquetImages> {
  try {
    const metadata = readFooter(size, read);
    const columns = imageColumns(metadata, named);
    const schemaPath = getSchemaPath(metadata.schema, [...columns.image]);
    const pages = metadata.row_groups.flatMap((row, group) => {
      const chunk = { data: chunkOf(row, columns.image), schemaPath };
      return [...imagePages(chunk, size, read)].map((page) => ({ page, group }));
    });
    const labels = await labelsOf(metadata, columns, size, read);
    const rows = pages.reduce((sum, { page }) => sum + page.rows, 0);
    if (rows !== labels.length)
      throw new Error(`it has ${rows} images, but ${labels.length} labels`);
    return { columns, labels, pages };
  } catch (error) {
    throw new DataError(
      `${file}: ${messageOf(error)}`,
      'name the columns with data.columns: {image: image, label: label}; of a damaged file get another copy',
    );
  }
}

async function labelsOf(
  metadata: FileMetaData,
  { label, classes }: ImageColumns,
  size: number,
  read: ReadAt,
): Promise<string[]> {
  const file: AsyncBuffer = {
    byteLength: size,
    slice: (start, end = size) => Uint8Array.from(read(start, end - start)).buffer,
  };
  const compressors = await parquetCompressors();
  const rows = await parquetReadObjects({ file, metadata, columns: [label], compressors });
  return rows.map((row, i) => {
    const value: unknown = row[label];
    const isLabel = ['string', 'number', 'bigint', 'boolean'].includes(typeof value);
    const text = isLabel ? `${value as string}`.trim() : '';
    if (text === '') throw new Error(`row ${i} has no label: ${label} is ${shownValue(value)}`);
    if (!classes) return text;
    const name = classes[Number(text)];
    if (name !== undefined) return name;
    const none = text === '-1' ? ', as rows without labels have' : '';
    throw new Error(
      `row ${i} has the label ${text}${none}; its classes are 0 to ${classes.length - 1}`,
    );
  });
}

const shownValue = (value: unknown): string =>
  value === null || value === undefined ? 'null' : Array.isArray(value) ? 'a list' : typeof value;
