import { basename, resolve } from 'node:path';
import type { ListedRun } from '../run/run-list.js';
import { ageText } from '../terminal/words.js';

const TITLES = ['run', 'state', 'steps', 'top-1', 'top-5', 'at step', 'age'];
/** Columns of figures are aligned at their end. */
const FIGURES = 2;
/** What is left out first where the terminal is too narrow, by the places in TITLES. */
const SPARE = [4, 5, 2];

/**
 * A table of runs.
 *
 * @param columns the width that it is to fit; names of runs are never cut
 */
export function runsLines(runs: readonly ListedRun[], columns: number, now: Date): string[] {
  if (runs.length === 0) return ['no runs here: relaybp train makes one in runs/<name>-<date>'];
  let rows = [TITLES, ...runs.map((run) => cells(run, now))];
  for (const spare of SPARE) {
    if (Math.max(...table(rows).map((line) => line.length)) <= columns) break;
    rows = rows.map((row) => row.map((cell, i) => (i === spare ? '' : cell)));
  }
  const problems = runs.flatMap(({ problem }) => (problem === null ? [] : [problem]));
  return [...table(rows), ...problems];
}

function cells(run: ListedRun, now: Date): string[] {
  const { folder, state, step, totalSteps, best, changed } = run;
  return [
    basename(resolve(folder)),
    state,
    `${step}/${totalSteps ?? '?'}`,
    best ? `${best.top1.toFixed(2)} %` : '-',
    best?.top5 == null ? '-' : `${best.top5.toFixed(2)} %`,
    best ? String(best.step) : '-',
    ageText((now.getTime() - Date.parse(changed)) / 1000),
  ];
}

/** Columns that are empty throughout are left out. */
function table(rows: readonly string[][]): string[] {
  const widths = TITLES.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows.map((row) =>
    row
      .map((cell, i) => (i < FIGURES ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .filter((_, i) => widths[i]! > 0)
      .join('  '),
  );
}
