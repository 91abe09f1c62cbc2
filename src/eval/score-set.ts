import { matchNames } from '../data/index/unicode-forms.js';
import { DataError } from '../errors.js';

/** The classes and images of a test set. */
export interface ImageList {
  /** Where it comes from: a checkpoint or a score file, for messages and reports. */
  readonly source: string;
  readonly classes: readonly string[];
  /** With '/' between folders. */
  readonly paths: readonly string[];
  /** `[images]`, positions in `classes`. */
  readonly labels: Int32Array;
}

/** What one model says about the images of a test set; skipped files are left out. Score files hold this. */
export interface ScoreSet extends ImageList {
  /** The folder that the paths are relative to. */
  readonly root: string;
  /** Log-probabilities `[classes]` of each image. */
  readonly rows: readonly Float32Array[];
}

/**
 * The same scores with classes and images in the order of another set, matched by name and by path; a name in another
 * Unicode form is the same.
 *
 * @throws DataError if the two have other classes, other images or other labels
 */
export function aligned(set: ScoreSet, to: ImageList): ScoreSet {
  const { columns, order, labels } = alignment(set, to);
  const rows = order.map((image) => Float32Array.from(columns, (c) => set.rows[image]![c]!));
  return { ...set, classes: to.classes, paths: to.paths, labels, rows };
}

/**
 * Where each of `to`'s classes and images is in `set`, and their labels by `to`'s classes.
 *
 * @throws DataError as `aligned`
 */
export function alignment(
  set: ImageList,
  to: ImageList,
): { columns: number[]; order: number[]; labels: Int32Array } {
  const columns = positions(set, to, 'classes');
  const order = positions(set, to, 'paths');
  const labelOf = new Map(columns.map((column, label) => [column, label]));
  const labels = Int32Array.from(order, (image) => labelOf.get(set.labels[image]!)!);
  const other = labels.findIndex((label, image) => label !== to.labels[image]);
  if (other >= 0) {
    const [one, two] = [to.classes[to.labels[other]!], to.classes[labels[other]!]];
    throw new DataError(
      `${to.paths[other]}: its class is "${one}" in ${to.source} and "${two}" in ${set.source}`,
      'make both from the same images',
    );
  }
  return { columns, order, labels };
}

/** A part of the images, in the same order. */
export function part(set: ScoreSet, wanted: (path: string) => boolean): ScoreSet {
  const images = [...set.paths.keys()].filter((image) => wanted(set.paths[image]!));
  return {
    ...set,
    paths: images.map((image) => set.paths[image]!),
    labels: Int32Array.from(images, (image) => set.labels[image]!),
    rows: images.map((image) => set.rows[image]!),
  };
}

/** Where each of `to`'s classes or images is in `set`. */
function positions(set: ImageList, to: ImageList, what: 'classes' | 'paths'): number[] {
  const { places, rest } = matchNames(to[what], set[what]);
  const found = places.filter((place) => place !== null);
  if (found.length === places.length && rest.length === 0) return found;
  const missing = to[what].filter((_, i) => places[i] === null);
  const extra = rest.map((place) => set[what][place]!);
  const nouns = { classes: 'classes', paths: 'images' } as const;
  throw new DataError(
    `${set.source} and ${to.source} have different ${nouns[what]}: ` +
      `the first lacks ${some(missing)}, and has ${some(extra)} besides`,
    what === 'classes'
      ? 'only models trained on the same classes go together; their order does not matter'
      : 'give --data with one folder for all, or make the score files from the same images',
  );
}

const some = (names: readonly string[]): string =>
  names.length === 0
    ? 'nothing'
    : names
        .slice(0, 3)
        .map((name) => JSON.stringify(name))
        .join(', ') + (names.length > 3 ? ` and ${names.length - 3} more` : '');
