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
  /** Classes of a single image, or of renderings of a single picture: all for training. */
  tooSmall: string[];
  /** Images that look like others, and stay with them. */
  kept: number;
}

/**
 * Draws a fifth of each class for validation, the same images every time. Renderings of one picture, of whichever
 * classes, stay together: where a group does not fit into what is left of the fifth, it is for training.
 *
 * @param groups `[images]`: which belong together, by the number of the first of them
 * @param folder of the images, relative to the root that the lists are for
 * @throws DataError if a name cannot be written into a list, or no class has two images
 */
export function split(index: ImageIndex, folder: string, groups: Uint32Array): Split {
  const byClass = index.classes.map((): number[] => []);
  for (const [i, label] of index.labels.entries()) byClass[label]!.push(i);
  const prefix = folder === '' ? '' : `${folder}/`;
  const parts = { train: [] as string[], val: [] as string[] };
  const tooSmall: string[] = [];
  const members = membersOf(groups);
  const isHeld = new Map<number, boolean>(); // by group
  for (const [label, images] of byClass.entries()) {
    const name = index.classes[label]!;
    const count = images.length < 2 ? 0 : Math.max(1, Math.round(VAL_SHARE * images.length));
    let held = images.filter((i) => isHeld.get(groups[i]!)).length;
    const order = permutation(images.length, new Random(1, 'split', name));
    const open = [...new Set([...order].map((at) => groups[images[at]!]!))].filter(
      (group) => !isHeld.has(group),
    );
    const sizeOf = (group: number): number =>
      members.get(group)?.filter((i) => index.labels[i] === label).length ?? 1;
    for (const group of open) {
      const size = sizeOf(group);
      isHeld.set(group, held + size <= count);
      if (isHeld.get(group)) held += size;
    }
    if (held === 0 && images.length > 1) {
      // Groups alone, each larger than the fifth: the smallest, if that is not most of the class.
      const [smallest] = open.toSorted((a, b) => sizeOf(a) - sizeOf(b));
      if (smallest !== undefined && 2 * sizeOf(smallest) <= images.length) {
        isHeld.set(smallest, true);
        held = sizeOf(smallest);
      }
    }
    if (held === 0) tooSmall.push(name);
    for (const i of images) {
      const part = isHeld.get(groups[i]!) ? 'val' : 'train';
      parts[part].push(line(prefix + relativePath(index, i), name));
    }
  }
  if (parts.val.length === 0) {
    throw new DataError(
      `${index.root}: no class has two pictures, so none can be set aside for validation`,
      'give a folder of its own to each part: <folder>/train/<class>/ and <folder>/val/<class>/',
    );
  }
  return {
    train: parts.train.join(''),
    val: parts.val.join(''),
    valImages: parts.val.length,
    tooSmall,
    kept: [...members.values()].reduce((sum, group) => sum + group.length, 0),
  };
}

/** The images of each group of more than one. */
function membersOf(groups: Uint32Array): Map<number, number[]> {
  const members = new Map<number, number[]>();
  for (const [image, first] of groups.entries()) {
    if (image === first) continue;
    const group = members.get(first) ?? [first];
    group.push(image);
    members.set(first, group);
  }
  return members;
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
