/**
 * CSV as spreadsheets and terminals may have it: names of files and classes come from anywhere, and a cell that begins
 * with "=" is a formula there, with which a name could fetch a page or start a program.
 */
import { stringify } from 'csv-stringify/sync';
import { fromVisible, visible } from './visible.js';

/**
 * `guarded`: what a spreadsheet would take for a formula has an apostrophe before it, and controls are `\xNN`, so that
 * a row is a line. `raw`: names exactly as they are, for programs.
 */
export type CsvNames = 'guarded' | 'raw';

/** Of spreadsheets in any language; those with wide signs take them for the others. */
const FORMULA = /^[\s']*[=+\-@＝＋－＠]/u;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** One CSV line; cells with commas, quotes or line ends are quoted (RFC 4180). */
export function csvLine(cells: readonly (string | number)[], names: CsvNames = 'guarded'): string {
  const texts = cells.map((cell) =>
    typeof cell === 'number' || names === 'raw' ? String(cell) : guarded(cell),
  );
  return stringify([texts]);
}

/** A name as a guarded cell holds it. */
export function guarded(name: string): string {
  return visible(FORMULA.test(name) && !NUMBER.test(name) ? `'${name}` : name);
}

/** The name in a guarded cell. Where a name itself holds `\xNN` in the place of a control, that is not told apart. */
export function unguarded(cell: string): string {
  const text = fromVisible(cell);
  return text.startsWith("'") && FORMULA.test(text) ? text.slice(1) : text;
}
