import type { StudyConfig } from './study-schema.js';
import type { StudyTable } from './table-schema.js';
import type { Tuning } from './tuning.js';
import { shortKey, valuesText } from './values-text.js';

/**
 * What a reader of the table has to know, a sentence each.
 *
 * @param jobs the most runs that went on beside each other
 */
export function notesOf(
  study: StudyConfig,
  table: Omit<StudyTable, 'notes'>,
  tunings: readonly Tuning[],
  jobs: number,
): string[] {
  return [
    ...unfinished(table),
    ...silent(table),
    ...withoutWidth(table),
    ...sharedImages(study),
    ...tunings.flatMap(tuningNotes),
    ...chance(study, table),
    ...(jobs > 1 ? [`Times are of up to ${jobs} runs beside each other.`] : []),
  ];
}

function unfinished({ left, combinations }: Omit<StudyTable, 'notes'>): string[] {
  return [
    ...(left > 0 ? [`${left} ${left === 1 ? 'run is' : 'runs are'} not over.`] : []),
    ...combinations.flatMap(({ label, runs }) => {
      const lost = (['diverged', 'failed'] as const).flatMap((state) => {
        const n = runs.filter((run) => run.state === state).length;
        return n > 0 ? [`${n} of ${runs.length} seeds ${state}`] : [];
      });
      return lost.length > 0
        ? [`${label}: ${lost.join(', ')}; its figures are of the others.`]
        : [];
    }),
  ];
}

/** Few seeds may come to one figure by chance, where there are few images. */
function withoutWidth({ combinations, metric }: Omit<StudyTable, 'notes'>): string[] {
  return combinations
    .filter(({ results }) => results[metric]?.deviation === 0)
    .map(
      ({ label }) =>
        `${label}: its seeds came to the very same figure, so that its interval has no width; others may differ all the same.`,
    );
}

/** Of runs whose scores say nothing, seeds that say the same together. */
function silent({ combinations }: Omit<StudyTable, 'notes'>): string[] {
  return combinations.flatMap(({ label, runs }) =>
    [...new Set(runs.flatMap(({ notes }) => notes))].map((note) => {
      const seeds = runs.filter(({ notes }) => notes.includes(note)).map(({ seed }) => seed);
      return `${label}, ${seeds.length === 1 ? 'seed' : 'seeds'} ${seeds.join(', ')}: ${note}.`;
    }),
  );
}

function sharedImages({ tune, evaluation, seeds }: StudyConfig): string[] {
  const { test, checkpoint } = evaluation;
  const shared = seeds.filter((seed) => tune?.set && tune.seeds.includes(seed));
  const sameRuns = tune !== undefined && Object.keys(tune.set).length === 0;
  return [
    ...(test === undefined && tune
      ? [
          'Tuning and table share their images, the validation images: figures are a little better than on others (evaluation.test names some).',
        ]
      : []),
    ...(test === undefined && checkpoint === 'best'
      ? ['The checkpoints were chosen by the images of the table (evaluation.checkpoint: best).']
      : []),
    ...(sameRuns && shared.length > 0
      ? [
          `Seed ${shared.join(', ')} is of trials and of final runs: the values were chosen by it, so that its results favour them.`,
        ]
      : []),
  ];
}

function tuningNotes({ combination, tried, over, chosen, equals, edges }: Tuning): string[] {
  const { label } = combination;
  const edge = edges.map(
    ({ key, value, side }) =>
      `${label}: the best ${shortKey(key, chosen?.values ?? {})}, ${value}, is the ${side} of those tried: a better one may lie beyond, and the comparison is not fair until that is tried.`,
  );
  const tie =
    equals.length > 0
      ? [
          `${label}: ${equals.map(({ values }) => valuesText(values)).join('; ')} ${equals.length === 1 ? 'is' : 'are'} as good in the trials as ${valuesText(chosen!.values)}, which was taken as it comes first.`,
        ]
      : [];
  const none = over && !chosen ? [`${label}: none of its ${tried.length} trials finished.`] : [];
  return [...edge, ...tie, ...none];
}

function chance(
  { seeds }: StudyConfig,
  { comparisons, metric }: Omit<StudyTable, 'notes'>,
): string[] {
  const known = comparisons.filter(({ difference }) => difference?.interval);
  const others = comparisons.filter(
    ({ difference, images }) => difference && !images && metric !== 'loss',
  );
  return [
    ...(seeds.length === 1
      ? [
          'One seed: another may turn out otherwise by points, so that nothing is said of differences.',
        ]
      : []),
    ...others.map(({ label }) => `${label}: tested on different images, so not image by image.`),
    ...(known.length > 1
      ? [
          `${known.length} comparisons, each at 95 %: of twenty without any difference one would seem to have some.`,
        ]
      : []),
  ];
}
