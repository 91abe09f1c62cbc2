import { spreadOf } from '../../eval/spread.js';
import type { ReportData, RunReport } from '../page-data.js';
import { percent } from './format.js';
import { runColor } from './theme.js';

/** Runs that differ by their seed alone, or one by itself; each has a colour. */
export interface Group {
  label: string;
  /** Custom property of the style sheet. */
  color: string;
  runs: readonly RunReport[];
}

export const groupsIn = ({ groups, runs }: ReportData): Group[] =>
  groups.map(({ label, runs: members }, i) => ({
    label,
    color: runColor(i),
    runs: members.map((at) => runs[at]!),
  }));

/** `relay (3 seeds)` */
export const titleOf = ({ label, runs }: Group): string =>
  runs.length > 1 ? `${label} (${runs.length} seeds)` : label;

/** `59.67 %`, or over several seeds `59.67 ± 2.93 %`. */
export function spreadText(values: readonly (number | null | undefined)[], digits = 2): string {
  const known = values.filter((value) => typeof value === 'number');
  const spread = spreadOf(known);
  if (!spread || known.length < values.length) {
    // There is no mean of all seeds before every one of them has a value.
    return spread ? `– (${known.length} of ${values.length} seeds)` : '–';
  }
  return spread.deviation === null
    ? percent(spread.mean, digits)
    : `${spread.mean.toFixed(digits)} ± ${percent(spread.deviation, digits)}`;
}

export interface Series {
  x: readonly number[];
  y: readonly (number | null)[];
}

/** Mean and standard deviation of several series, at every x where all of them have a value. */
export function across(series: readonly Series[]): {
  x: number[];
  mean: number[];
  std: number[];
} {
  const maps = series.map(({ x, y }) => new Map(x.map((at, i) => [at, y[i]])));
  const result: ReturnType<typeof across> = { x: [], mean: [], std: [] };
  for (const at of series[0]?.x ?? []) {
    const values = maps.map((map) => map.get(at)).filter((value) => typeof value === 'number');
    if (values.length < series.length) continue;
    const { mean, deviation } = spreadOf(values)!;
    result.x.push(at);
    result.mean.push(mean);
    result.std.push(deviation ?? 0);
  }
  return result;
}
