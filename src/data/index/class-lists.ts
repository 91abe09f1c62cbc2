/** The images of each class, as slices of one array. */
import type { ImageIndex } from './image-index.js';
import { checkLabels } from './labels.js';

export interface ClassLists {
  /** [count]: image indices ordered by class, within a class by index. */
  readonly images: Int32Array;
  /** [classes + 1]: class c owns `images[starts[c] … starts[c + 1])`. */
  readonly starts: Int32Array;
  /** [count]: place of each image in its class, 0 … size of the class − 1. */
  readonly ranks: Int32Array;
}

/** Group images by label with a counting sort; linear in time and memory, which is shared. @throws DataError if a label is of no class */
export function classLists(labels: Int32Array, classes: number): ClassLists {
  checkLabels(labels, classes);
  const starts = new Int32Array(classes + 1);
  for (const label of labels) starts[label + 1]!++;
  for (let c = 0; c < classes; c++) starts[c + 1]! += starts[c]!;
  const filled = new Int32Array(classes);
  const images = new Int32Array(new SharedArrayBuffer(4 * labels.length));
  const ranks = new Int32Array(new SharedArrayBuffer(4 * labels.length));
  for (let i = 0; i < labels.length; i++) {
    const c = labels[i]!;
    const rank = filled[c]!++;
    ranks[i] = rank;
    images[starts[c]! + rank] = i;
  }
  return { images, starts, ranks };
}

const known = new WeakMap<ImageIndex, ClassLists>();

/** The class lists of an index, made when they are first asked for; all loaders and their workers share them. */
export function sharedClassLists(index: ImageIndex): ClassLists {
  const lists = known.get(index) ?? classLists(index.labels, index.classes.length);
  known.set(index, lists);
  return lists;
}

/**
 * The image that stands in for an undecodable one: the `attempt`-th after it in its class's list,
 * cyclically (attempt 1 is the next one). −1 once every other image of the class has been tried.
 */
export function substitute(
  lists: ClassLists,
  labels: Int32Array,
  image: number,
  attempt: number,
): number {
  const c = labels[image]!;
  const start = lists.starts[c]!;
  const size = lists.starts[c + 1]! - start;
  if (attempt >= size) return -1;
  return lists.images[start + ((lists.ranks[image]! + attempt) % size)]!;
}
