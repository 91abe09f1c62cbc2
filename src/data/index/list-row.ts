/** An image of a list file. */
export interface ListRow {
  /** Number of its line. */
  line: number;
  /** Relative to the list's root, in bytes: names need not be UTF-8. */
  path: Buffer;
  label: string;
}

/** What of a list file says which image, and which class. */
export interface ColumnNames {
  image?: string;
  label?: string;
}
