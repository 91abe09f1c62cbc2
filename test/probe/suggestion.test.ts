/** Suggestions from rows made by hand: four segments, each with two layers, whose answer is known. */
import { describe, expect, test } from 'vitest';
import { suggestionsOf } from '../../src/probe/suggestion.js';
import { suggestionTexts } from '../../src/probe/suggestion-text.js';
import type { Estimate, PairSignals, SignalRow } from '../../src/run/signal-row.js';

/** An interval above zero, below it, one that holds it, none. */
type Said = '+' | '-' | '0' | '?';

const INTERVALS: Record<Said, Estimate> = {
  '+': { value: 0.5, low: 0.1, high: 0.9 },
  '-': { value: -0.5, low: -0.9, high: -0.1 },
  '0': { value: 0.2, low: -0.1, high: 0.5 },
  '?': { value: null, low: null, high: null },
};

interface Pair {
  losses: [string, string];
  /** Two letters for each segment that both meet, from seg1 up: of the first less the second, and of their cosine. */
  difference: string[];
  cosine?: string[];
}

/** Layers `<segment>a` and `<segment>b`, and the losses with the highest segment that each meets and the lowest of its range. */
function rowOf(losses: Record<string, [top: number, bottom: number]>, pairs: Pair[]): SignalRow {
  const none = INTERVALS['?'];
  const layers = [1, 2, 3, 4].flatMap((segment) =>
    ['a', 'b'].map((half, i) => {
      const met = Object.entries(losses).filter(([, [top]]) => segment <= top);
      return {
        layer: `seg${segment}${half}`,
        segment: `seg${segment}`,
        parameters: 1,
        weight: 1,
        byLoss: Object.fromEntries(
          met.map(([name, [, bottom]]) => {
            const inRange = segment >= bottom;
            return [name, { inRange, signalToNoise: none, mean: 1, spread: 1, magnitude: none }];
          }),
        ),
        pairs: pairs.flatMap(({ losses: two, difference, cosine = [] }): PairSignals[] => {
          const said = difference[segment - 1]?.[i];
          if (said === undefined) return [];
          const way = (cosine[segment - 1]?.[i] ?? '?') as Said;
          return [
            {
              losses: two,
              cosine: INTERVALS[way],
              batchCosine: none,
              difference: INTERVALS[said as Said],
            },
          ];
        }),
      };
    }),
  );
  return {
    format: 'relaybp-signals',
    version: 1,
    step: 0,
    epoch: 0,
    batches: 32,
    batchSize: 8,
    groups: 32,
    keptBytes: 0,
    losses: Object.entries(losses).map(([name, [top, bottom]]) => {
      return { name, tap: `pool${top}`, bottom: `seg${bottom}a`, weight: 1 };
    }),
    layers,
  };
}

const TWO = { primary: [4, 1], auxiliary: [3, 1] } satisfies Record<string, [number, number]>;
const pair = (difference: string[], cosine?: string[]): Pair => ({
  losses: ['primary', 'auxiliary'],
  difference,
  ...(cosine ? { cosine } : {}),
});

test('the loss above ends above the segments that it carries worse to, which are the overlap with the one below', () => {
  const [one, ...others] = suggestionsOf(
    rowOf(TWO, [pair(['--', '--', '0+'], ['00', '--', '++'])]),
  );
  expect(others).toEqual([]);
  expect(one).toEqual({
    losses: ['primary', 'auxiliary'],
    segments: [
      { segment: 'seg3', carriesBetter: null, directions: 'same' },
      { segment: 'seg2', carriesBetter: 'auxiliary', directions: 'opposite' },
      { segment: 'seg1', carriesBetter: 'auxiliary', directions: null },
    ],
    ranges: [
      { loss: 'primary', downTo: 'seg3', now: 'seg1' },
      { loss: 'auxiliary', downTo: 'seg1', now: 'seg1' },
    ],
    tap: null,
    leaveOut: null,
  });
  expect(suggestionTexts(one!)).toEqual([
    'primary and auxiliary: seg3: not decided; seg2, seg1: auxiliary carries better',
    'primary downTo: seg3 instead of seg1; auxiliary downTo: seg1, as it is (to each loss the layers that it carries better to, with an overlap between)',
    'in the overlap their mean gradients point the same way: seg3',
  ]);
});

test('it does not matter in which order a pair is written', () => {
  const turned: Pair = { losses: ['auxiliary', 'primary'], difference: ['++', '++', '0-'] };
  expect(suggestionsOf(rowOf(TWO, [turned]))).toEqual(
    suggestionsOf(rowOf(TWO, [pair(['--', '--', '0+'])])),
  );
});

test('where the overlap pulls two ways it says so', () => {
  const [one] = suggestionsOf(rowOf(TWO, [pair(['--', '00', '++'], ['++', '--', '--'])]));
  expect(suggestionTexts(one!).at(-1)).toBe(
    'in the overlap their mean gradients point apart and cancel out in part: seg3, seg2',
  );
});

describe('a loss that carries better from its own tap on', () => {
  const all = [pair(['--', '--'])];

  test('keeps its segment as the overlap, and may have a higher tap', () => {
    const [one] = suggestionsOf(rowOf({ primary: [4, 1], auxiliary: [2, 1] }, all));
    expect(one!.ranges!.map(({ downTo }) => downTo)).toEqual(['seg2', 'seg1']);
    expect(one!.tap).toEqual({ loss: 'auxiliary', after: 'seg3' });
  });

  test('has none where the next segment is that of the loss above', () => {
    const [one] = suggestionsOf(rowOf(TWO, [pair(['--', '--', '--'])]));
    expect(one!.ranges!.map(({ downTo }) => downTo)).toEqual(['seg3', 'seg1']);
    expect(one!.tap).toBeNull();
  });
});

test('a loss that carries nowhere better than the one above may be left out', () => {
  const [one] = suggestionsOf(rowOf(TWO, [pair(['++', '++', '++'])]));
  expect(one).toMatchObject({ ranges: null, tap: null, leaveOut: 'auxiliary' });
  expect(suggestionTexts(one!)).toHaveLength(2);
});

test.each([
  ['no interval decides', ['00', '00', '00']],
  ['nothing is known', ['??', '??', '??']],
  ['the lowest segment is not decided', ['00', '--', '--']],
  ['half of its layers is not most of them', ['-0', '--', '--']],
  ['two of its layers decide in opposite ways', ['-+', '--', '--']],
  ['one segment does not decide against it', ['++', '++', '00']],
])('nothing is suggested where %s', (_, difference) => {
  const [one] = suggestionsOf(rowOf(TWO, [pair(difference)]));
  expect(one).toMatchObject({ ranges: null, tap: null, leaveOut: null });
  expect(suggestionTexts(one!).slice(1)).toEqual(['no suggestion for their ranges']);
});

test('of three losses the middle one takes over from the highest, and the lowest from the middle one', () => {
  const losses = { primary: [4, 1], low: [2, 1], middle: [3, 2] } satisfies Record<
    string,
    [number, number]
  >;
  const row = rowOf(losses, [
    { losses: ['primary', 'low'], difference: ['++', '++'] },
    { losses: ['primary', 'middle'], difference: ['--', '--', '00'] },
    { losses: ['low', 'middle'], difference: ['++', '00'] },
  ]);
  const suggestions = suggestionsOf(row);
  expect(suggestions.map((one) => one.losses)).toEqual([
    ['primary', 'middle'],
    ['middle', 'low'],
  ]);
  expect(suggestions.map(({ ranges }) => ranges)).toEqual([
    [{ loss: 'primary', downTo: 'seg3', now: 'seg1' }],
    [
      { loss: 'middle', downTo: 'seg2', now: 'seg2' },
      { loss: 'low', downTo: 'seg1', now: 'seg1' },
    ],
  ]);
});

test('one loss, and two that meet the same layers, have nothing to be compared', () => {
  expect(suggestionsOf(rowOf({ primary: [4, 1] }, []))).toEqual([]);
  expect(suggestionsOf(rowOf({ primary: [4, 1], twin: [4, 1] }, []))).toEqual([]);
});
