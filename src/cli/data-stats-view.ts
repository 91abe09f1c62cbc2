import type { DataStatsResult } from '../commands/data-stats.js';
import type { ClassHistogram, Quantile } from '../data/sampling/class-histogram.js';

/** More classes are not all shown: these many of the largest and of the smallest are. */
const ENDS = 10;
const LONGEST_BAR = 40;
/** Shorter bars tell nothing. */
const SHORTEST_BAR = 4;

const n = (value: number): string => value.toLocaleString('en');

/** The report of `relaybp data stats` as text. @param columns of the terminal */
export function dataStatsLines(result: DataStatsResult, columns: number): string[] {
  const { data, images, undecodable, preprocessing, meanImage, classes, files } = result;
  const { crop, resize } = preprocessing;
  return [
    `${data}: ${n(images)} images in ${n(classes.counts.length)} ${classes.counts.length === 1 ? 'class' : 'classes'}`,
    `statistics of ${n(images - undecodable.count)} centre crops, ${crop}x${crop} of a shorter side of ${resize}`,
    ...undecodableLines(undecodable),
    '',
    ...channelLines(result),
    '',
    ...componentLines(result.pca),
    '',
    `mean image: from ${meanImage.min.toFixed(1)} to ${meanImage.max.toFixed(1)} (0-255)`,
    ...(files.mean ? [`  ${files.mean}: as a picture`] : []),
    ...(files.tensors ? [`${files.tensors}: the exact numbers`] : []),
    '',
    ...classLines(classes, columns),
    '',
    cacheLine(result),
  ];
}

function undecodableLines({ count, first }: DataStatsResult['undecodable']): string[] {
  if (count === 0) return [];
  return [
    `${n(count)} cannot be decoded and ${count === 1 ? 'is' : 'are'} left out; relaybp data check says more`,
    ...first.map(({ path, reason }) => `  ${path}: ${reason}`),
    ...(count > first.length ? [`  and ${n(count - first.length)} more`] : []),
  ];
}

function channelLines({ mean, std }: DataStatsResult): string[] {
  const row = (title: string, values: readonly (number | string)[], digits = 0): string =>
    title.padEnd(12) +
    values
      .map((value) => (typeof value === 'string' ? value : value.toFixed(digits)).padStart(9))
      .join('');
  return [
    row('', ['red', 'green', 'blue']),
    row('mean 0-255', mean.scale255, 3),
    row('std  0-255', std.scale255, 3),
    row('mean 0-1', mean.scale1, 5),
    row('std  0-1', std.scale1, 5),
    `in a config: ${pasted('mean', mean)}, ${pasted('std', std)}`,
  ];
}

const pasted = (key: string, { scale255 }: DataStatsResult['mean']): string =>
  `${key}: [${scale255.map((value) => value.toFixed(3)).join(', ')}]`;

function componentLines({ values, vectors }: DataStatsResult['pca']): string[] {
  const total = values.reduce((sum, value) => sum + value, 0);
  return [
    'principal components of RGB, 0-1 scale',
    '  eigenvalue   share    eigenvector',
    ...values.map((value, i) => {
      const share = total > 0 ? `${((100 * value) / total).toFixed(1)} %` : '-';
      const vector = vectors[i]!.map((x) => x.toFixed(4).padStart(8)).join('');
      return `  ${value.toFixed(7).padStart(10)} ${share.padStart(7)} ${vector}`;
    }),
  ];
}

function classLines({ counts, empty, quantiles, imbalance }: ClassHistogram, columns: number) {
  const many = counts.length > 2 * ENDS;
  const shown = many ? [...counts.slice(0, ENDS), ...counts.slice(-ENDS)] : counts;
  const lines = bars(shown, counts[0]!.images, columns);
  const q = (name: Quantile): string => n(Number(quantiles[name].toFixed(1)));
  const some = empty.slice(0, ENDS).join(', ');
  return [
    `images per class, imbalance ${Number(imbalance.toFixed(2))} to 1`,
    ...(many
      ? [
          `  from ${q('min')} to ${q('max')}; median ${q('median')}`,
          `  quantiles: 10 %: ${q('p10')}, 25 %: ${q('p25')}, 75 %: ${q('p75')}, 90 %: ${q('p90')}`,
          ...lines.slice(0, ENDS),
          `  … ${n(counts.length - 2 * ENDS)} more …`,
          ...lines.slice(ENDS),
        ]
      : lines),
    ...(empty.length > 0
      ? [
          `${n(empty.length)} without images: ${some}${empty.length > ENDS ? ` and ${n(empty.length - ENDS)} more` : ''}`,
        ]
      : []),
  ];
}

/** A line for each class: name, images and a bar, in as many columns as there are. */
function bars(classes: ClassHistogram['counts'], most: number, columns: number): string[] {
  const digits = n(most).length;
  const longest = Math.max(...classes.map(({ name }) => name.length));
  const names = Math.max(8, Math.min(longest, Math.floor(columns / 2) - digits));
  const room = Math.min(LONGEST_BAR, columns - names - digits - 5);
  return classes.map(({ name, images }) => {
    const cut = name.length > names ? `${name.slice(0, names - 1)}…` : name.padEnd(names);
    const length = Math.max(1, Math.round((room * images) / most));
    const bar = room < SHORTEST_BAR ? '' : `  ${'█'.repeat(length)}`;
    return `  ${cut} ${n(images).padStart(digits)}${bar}`;
  });
}

function cacheLine({ cache, seconds }: DataStatsResult): string {
  if (cache.read) return `read from ${cache.file}, as training will`;
  if (cache.file === null) return `computed in ${seconds} s, and not kept`;
  return `computed in ${seconds} s, and kept for training in ${cache.file}`;
}
