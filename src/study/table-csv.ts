import { csvLine } from '../csv.js';
import { METRICS } from './study-schema.js';
import type { StudyTable } from './table-schema.js';

type Cell = string | number | null | undefined;

/** The table for programs: a line for each combination, comparisons with each of its baselines in columns. */
export function tableCsv(table: StudyTable): string {
  const { axes, combinations, comparisons, tuning } = table;
  const keys = [
    ...new Set(
      tuning.flatMap(({ candidates }) => candidates.flatMap(({ values }) => Object.keys(values))),
    ),
  ];
  const most = Math.max(
    0,
    ...combinations.map(({ id }) => comparisons.filter(({ of }) => of === id).length),
  );
  const numbered = Array.from({ length: most }, (_, i) => (most === 1 ? '' : `${i + 1}`));
  const head = [
    ...axes.map(({ name }) => name),
    ...keys,
    ...METRICS.flatMap((metric) =>
      ['mean', 'sd', 'low', 'high'].map((part) => `${metric}_${part}`),
    ),
    ...['seeds', 'images'],
    ...numbered.flatMap((n) => DIFFERENCE.map((part) => `${part}${n}`)),
    ...['step_multiply_adds', 'relative_to_bp', 'test_multiply_adds', 'seconds', 'peak_memory_mib'],
  ];
  const lines = combinations.map((one): Cell[] => [
    ...axes.map(({ name }) => one.variants[name]),
    ...keys.map((key) => {
      const value = one.chosen?.[key];
      return typeof value === 'boolean' ? String(value) : value;
    }),
    ...METRICS.flatMap((metric) => {
      const spread = one.results[metric];
      return [spread?.mean, spread?.deviation, spread?.interval?.[0], spread?.interval?.[1]];
    }),
    one.results.loss?.n ?? 0,
    one.images,
    ...numbered.flatMap((_, i) =>
      differenceCells(table, comparisons.filter(({ of }) => of === one.id)[i]),
    ),
    one.cost.stepMultiplyAdds,
    one.cost.relativeToStandardBp,
    one.cost.testMultiplyAdds,
    one.cost.seconds?.mean,
    one.cost.peakMemoryMiB,
  ]);
  return [head, ...lines].map((cells) => csvLine(cells.map((cell) => cell ?? ''))).join('');
}

const DIFFERENCE = [
  ...['baseline', 'difference', 'difference_low', 'difference_high', 'difference_seeds'],
  ...['image_difference', 'image_difference_low', 'image_difference_high', 'verdict'],
];

function differenceCells(
  _: StudyTable,
  found: StudyTable['comparisons'][number] | undefined,
): Cell[] {
  if (!found) return DIFFERENCE.map(() => null);
  const { to, difference, images, verdict } = found;
  return [
    ...[to, difference?.mean, difference?.interval?.[0], difference?.interval?.[1], difference?.n],
    ...[images?.difference, images?.interval[0], images?.interval[1], verdict],
  ];
}
