import { type CsvNames, csvLine } from '../csv.js';

/** One class among the best of an image. */
export interface Prediction {
  /** Position in the class list. */
  label: number;
  class: string;
  probability: number;
}

/**
 * The best classes of an image, best first; among equal ones the lower class comes first, and what is not a number
 * comes last.
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
  const most = Math.min(k, row.length);
  if (most > FEW) {
    return [...row.keys()].sort((a, b) => (before(row, a, b) ? -1 : 1)).slice(0, most);
  }
  const best: number[] = [];
  let last = Number.NEGATIVE_INFINITY; // score of the last of them, once they are all
  for (let i = 0; i < row.length; i++) {
    if (best.length === most && !(row[i]! > last)) continue; // of equal ones the first stays
    if (best.length === most) best.pop();
    let at = best.length;
    while (at > 0 && before(row, i, best[at - 1]!)) at -= 1;
    best.splice(at, 0, i);
    last = ranked(row[best.at(-1)!]!);
  }
  return best;
}

/** Whether class `a` stands before class `b`. */
function before(row: Float32Array, a: number, b: number): boolean {
  const [one, other] = [ranked(row[a]!), ranked(row[b]!)];
  return one === other ? a < b : one > other;
}

const ranked = (score: number): number => (Number.isNaN(score) ? Number.NEGATIVE_INFINITY : score);

/** Classes that a line of the per-image results file has room for; with fewer classes the rest is empty. */
const BEST = 5;

/** Columns of the per-image results file. */
export const RESULT_COLUMNS = [
  'image',
  'label',
  'rank',
  ...Array.from({ length: BEST }, (_, i) => [`class${i + 1}`, `probability${i + 1}`]).flat(),
];

/** @returns the line of an image in the per-image results file */
export function resultLine(
  image: string,
  row: Float32Array,
  label: number,
  classes: readonly string[],
  names?: CsvNames,
): string {
  const own = ranked(row[label]!);
  let rank = 1;
  for (let i = 0; i < row.length; i++) {
    const score = row[i]!;
    if (score > own || (i < label && ranked(score) === own)) rank += 1;
  }
  const best = bestClasses(row, classes, BEST);
  const cells = best.flatMap((one) => [one.class, one.probability.toFixed(6)]);
  const empty = Array<string>(2 * (BEST - best.length)).fill('');
  return csvLine([image, classes[label]!, rank, ...cells, ...empty], names);
}
