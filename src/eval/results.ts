import { type CsvNames, csvLine } from './csv.js';

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
  const value = (i: number): number => (Number.isNaN(row[i]!) ? Number.NEGATIVE_INFINITY : row[i]!);
  const order = [...row.keys()].sort((a, b) =>
    value(b) === value(a) ? a - b : value(b) - value(a),
  );
  return order
    .slice(0, k)
    .map((label) => ({ label, class: classes[label]!, probability: Math.exp(row[label]!) }));
}

/** Columns of the per-image results file. */
export const RESULT_COLUMNS = [
  'image',
  'label',
  'rank',
  ...[1, 2, 3, 4, 5].flatMap((k) => [`class${k}`, `probability${k}`]),
];

/** @returns the line of an image in the per-image results file */
export function resultLine(
  image: string,
  row: Float32Array,
  label: number,
  classes: readonly string[],
  names?: CsvNames,
): string {
  const all = bestClasses(row, classes, classes.length);
  const rank = all.findIndex((candidate) => candidate.label === label) + 1;
  const cells = all.slice(0, 5).flatMap((best) => [best.class, best.probability.toFixed(6)]);
  return csvLine([image, classes[label]!, rank, ...cells], names);
}
