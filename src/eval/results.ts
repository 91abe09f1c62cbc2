import { type CsvNames, csvLine } from '../csv.js';
import { placeOf } from './topk.js';

/** One class among the best of an image. */
export interface Prediction {
  /** Position in the class list. */
  label: number;
  class: string;
  probability: number;
}

/**
 * The best classes of an image, best first; among equal ones the lower class comes first. What is not a number is none
 * of them.
 *
 * @param row log-probabilities `[classes]`
 */
export function bestClasses(
  row: Float32Array,
  classes: readonly string[],
  k: number,
): Prediction[] {
  return bestOf(row, k).map((label) => {
    return { label, class: classes[label]!, probability: Math.exp(row[label]!) };
  });
}

/** Of more than so many, sorting all of them is quicker than finding each one's place among the best. */
const FEW = 64;

/** The places of the `k` largest: one pass over all, and for each that gets among them, one over those. */
function bestOf(row: Float32Array, k: number): number[] {
  if (Math.min(k, row.length) > FEW) {
    const numbers = [...row.keys()].filter((i) => !Number.isNaN(row[i]!));
    return numbers.sort((a, b) => (before(row, a, b) ? -1 : 1)).slice(0, k);
  }
  const best: number[] = [];
  let last = Number.NEGATIVE_INFINITY; // score of the last of them, once they are all
  for (let i = 0; i < row.length; i++) {
    if (Number.isNaN(row[i]!)) continue;
    if (best.length === k && !(row[i]! > last)) continue; // of equal ones the first stays
    if (best.length === k) best.pop();
    let at = best.length;
    while (at > 0 && before(row, i, best[at - 1]!)) at -= 1;
    best.splice(at, 0, i);
    last = row[best.at(-1)!]!;
  }
  return best;
}

/** Whether class `a` stands before class `b`. */
const before = (row: Float32Array, a: number, b: number): boolean =>
  row[a] === row[b] ? a < b : row[a]! > row[b]!;

/** Classes that a line of a per-image results file has room for unless it is said; of fewer the rest is empty. */
const RESULT_CLASSES = 5;

/** Columns of a per-image results file. @param k classes that it has room for */
export const resultColumns = (k = RESULT_CLASSES): string[] => [
  ...['image', 'label', 'rank'],
  ...Array.from({ length: k }, (_, i) => [`class${i + 1}`, `probability${i + 1}`]).flat(),
];

/** What is said of an image in a per-image results file. */
interface ResultLine {
  readonly image: string;
  /** Log-probabilities `[classes]`. */
  readonly row: Float32Array;
  readonly label: number;
}

/** How such lines are written. */
interface ResultFormat {
  readonly classes: readonly string[];
  /** Classes of a line; default `RESULT_CLASSES`. */
  readonly k?: number;
  readonly names?: CsvNames;
}

/** @returns the line of an image in a per-image results file */
export function resultLine(
  { image, row, label }: ResultLine,
  { classes, k = RESULT_CLASSES, names }: ResultFormat,
): string {
  const best = bestClasses(row, classes, k);
  const cells = best.flatMap((one) => [one.class, one.probability.toFixed(6)]);
  const empty = Array<string>(2 * (k - best.length)).fill('');
  return csvLine([image, classes[label]!, placeOf(row, label), ...cells, ...empty], names);
}
