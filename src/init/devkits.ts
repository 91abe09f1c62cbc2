/** Data sets that come with lists, and files that say what the labels in them mean (docs/datasets.md). */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { compareCodePoints } from '../data/index/name-order.js';
import { foldersIn } from './folders-in.js';
import type { Layout } from './layout.js';
import { listFolder } from './list-folder.js';

/**
 * @returns null if it is none that is known
 * @throws DataError if it is one, but its images are not found
 */
export function devkitLayout(root: string): Layout | null {
  for (const find of [places, ilsvrc, annotations, tables]) {
    const found = find(root);
    if (found) return found;
  }
  return null;
}

/** Places365, Places2, Places205: lists with numbers in the devkit's folder or beside the images, and the categories. */
function places(root: string): Layout | null {
  for (const folder of ['.', ...foldersIn(root)]) {
    const names = filesIn(join(root, folder));
    const of = (form: RegExp): string | undefined => {
      const name = names.find((one) => form.test(one));
      return name === undefined ? undefined : join(folder, name);
    };
    const train = of(/^(places\d*_train\w*|train_places\d+)\.(txt|csv)$/i);
    const val = of(/^(places\d*_val|val_places\d+)\.(txt|csv)$/i);
    const classNames = of(/^categor(ies|yIndex)_places\w*\.(txt|csv)$/i);
    if (train && val) return withFolders(root, { train, val, ...(classNames && { classNames }) });
  }
  return null;
}

const TRAINING_FOLDERS = ['ILSVRC2012_img_train', 'train', 'ILSVRC/Data/CLS-LOC/train'];
const VALIDATION_FOLDERS = ['ILSVRC2012_img_val', 'val', 'ILSVRC/Data/CLS-LOC/val'];
/** What says which class the images of the validation folder are of, and what says what that means. */
const TRUTHS: readonly (readonly [string, string])[] = [
  ...['ILSVRC2012_devkit_t12/data', 'devkit/data', 'data', '.'].map(
    (folder) =>
      [join(folder, 'ILSVRC2012_validation_ground_truth.txt'), join(folder, 'meta.mat')] as const,
  ),
  ['LOC_val_solution.csv', 'LOC_synset_mapping.txt'],
  ['val.txt', 'synset_words.txt'],
  ['caffe_ilsvrc12/val.txt', 'caffe_ilsvrc12/synset_words.txt'],
];

/** ImageNet: a folder for each synset, and one for all validation images. */
function ilsvrc(root: string): Layout | null {
  const isThere = (path: string): boolean => isFile(join(root, path));
  const train = TRAINING_FOLDERS.find((name) => hasSynsets(join(root, name)));
  const images = VALIDATION_FOLDERS.find(
    (name) => isFolder(join(root, name)) && foldersIn(join(root, name)).length === 0,
  );
  const [val, classNames] = TRUTHS.find((files) => files.every(isThere)) ?? [];
  if (!train || !images || !val || !classNames) return null;
  return { root, train, val, roots: { val: images }, classNames, kind: 'lists' };
}

const hasSynsets = (folder: string): boolean =>
  isFolder(folder) && foldersIn(folder).some((name) => /^n\d{8}$/.test(name));

/** iNaturalist's JSON. */
function annotations(root: string): Layout | null {
  const names = filesIn(root);
  for (const train of names) {
    const [, year] = /^train(\d{4}|_mini|)\.json$/.exec(train) ?? [];
    const val = year === '_mini' ? 'val.json' : `val${year}.json`;
    if (year !== undefined && names.includes(val)) return withFolders(root, { train, val });
  }
  return null;
}

const NAMES = { train: /^(train\w*|labels)\.(csv|tsv)$/i, val: /^val\w*\.(csv|tsv)$/i };

/** Labels in a table. Without one for validation that of training is split. */
function tables(root: string): Layout | null {
  const names = filesIn(root);
  const train = names.filter((name) => NAMES.train.test(name));
  const val = names.filter((name) => NAMES.val.test(name));
  if (train.length !== 1 || val.length > 1) return null;
  return withFolders(root, { train: train[0]!, val: val[0] ?? null });
}

/** With the folders that the paths of its lists are relative to, where that is not the root. */
export function withFolders(
  root: string,
  { train, val, classNames }: Pick<Layout, 'train' | 'val' | 'classNames'>,
): Layout {
  const folders = {
    train: listFolder(root, train),
    ...(val !== null && { val: listFolder(root, val) }),
  };
  const isPlain = Object.values(folders).every((folder) => folder === '.');
  return {
    root,
    train,
    val,
    ...(!isPlain && { roots: folders }),
    ...(classNames !== undefined && { classNames }),
    kind: 'lists',
  };
}

const isFolder = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

const isFile = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isFile() === true;

const filesIn = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => !name.startsWith('.') && isFile(join(folder, name)))
    .sort(compareCodePoints);
