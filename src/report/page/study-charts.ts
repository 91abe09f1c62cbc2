import { metricText } from '../../study/table-sections.js';
import { valuesText } from '../../study/values-text.js';
import type { StudyTable } from '../page-data.js';
import type { ChartSpec, Line } from './chart-spec.js';
import { runColor } from './theme.js';

type Combination = StudyTable['combinations'][number];

/** The metric along the axes that are columns of the table (accuracy by depth, say), a line for each row of it. */
export function axisChart({ axes, rows, columns, combinations, metric }: StudyTable): ChartSpec[] {
  const key = (names: readonly string[], { variants }: Combination): string =>
    names.map((name) => labelOf(name, variants[name]!)).join(', ');
  const labelOf = (axis: string, variant: string): string =>
    axes.find(({ name }) => name === axis)!.variants.find(({ name }) => name === variant)!.label;
  const categories = [...new Set(combinations.map((one) => key(columns, one)))];
  const names = [...new Set(combinations.map((one) => key(rows, one)))];
  if (columns.length === 0 || categories.length < 2) return [];
  const lines = names.flatMap((name, i): Line[] => {
    const own = combinations.filter((one) => key(rows, one) === name);
    const points = categories.flatMap((category, x) => {
      const spread = own.find((one) => key(columns, one) === category)?.results[metric];
      return spread ? [{ x, spread }] : [];
    });
    if (points.length === 0) return [];
    const half = points.map(({ spread }) =>
      spread.interval ? (spread.interval[1] - spread.interval[0]) / 2 : 0,
    );
    return [
      {
        label: name === '' ? metricText(metric) : name,
        color: runColor(i),
        x: points.map(({ x }) => x),
        y: points.map(({ spread }) => spread.mean),
        spread: half,
        spreadName: 'half of the 95 % interval',
        style: 'bold',
      },
    ];
  });
  const title = `${metricText(metric)} by ${columns.join(', ')}`;
  const note = 'Means over the seeds; bands are 95 % intervals of the mean.';
  return [
    {
      title,
      note,
      xLabel: columns.join(', '),
      yLabel: metricText(metric),
      categories,
      lines,
      legend: true,
    },
  ];
}

/** The trials: what each value came to, a line for each combination. Gaps are trials that diverged or failed. */
export function tuningCharts({ tuning, combinations, tuningMetric }: StudyTable): ChartSpec[] {
  if (tuning.length === 0 || tuningMetric === null) return [];
  const all = tuning.flatMap(({ candidates }) => candidates.map(({ values }) => values));
  const keys = [...new Set(all.flatMap(Object.keys))];
  const single = keys.length === 1 ? keys[0]! : null;
  const name = (values: (typeof all)[number]): string =>
    single ? String(values[single]) : valuesText(values);
  const categories = [...new Set(all.map(name))];
  if (single && all.every((values) => typeof values[single] === 'number')) {
    categories.sort((a, b) => Number(a) - Number(b));
  }
  if (categories.length < 2) return [];
  const lines = tuning.map(({ combination, candidates }, i): Line => {
    const at = new Map(
      candidates.map(({ values, mean }) => [categories.indexOf(name(values)), mean]),
    );
    const x = [...at.keys()].sort((a, b) => a - b);
    return {
      label: combinations.find(({ id }) => id === combination)!.label,
      color: runColor(i),
      x,
      y: x.map((place) => at.get(place) ?? null),
      style: 'bold',
    };
  });
  return [
    {
      title: `Trials: ${metricText(tuningMetric)}, validation, by ${keys.join(', ')}`,
      note: 'Means over the seeds of the trials. A value that is missing diverged or failed.',
      xLabel: keys.join(', '),
      yLabel: metricText(tuningMetric),
      categories,
      lines,
      legend: true,
    },
  ];
}
