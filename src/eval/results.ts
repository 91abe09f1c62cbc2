/** Columns of the per-image results file. */
export const RESULT_COLUMNS = [
  'image',
  'label',
  'rank',
  ...[1, 2, 3, 4, 5].flatMap((k) => [`class${k}`, `probability${k}`]),
];

/**
 * The five best classes of each row with their softmax probabilities.
 *
 * @param logits `[labels.length, classes.length]`
 * @returns for each row that counts: its position, and the cells after `image`
 */
export function predictions(
  logits: Float32Array,
  labels: Int32Array,
  classes: readonly string[],
): { at: number; cells: (string | number)[] }[] {
  return [...labels].flatMap((label, at) => {
    if (label < 0) return [];
    const scores = [...logits.subarray(at * classes.length, (at + 1) * classes.length)];
    const highest = Math.max(...scores);
    const exps = scores.map((score) => Math.exp(score - highest));
    const total = exps.reduce((sum, value) => sum + value, 0);
    const order = scores.map((_, i) => i).sort((a, b) => scores[b]! - scores[a]! || a - b);
    const best = order.slice(0, 5).flatMap((i) => [classes[i]!, (exps[i]! / total).toFixed(6)]);
    return [{ at, cells: [classes[label]!, order.indexOf(label) + 1, ...best] }];
  });
}

/** One CSV line; cells with commas, quotes or newlines are quoted. */
export function csvLine(cells: readonly (string | number)[]): string {
  const quoted = cells.map((cell) => {
    const text = String(cell);
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  });
  return `${quoted.join(',')}\n`;
}
