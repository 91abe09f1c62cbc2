import type { ClassFolders } from '../config/class-folders.js';

/** Where the parts of a data set are, as `data.root`, `data.train` and `data.val` will name them. */
export interface Layout {
  root: string;
  train: string;
  /** Null: there is one part only, which has to be split. */
  val: string | null;
  /** Where it is not plain. */
  classFolders?: ClassFolders;
  /** In place of `val`: a folder of such a name that holds no folders of classes. */
  withoutClasses?: string;
  /** What the parts are; class folders where that is not said. */
  kind?: 'shards' | 'lists';
  /** Folders that the paths of lists are relative to, below the root. */
  roots?: { train?: string; val?: string };
  /** File that says what the labels mean, below the root. */
  classNames?: string;
}

/** Names of parts, the usual ones first. */
export const TRAIN = ['train', 'training', 'train.txt'];
export const TEST = ['test', 'testing', 'test.txt'];
export const VAL = ['val', 'validation', 'valid', 'test', 'testing', 'val.txt'];

/** Whether a folder of this name is usually a part of a data set, not a class. */
export const isPartName = (name: string): boolean =>
  [...TRAIN, ...VAL, ...TEST].includes(name.toLowerCase());
