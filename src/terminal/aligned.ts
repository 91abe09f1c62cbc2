/** Between columns. */
const GAP = '  ';

/**
 * Rows as lines. Columns of figures are aligned at their end; where the first cells leave no room for them, each of these
 * has a line of its own.
 *
 * @param columns the width that they are to fit
 */
export function aligned(rows: readonly (readonly string[])[], columns: number): string[] {
  const figures = rows[0]!
    .slice(1)
    .map((_, i) => Math.max(...rows.map((row) => row[i + 1]!.length)));
  const rest = figures.reduce((sum, width) => sum + GAP.length + width, 0);
  const names = Math.max(...rows.map((row) => row[0]!.length));
  const fits = names + rest <= columns;
  const first = fits ? names : GAP.length;
  return rows.flatMap(([name, ...cells]) => {
    const text = cells.map((cell, i) => GAP + cell.padStart(figures[i]!)).join('');
    const line = (fits ? name! : '').padEnd(first) + text;
    const lines = fits || name === '' ? [line] : [name!, line];
    return lines.map((line) => line.trimEnd());
  });
}
