import { h, type JSX } from 'preact';
import { metricText } from '../../study/table-sections.js';
import type { StudyTable } from '../page-data.js';

/** In units of the drawing. */
const WIDTH = 640;
const ROW = 46;
const TOP = 8;
const FOOT = 34;
const SIDE = 14;

type Comparison = StudyTable['comparisons'][number];

/** Every paired difference with its 95 % intervals, over the seeds and over the images, about a line at zero. */
export function differencePlot({ comparisons, metric }: StudyTable): JSX.Element {
  const shown = comparisons.filter(({ difference }) => difference);
  const ends = shown.flatMap(({ difference, images }) => [
    difference!.mean,
    ...(difference!.interval ?? []),
    ...(images?.interval ?? []),
  ]);
  const most = Math.max(...ends.map(Math.abs)) || 1;
  const x = (value: number): number => WIDTH / 2 + (value / most) * (WIDTH / 2 - SIDE);
  const height = TOP + ROW * shown.length + FOOT;
  const unit = metric === 'loss' ? '' : ' points';
  const title = `Differences in ${metricText(metric)}, with 95 % intervals`;
  const tick = (value: number) => {
    const anchor = value < 0 ? 'start' : value > 0 ? 'end' : 'middle';
    return h('text', { x: x(value), y: height - 14, 'text-anchor': anchor }, text(value));
  };
  return h(
    'figure',
    { class: 'chart study-differences' },
    h('h3', null, title),
    h(
      'svg',
      { viewBox: `0 0 ${WIDTH} ${height}`, role: 'img', 'aria-label': title },
      h('line', { class: 'zero', x1: x(0), x2: x(0), y1: TOP, y2: height - FOOT }),
      shown.map((one, i) => row(one, TOP + ROW * i, x)),
      [-most, 0, most].map(tick),
    ),
    h(
      'p',
      { class: 'note' },
      `Thick: over the seeds (Student). Thin: over the images (normal).${unit === '' ? '' : ' In percentage points.'} An interval that holds zero shows no difference.`,
    ),
  );
}

function row(
  { label, difference, images, verdict }: Comparison,
  top: number,
  x: (value: number) => number,
): JSX.Element {
  const { mean, interval } = difference!;
  const bar = (kind: string, [low, high]: readonly [number, number], y: number) =>
    h('line', { class: kind, x1: x(low), x2: x(high), y1: y, y2: y });
  return h(
    'g',
    { class: verdict.replaceAll(' ', '-') },
    h('text', { x: SIDE, y: top + 12 }, `${label}: ${verdict}`),
    interval && bar('seeds-interval', interval, top + 24),
    images && bar('images-interval', images.interval, top + 34),
    h('circle', { cx: x(mean), cy: top + 24, r: 4 }),
    h('title', null, `${label}: ${text(mean)}`),
  );
}

const text = (value: number): string => `${value > 0 ? '+' : ''}${Number(value.toPrecision(3))}`;
