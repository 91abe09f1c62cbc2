/** The rows of a list file, whichever of the forms it has in which data sets bring their lists (docs/datasets.md). */
import { extname } from 'node:path';
import { annotationRows } from './annotation-rows.js';
import type { ColumnNames, ListRow } from './list-row.js';
import { isTable, tableRows } from './table-rows.js';
import { textRows } from './text-rows.js';
import { isGroundTruth, truthRows } from './truth-rows.js';

/** What a list says. */
export interface ListContents {
  /** Goes through the rows; may be called again. */
  rows: () => Iterable<ListRow>;
  /** The classes, where the list names them itself. */
  classes?: readonly string[];
  /** The labels are numbers of another file's, which has to say what they mean. */
  areForeign?: boolean;
}

export interface ListRowOptions {
  /** Folder that the paths are relative to. */
  root: string;
  columns?: ColumnNames;
}

/**
 * By the extension: a table (`.csv`, `.tsv`), JSON as iNaturalist and COCO have it, else, and in a `.csv` without a
 * comma, lines: `path label`, or labels alone for the images of a folder.
 *
 * @param bytes of the file
 * @throws DataError naming the line that is wrong, also later, while the rows are gone through
 */
export function listRows(
  file: string,
  bytes: Buffer,
  { root, columns }: ListRowOptions,
): ListContents {
  switch (extname(file).toLowerCase()) {
    case '.csv':
    case '.tsv':
      if (!isTable(bytes)) break; // as Places205 has them
      return { rows: () => tableRows(file, bytes, { root, columns }) };
    case '.json':
      return annotationRows(file, bytes);
  }
  return isGroundTruth(bytes)
    ? { rows: () => truthRows(file, bytes, root), areForeign: true }
    : { rows: () => textRows(file, bytes) };
}
