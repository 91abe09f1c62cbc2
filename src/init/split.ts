import { type ImageIndex, relativePath } from '../data/index/image-index.js';
import { DataError } from '../errors.js';
import { permutation, Random } from '../random.js';

/** Of each class, so much for validation. */
export const VAL_SHARE = 0.2;

/** Two list files, `path<tab>class` lines, from one part. */
export interface Split {
  train: string;
  val: string;
  valImages: number;
  /** Classes of a single image: all for training. */
  tooSmall: string[];
}

/**
 * Draws a fifth of each class for validation, the same images every time.
 *
 * @param folder of the images, relative to the root that the lists are for
 * @throws DataError if a name cannot be written into a list, or no class has two images
 */
export function split(index: ImageIndex, folder: string): Split {
  const byClass = index.classes.map((): number[] => []);
  for (const [i, label] of index.labels.entries()) byClass[label]!.push(i);
  const prefix = folder === '' ? '' : `${folder}/`;
  const parts = { train: [] as string[], val: [] as string[] };
  const tooSmall: string[] = [];
  for (const [label, images] of byClass.entries()) {
    const name = index.classes[label]!;
    const count = images.length < 2 ? 0 : Math.max(1, Math.round(VAL_SHARE * images.length));
    if (images.length === 1) tooSmall.push(name);
    const order = permutation(images.length, new Random(1, 'split', name));
    const held = new Set(order.slice(0, count));
    for (const [at, i] of images.entries()) {
      parts[held.has(at) ? 'val' : 'train'].push(line(prefix + relativePath(index, i), name));
    }
  }
  if (parts.val.length === 0) {
    throw new DataError(
      `${index.root}: no class has two images, so none can be set aside for validation`,
      'give a folder of its own to each part: <folder>/train/<class>/ and <folder>/val/<class>/',
    );
  }
  return {
    train: parts.train.join(''),
    val: parts.val.join(''),
    valImages: parts.val.length,
    tooSmall,
  };
}

function line(path: string, name: string): string {
  if (/[\t\r\n]/.test(path) || name !== name.trim()) {
    throw new DataError(
      `${JSON.stringify(path)}: names with line breaks or tabs, and classes that begin or end with a space, do not fit into a list file`,
      'rename it, or give a folder of its own to each part: <folder>/train/<class>/ and <folder>/val/<class>/',
    );
  }
  return `${path}\t${name}\n`;
}
