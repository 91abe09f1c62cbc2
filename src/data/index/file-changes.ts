/** Files that were changed in place since the index was made: no folder tells of that, so it shows when they are read. */
import { statSync } from 'node:fs';
import { type ImageIndex, imageFile, mtimeStamp } from './image-index.js';

interface State {
  size: number;
  mtimeMs: number;
}

/** Whether a file's size or time, as it was opened, differs from the index; false if the index does not know them. */
export const hasChanged = (index: ImageIndex, image: number, state: State): boolean =>
  index.mtimes[image] !== 0 && differs(index, image, state);

/** The first file that is gone or not as the index says; −1 if all are. */
export function firstChanged(index: ImageIndex): number {
  for (let i = 0; i < index.count; i++) {
    const state = stateOf(index, i);
    if (state ? differs(index, i, state) : index.mtimes[i] !== 0) return i;
  }
  return -1;
}

const differs = (index: ImageIndex, image: number, { size, mtimeMs }: State): boolean =>
  Math.min(size, 0xffffffff) !== index.sizes[image] || mtimeStamp(mtimeMs) !== index.mtimes[image];

function stateOf(index: ImageIndex, image: number): State | null {
  try {
    return statSync(imageFile(index, image));
  } catch {
    return null;
  }
}

/** What a user is told who trains on, or evaluates, files that have changed. */
export function changedNotice(count: number, first: string): string {
  const what = count === 1 ? 'has' : `and ${count - 1} more images have`;
  return (
    `${first} ${what} changed since the index was made, and are used as they are now: the data are no longer those ` +
    'that the index and the statistics were made from; --rebuild-index looks at all files again'
  );
}
