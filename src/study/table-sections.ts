import { countText, sizeText } from '../quantities.js';
import { timeText } from '../terminal/words.js';
import type { Metric } from './study-schema.js';
import type { StudyTable, TableCombination, TableComparison } from './table-schema.js';
import { valuesText } from './values-text.js';

/** A table of figures: names first. */
export interface TableSection {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const NAMES: Readonly<Record<Metric, string>> = {
  top1: 'top-1',
  top5: 'top-5',
  top1_err: 'top-1 error',
  top5_err: 'top-5 error',
  loss: 'loss',
};

/** `top-1 accuracy, percent` */
export const metricText = (metric: Metric): string =>
  metric === 'loss'
    ? 'loss'
    : `${NAMES[metric]}${metric.endsWith('_err') ? '' : ' accuracy'}, percent`;

/** What the table is of, in a sentence. */
export function headline({ name, metric, part, seeds, combinations }: StudyTable): string {
  const images = combinations.find((one) => one.images !== null)?.images;
  const of = images === undefined ? '' : `${images?.toLocaleString('en-US')} `;
  const over =
    seeds.length > 1
      ? `mean ± standard deviation over seeds ${seeds.join(', ')}`
      : `seed ${seeds[0]}`;
  return `${name}: ${metricText(metric)}, ${of}${part} images, ${over}`;
}

/** The table for people: in a terminal and as Markdown the same. */
export function sectionsOf(table: StudyTable): TableSection[] {
  return [
    ...(table.columns.length > 0 ? [crossed(table)] : []),
    results(table),
    ...(table.comparisons.length > 0 ? [differences(table)] : []),
    ...(table.tuning.length > 0 ? [tuned(table)] : []),
    costs(table),
  ];
}

/** Two digits, four of a loss. */
const figure = (value: number, metric: Metric): string => value.toFixed(metric === 'loss' ? 4 : 2);

const signed = (value: number, metric: Metric): string =>
  `${value > 0 ? '+' : ''}${figure(value, metric)}`;

function meanText({ results, runs }: TableCombination, metric: Metric): string {
  const spread = results[metric];
  if (!spread)
    return runs.length > 0 && runs.every(({ state }) => state === 'diverged') ? 'diverged' : '–';
  const { mean, deviation } = spread;
  return `${figure(mean, metric)}${deviation === null ? '' : ` ± ${figure(deviation, metric)}`}`;
}

const rangeText = (
  interval: readonly [number, number] | null | undefined,
  text: (value: number) => string,
): string => (interval ? `${text(interval[0])} to ${text(interval[1])}` : '–');

/** Rows by columns, as papers have it. */
function crossed({ axes, rows, columns, combinations, metric }: StudyTable): TableSection {
  const places = (names: readonly string[]) =>
    names.reduce<{ label: string; variants: Record<string, string> }[]>(
      (found, name) =>
        found.flatMap(({ label, variants }) =>
          axes
            .find((axis) => axis.name === name)!
            .variants.map((one) => ({
              label: label === '' ? one.label : `${label}, ${one.label}`,
              variants: { ...variants, [name]: one.name },
            })),
        ),
      [{ label: '', variants: {} }],
    );
  const at = (wanted: Record<string, string>): TableCombination | undefined =>
    combinations.find(({ variants }) =>
      Object.entries(wanted).every(([axis, name]) => variants[axis] === name),
    );
  const across = places(columns);
  const down = places(rows).filter((row) =>
    across.some((column) => at({ ...row.variants, ...column.variants })),
  );
  return {
    title: metricText(metric),
    head: ['', ...across.map(({ label }) => label)],
    rows: down.map((row) => [
      row.label,
      ...across.map((column) => {
        const found = at({ ...row.variants, ...column.variants });
        return found ? meanText(found, metric) : '';
      }),
    ]),
  };
}

/** Each combination, its interval, and the other metrics. */
function results({ combinations, metric }: StudyTable): TableSection {
  const kinds: Metric[] = metric.endsWith('_err') ? ['top1_err', 'top5_err'] : ['top1', 'top5'];
  const others = kinds.filter((one) => one !== metric);
  return {
    title: 'results, with 95 % intervals of the mean',
    head: ['', 'seeds', NAMES[metric], '95 %', ...others.map((one) => NAMES[one])],
    rows: combinations.map((one) => [
      one.label,
      String(one.results[metric]?.n ?? 0),
      meanText(one, metric),
      rangeText(one.results[metric]?.interval, (value) => figure(value, metric)),
      ...others.map((other) => meanText(one, other)),
    ]),
  };
}

function differences({ comparisons, metric }: StudyTable): TableSection {
  const text = (value: number): string => signed(value, metric);
  const row = ({ label, difference, images, verdict }: TableComparison): string[] => [
    label,
    difference ? `${text(difference.mean)} (${difference.n})` : '–',
    rangeText(difference?.interval, text),
    images ? text(images.difference) : '–',
    rangeText(images?.interval, text),
    verdict,
  ];
  return {
    title: `differences in ${metricText(metric)}, paired`,
    head: ['', 'by seed (n)', '95 %', 'by image', '95 %', ''],
    rows: comparisons.map(row),
  };
}

function tuned({ tuning, combinations, tuningMetric }: StudyTable): TableSection {
  const metric = tuningMetric!;
  const label = (id: string): string => combinations.find((one) => one.id === id)!.label;
  return {
    title: `tuned by ${metricText(metric)}, validation: the best, and its neighbours`,
    head: ['', 'values', NAMES[metric], 'neighbours'],
    rows: tuning.map(({ combination, candidates, over }) => {
      const chosen = candidates.find((one) => one.chosen);
      const beside = candidates.filter(({ neighbour }) => neighbour);
      const texts = beside.map(({ values, mean, trials }) => {
        const lost = trials.find(({ state }) => state !== 'finished')?.state ?? 'not over';
        return `${valuesText(values)}: ${mean === null ? lost : figure(mean, metric)}`;
      });
      return [
        label(combination),
        chosen ? valuesText(chosen.values) : over ? 'none finished' : 'not over',
        chosen ? figure(chosen.mean!, metric) : '–',
        texts.join('; ') || '–',
      ];
    }),
  };
}

function costs({ combinations }: StudyTable): TableSection {
  return {
    title: 'cost: multiply-adds of a step and a test for one image, time of a run, peak memory',
    head: ['', 'step', 'over BP', 'test', 'time', 'memory'],
    rows: combinations.map(({ label, cost }) => {
      const { seconds, peakMemoryMiB, predictedMemory } = cost;
      return [
        label,
        countText(cost.stepMultiplyAdds),
        `${cost.relativeToStandardBp.toFixed(3)} x`,
        countText(cost.testMultiplyAdds),
        seconds ? timeText(seconds.mean) : '–',
        peakMemoryMiB === null
          ? `~${sizeText(predictedMemory)}`
          : sizeText(peakMemoryMiB * 2 ** 20),
      ];
    }),
  };
}
