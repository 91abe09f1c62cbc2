/** Class names in the devkit of ILSVRC: its `meta.mat` has a structure array of synsets. */
import { z } from 'zod';
import { DataError } from '../../errors.js';
import { messageOf } from '../../system-error.js';
import type { ClassEntry } from './class-entry.js';
import { readMatStruct } from './mat-file.js';

const synset = z.object({
  ILSVRC2012_ID: z.int().positive(),
  WNID: z.string().regex(/^n\d{8}$/),
  words: z.string().min(1),
  num_children: z.int().nonnegative(),
});

/** Those of the synsets that are classes: the ones without children. @throws DataError if it is another file */
export function entriesOfMat(file: string, bytes: Buffer): ClassEntry[] {
  const fix =
    'ILSVRC2012_devkit_t12/data/meta.mat is such a file; docs/datasets.md has the other forms';
  let rows: ReturnType<typeof readMatStruct>;
  try {
    rows = readMatStruct(bytes, 'synsets');
  } catch (error) {
    throw new DataError(`${file}: cannot be read: ${messageOf(error)}`, fix);
  }
  const synsets = z.array(synset).safeParse(rows);
  if (!synsets.success) {
    throw new DataError(
      `${file}: has no synsets with ILSVRC2012_ID, WNID, words and num_children`,
      fix,
    );
  }
  return synsets.data
    .filter(({ num_children }) => num_children === 0)
    .map(({ ILSVRC2012_ID: id, WNID: key, words: name }) => ({ key, id, name }));
}
