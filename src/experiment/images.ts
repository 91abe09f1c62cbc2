import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { LabelMeaning } from '../config/label-meaning.js';
import type { DataConfig } from '../config/schema.js';
import { DECODING } from '../data/images/decode.js';
import { whyNoTurboJpeg } from '../data/images/turbojpeg.js';
import type { ImageIndex } from '../data/index/image-index.js';
import { emptyClasses } from '../data/index/image-index.js';
import { IndexCache } from '../data/index/index-cache.js';
import { leftOutText } from '../data/index/left-out.js';
import { numbered } from '../data/index/list-labels.js';
import { openPrepared } from '../data/index/prepared.js';
import { isPrepared } from '../data/index/prepared-facts.js';
import { relabelled, sameClasses, sameOrder } from '../data/index/relabel.js';
import { DataError } from '../errors.js';

/**
 * The images of one part of a data set: a folder of class folders, or a list file of `path label` lines.
 *
 * @param classes the trained classes, matched by name; without them the data decide
 * @param onNotice receives a line per oddity that does not stop anything
 * @param cache where indexes are kept; without it none is
 * @param labels what the labels of a list are, where that is said; see `readLabels`
 */
export async function openImages(
  root: string,
  part: string,
  classes: readonly string[] | undefined,
  onNotice: (line: string) => void,
  cache: IndexCache = new IndexCache({ folder: null }),
  labels?: LabelMeaning,
): Promise<ImageIndex> {
  const index = await open(root, part, classes, onNotice, cache, labels);
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
  labels: LabelMeaning | undefined,
): Promise<ImageIndex> {
  const path = resolve(root, part);
  if (isFile(path)) {
    const { index, labels: found } = await cache.openList(path, root, classes, labels);
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
  const { index, missingClasses, strayFiles, leftOut } = await cache.openFolder(path, classes);
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
  const index = await openByOwnClasses(data, train, onNotice, cache);
  if (index.classes.length !== data.classes) {
    throw new DataError(
      `${join(root, train)}: ${index.classes.length} classes, but data.classes is ${data.classes}`,
      `set data.classes: ${index.classes.length}, or point data.root to the right folder`,
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
  { root, classes, labels }: DataConfig,
  part: string,
  onNotice: (line: string) => void,
  cache?: IndexCache,
): Promise<ImageIndex> {
  const own = isFile(resolve(root, part)) && labels === 'positions' ? numbered(classes) : undefined;
  return openImages(root, part, own, onNotice, cache, labels);
}

/** The validation images, by the classes of training. */
export function openValidationImages(
  { root, val, labels }: DataConfig,
  classes: readonly string[],
  onNotice: (line: string) => void,
  cache?: IndexCache,
): Promise<ImageIndex> {
  return openImages(root, val, classes, onNotice, cache, labels);
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
