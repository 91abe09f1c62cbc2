import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { ClassFolders } from '../config/class-folders.js';
import type { DataConfig } from '../config/experiment-schema.js';
import type { LabelMeaning } from '../config/label-meaning.js';
import { DECODING } from '../data/images/decode.js';
import { whyNoTurboJpeg } from '../data/images/turbojpeg.js';
import { readClassNames } from '../data/index/class-names.js';
import type { ImageIndex } from '../data/index/image-index.js';
import { emptyClasses } from '../data/index/image-index.js';
import { IndexCache } from '../data/index/index-cache.js';
import { holdsFoldersAlone, innerFolders } from '../data/index/inner-folders.js';
import { leftOutText } from '../data/index/left-out.js';
import { numbered } from '../data/index/list-labels.js';
import type { ColumnNames } from '../data/index/list-row.js';
import { nameClasses } from '../data/index/name-classes.js';
import { openPrepared } from '../data/index/prepared.js';
import { isPrepared } from '../data/index/prepared-facts.js';
import { relabelled, sameClasses, sameOrder } from '../data/index/relabel.js';
import { isShards, shardFiles } from '../data/index/shard-files.js';
import { pathAsThere } from '../data/index/unicode-forms.js';
import { DataError } from '../errors.js';

/** How the files of a part say which images there are, and what class each is of. */
export interface Reading {
  /** What the labels of a list are, where that is said; see `readLabels`. */
  labels?: LabelMeaning;
  /** Which folders are classes. */
  classFolders?: ClassFolders;
  /** A file that names the classes. */
  classNames?: string;
  /** Of a table: which columns are the image and its label. */
  columns?: ColumnNames;
  /** Folder that the paths of a list are relative to; default: the root. */
  base?: string;
}

/** How a config says that a part is to be read. @param part none for images that are no part of the config's data */
export function readingOf(
  data: DataConfig,
  part: 'train' | 'val' | null,
  from = data.root,
): Reading {
  const { labels, classFolders, classNames, columns, roots } = data;
  const base = part === null ? undefined : roots?.[part];
  return {
    ...(labels !== undefined && { labels }),
    ...(classFolders !== undefined && { classFolders }),
    ...(classNames !== undefined && { classNames: resolve(from, classNames) }),
    ...(columns !== undefined && { columns }),
    ...(base !== undefined && { base: resolve(from, base) }),
  };
}

/**
 * The images of one part of a data set: a folder of class folders, or a list file of `path label` lines.
 *
 * @param classes the trained classes, matched by name; without them the data decide
 * @param onNotice receives a line per oddity that does not stop anything
 * @param cache where indexes are kept; without it none is
 * @param reading what is said of its files
 */
export async function openImages(
  root: string,
  part: string,
  classes: readonly string[] | undefined,
  onNotice: (line: string) => void,
  cache: IndexCache = new IndexCache({ folder: null }),
  reading: Reading = {},
): Promise<ImageIndex> {
  const whole = pathAsThere(resolve(root));
  const index = await open(whole, part, classes, onNotice, cache, reading);
  if (index.packed?.encoding !== 'raw') sayIfSlow(onNotice);
  return index;
}

let saidSlow = false;

/** Says once why JPEGs are decoded slowly, where they are. */
function sayIfSlow(onNotice: (line: string) => void): void {
  const reason = saidSlow ? null : whyNoTurboJpeg();
  if (reason === null) return;
  saidSlow = true;
  onNotice(
    `JPEGs are decoded without libjpeg-turbo, which takes several times as long (docs/data.md): ${reason}`,
  );
}

async function open(
  root: string,
  part: string,
  classes: readonly string[] | undefined,
  onNotice: (line: string) => void,
  cache: IndexCache,
  reading: Reading,
): Promise<ImageIndex> {
  const path = pathAsThere(resolve(root, part));
  const { classNames, labels } = reading;
  const shards = !isPrepared(path) && isShards(root, part);
  if (shards && classNames === undefined) {
    return openShards(root, part, classes, onNotice, cache, reading);
  }
  if (classNames !== undefined && !isPrepared(path)) {
    const names = readClassNames(pathAsThere(classNames));
    const own: Reading = { ...reading, classNames: undefined, labels: 'names' };
    const index = shards
      ? await openShards(root, part, undefined, onNotice, cache, { columns: reading.columns })
      : await open(root, part, undefined, onNotice, cache, own);
    const folders = !shards && !isFile(path);
    const options = { source: path, folders, labels, classes };
    const named = nameClasses(index, names, options);
    if (index.classes.length < named.classes.length) sayEmpty(path, named, onNotice);
    return named;
  }
  if (isFile(path)) {
    const base = pathAsThere(reading.base ?? root);
    const { index, labels: found } = await cache.openList(path, base, classes, reading);
    if (found === 'positions' && labels === undefined) {
      const used = [Math.min, Math.max].map((most) => index.labels.reduce((a, b) => most(a, b)));
      const [first, last] = used.map((label) => `${label} is ${index.classes[label!]}`);
      onNotice(
        `${path}: its labels are numbers, and taken as positions in the class list, counted from 0: ${first}, ${last}`,
      );
    }
    sayEmpty(path, index, onNotice);
    return index;
  }
  if (isPrepared(path)) {
    const index = openPrepared(path, classes);
    if (index.packed && index.packed.decoding !== DECODING) {
      onNotice(
        `${path}: was prepared by a version of relaybp that decodes some files otherwise (docs/data.md); prepare it anew to have all as they are decoded now`,
      );
    }
    sayEmpty(path, index, onNotice);
    return index;
  }
  const { classFolders, base } = reading;
  if (base !== undefined && base !== resolve(root)) throw rootOfFolder(path, base);
  const opened = await cache.openFolder(path, classes, classFolders);
  const { index, missingClasses, strayFiles, leftOut } = opened;
  if (classFolders === undefined && holdsFoldersAlone(index)) onNotice(leavesNotice(path, index));
  const empty = emptyClasses(index).filter((name) => !missingClasses.includes(name));
  if (empty.length > 0) onNotice(`${path}: no images in ${some(empty)}: never drawn`);
  if (missingClasses.length > 0) onNotice(`${path}: no folder for ${some(missingClasses)}`);
  if (strayFiles > 0) {
    onNotice(`${path}: ${strayFiles} images lie outside any class folder and are not used`);
  }
  const others = leftOutText(leftOut);
  if (others) onNotice(`${path}: left out: ${others}`);
  return index;
}

function sayEmpty(path: string, index: ImageIndex, onNotice: (line: string) => void): void {
  const empty = emptyClasses(index);
  if (empty.length === 0) return;
  onNotice(
    `${path}: no image of ${empty.length === 1 ? 'the class' : 'the classes'} ${some(empty)}`,
  );
}

function rootOfFolder(path: string, base: string): DataError {
  return new DataError(
    `${path}: is no list file, so there are no paths that are relative to ${base} (data.roots)`,
    'leave data.roots out for this part: data.train and data.val name the folders themselves',
  );
}

/** Of tar shards and Parquet files. */
async function openShards(
  root: string,
  part: string,
  classes: readonly string[] | undefined,
  onNotice: (line: string) => void,
  cache: IndexCache,
  { labels, columns }: Reading,
): Promise<ImageIndex> {
  const path = resolve(root, part);
  const { index } = await cache.openShards(shardFiles(root, part), part, { root, columns });
  if (!classes) {
    sayEmpty(path, index, onNotice);
    return index;
  }
  const entries = classes.map((name, id) => ({ id, name }));
  const names = { file: 'the class list', entries };
  const named =
    labels === 'positions'
      ? nameClasses(index, names, { source: path, folders: false, labels, classes })
      : relabelled(index, classes);
  if (typeof named === 'string') {
    throw new DataError(
      `${path}: has the label ${JSON.stringify(named)}, which is none of the ${classes.length} classes that the model was trained on (${some(classes)})`,
      'name the file that says what the labels mean: data.classNames; or if they are positions in the class list, counted from 0: data.labels: positions',
    );
  }
  sayEmpty(path, named, onNotice);
  return named;
}

/** Places365 and iNaturalist are unpacked so: the classes may lie deeper. */
function leavesNotice(path: string, index: ImageIndex): string {
  const inner = innerFolders(index);
  return `${path}: its ${index.classes.length} class folders hold folders alone, ${inner.length} of them (${some(inner)}): if those are the classes, data.classFolders: leaves`;
}

/**
 * The training images.
 *
 * @param trained classes of a checkpoint that the training begins or goes on with: if they are the same in another
 *   order, that order is kept, as its weights go by it
 * @throws DataError if their classes are not as many as the config says.
 */
export async function openTrainingImages(
  data: DataConfig,
  onNotice: (line: string) => void,
  cache?: IndexCache,
  trained?: readonly string[],
): Promise<ImageIndex> {
  const { root, train } = data;
  const index = await openByOwnClasses(data, 'train', onNotice, cache);
  if (index.classes.length !== data.classes) {
    const empty = emptyClasses(index);
    const used = index.classes.length - empty.length;
    const fix = used === data.classes ? 'then they are as many' : `then set data.classes: ${used}`;
    throw new DataError(
      `${join(root, train)}: ${index.classes.length} classes, ${empty.length > 0 ? `${empty.length} of them without an image (${some(empty)}), ` : ''}but data.classes is ${data.classes}`,
      empty.length > 0
        ? `an output without images learns nothing: remove the empty class folders, ${fix}`
        : `set data.classes: ${index.classes.length}, or point data.root to the right folder`,
    );
  }
  if (!trained || !sameClasses(trained, index.classes)) return index;
  if (!sameOrder(trained, index.classes)) {
    onNotice(`${resolve(root, train)}: the classes keep the order of the checkpoint`);
  }
  return relabelled(index, trained) as ImageIndex;
}

/** A part of a config's data with the classes that it says itself. */
export function openByOwnClasses(
  data: DataConfig,
  key: 'train' | 'val',
  onNotice: (line: string) => void,
  cache?: IndexCache,
): Promise<ImageIndex> {
  const { root, classes, labels, [key]: part } = data;
  const isCounted = labels === 'positions' && (isFile(resolve(root, part)) || isShards(root, part));
  const own = isCounted && !data.classNames ? numbered(classes) : undefined;
  return openImages(root, part, own, onNotice, cache, readingOf(data, key));
}

/** The validation images, by the classes of training. */
export function openValidationImages(
  data: DataConfig,
  classes: readonly string[],
  onNotice: (line: string) => void,
  cache?: IndexCache,
): Promise<ImageIndex> {
  const { root, val } = data;
  return openImages(root, val, classes, onNotice, cache, readingOf(data, 'val'));
}

const some = (names: readonly string[]): string =>
  names.slice(0, 5).join(', ') + (names.length > 5 ? ` and ${names.length - 5} more` : '');

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
