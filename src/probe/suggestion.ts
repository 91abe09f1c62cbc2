/**
 * What a probe suggests about taps and ranges, by the paper's rules of thumb (section 3): different losses are
 * responsible for different layers, ranges of neighbours overlap at a segment between, an auxiliary module is not put too
 * low, and there are as few as possible. It goes by what intervals decide, and says nothing where they do not.
 */
import type { Estimate, LayerSignals, SignalRow } from '../run/signal-row.js';

/** Of two losses whose taps are neighbours. Its parts are null where nothing is suggested. */
export interface SignalSuggestion {
  /** That with the higher tap, and that with the lower one. */
  losses: [string, string];
  /** From the lower tap's down. */
  segments: SegmentFinding[];
  /** Where the ranges end: that of the loss with the higher tap, and of the other unless a loss below it takes over. */
  ranges: SuggestedRange[] | null;
  /** A higher tap of the second, to be probed in its turn. */
  tap: { loss: string; after: string } | null;
  /** The second, where it carries nowhere better than the first. */
  leaveOut: string | null;
}

/** What most of a segment's layers say, none of them deciding otherwise; null where that is nothing. */
export interface SegmentFinding {
  segment: string;
  /** Whose signal to noise is higher. */
  carriesBetter: string | null;
  /** Whether the two mean gradients point the same way: a cosine above zero, or below. */
  directions: 'same' | 'opposite' | null;
}

export interface SuggestedRange {
  loss: string;
  downTo: string;
  /** The segment in which it ends now; null if it holds no layer that was measured. */
  now: string | null;
}

/** For each two losses whose taps are neighbours, from the output down; none of losses that meet the same layers. */
export function suggestionsOf(row: SignalRow): SignalSuggestion[] {
  const byTap = row.losses
    .map(({ name }) => ({ name, top: row.layers.findLastIndex((layer) => meets(layer, name)) }))
    .filter(({ top }) => top >= 0)
    .sort((a, b) => b.top - a.top);
  return byTap.slice(1).flatMap(({ name, top }, i) => {
    const above = byTap[i]!;
    if (above.top === top) return [];
    const lowest = i + 2 === byTap.length;
    return [suggestionOf(row, [above.name, name], lowest)];
  });
}

/** @param lowest whether no loss has a tap below */
function suggestionOf(
  { layers }: SignalRow,
  [upper, lower]: [string, string],
  lowest: boolean,
): SignalSuggestion {
  const met = (loss: string): string[] => segmentsOf(layers.filter((layer) => meets(layer, loss)));
  const shared = met(lower);
  const segments = shared.map((segment) => findingOf(layers, segment, [upper, lower]));
  const winner = (i: number): string | null => segments[i]!.carriesBetter;
  let end = segments.length; // the segments from there on are the lower one's
  while (end > 0 && winner(end - 1) === lower) end--;
  const everywhere = end === 0;
  const base = { losses: [upper, lower] as [string, string], segments };
  if (segments.every(({ carriesBetter }) => carriesBetter === upper)) {
    return { ...base, ranges: null, tap: null, leaveOut: lower };
  }
  if (end === segments.length) return { ...base, ranges: null, tap: null, leaveOut: null };
  const now = (loss: string): string | null =>
    layers.find((layer) => meets(layer, loss) && layer.byLoss[loss]!.inRange)?.segment ?? null;
  const range = (loss: string, downTo: string): SuggestedRange => ({
    loss,
    downTo,
    now: now(loss),
  });
  const ranges = [
    range(upper, shared[everywhere ? 0 : end - 1]!),
    ...(lowest ? [range(lower, shared.at(-1)!)] : []),
  ];
  // Between the two taps, the upper one's own segment left out.
  const higher = met(upper).slice(1, -shared.length).at(-1);
  const tap = everywhere && higher !== undefined ? { loss: lower, after: higher } : null;
  return { ...base, ranges, tap, leaveOut: null };
}

const meets = ({ byLoss }: LayerSignals, loss: string): boolean => Object.hasOwn(byLoss, loss);

/** From the output to the input. */
const segmentsOf = (layers: readonly LayerSignals[]): string[] => [
  ...new Set(layers.map(({ segment }) => segment).reverse()),
];

function findingOf(
  all: readonly LayerSignals[],
  segment: string,
  [upper, lower]: [string, string],
): SegmentFinding {
  const pairs = all
    .filter((layer) => layer.segment === segment)
    .flatMap((layer) => {
      return layer.pairs.flatMap((pair) => {
        if (!pair.losses.includes(upper) || !pair.losses.includes(lower)) return [];
        return [
          { cosine: pair.cosine, difference: signFrom(pair.difference, pair.losses[0] === upper) },
        ];
      });
    });
  const better = { 1: upper, [-1]: lower, 0: null };
  const pointing = { 1: 'same', [-1]: 'opposite', 0: null } as const;
  return {
    segment,
    carriesBetter: better[most(pairs.map(({ difference }) => difference))]!,
    directions: pointing[most(pairs.map(({ cosine }) => signFrom(cosine, true)))]!,
  };
}

type Sign = 1 | -1 | 0;

/** 0 where the interval holds zero, or there is none. */
function signFrom({ low, high }: Estimate, asIs: boolean): Sign {
  if (low === null || high === null) return 0;
  const sign = low > 0 ? 1 : high < 0 ? -1 : 0;
  return asIs || sign === 0 ? sign : sign === 1 ? -1 : 1;
}

/** The sign that more than half of them have, if none has the other one. */
function most(signs: readonly Sign[]): Sign {
  const count = (sign: Sign): number => signs.filter((one) => one === sign).length;
  const [above, below] = [count(1), count(-1)];
  if (above > 0 && below > 0) return 0;
  if (2 * above > signs.length) return 1;
  return 2 * below > signs.length ? -1 : 0;
}
