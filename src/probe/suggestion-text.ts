import type { SegmentFinding, SignalSuggestion, SuggestedRange } from './suggestion.js';

/** Above them wherever they are shown. */
export const SUGGESTION_TITLE = "a suggestion, by the paper's rules of thumb; no result";

/** In words, a sentence each; the first says what intervals decide. */
export function suggestionTexts(suggestion: SignalSuggestion): string[] {
  const { losses, segments, ranges, tap, leaveOut } = suggestion;
  const [upper, lower] = losses;
  const found = `${upper} and ${lower}: ${runs(segments).join('; ')}`;
  if (leaveOut !== null) {
    return [
      found,
      `${leaveOut} carries nowhere better: it may be left out (as few auxiliary losses as possible)`,
    ];
  }
  if (!ranges) return [found, 'no suggestion for their ranges'];
  return [
    found,
    `${ranges.map(rangeText).join('; ')} (to each loss the layers that it carries better to, with an overlap between)`,
    ...overlapTexts(segments, ranges[0]!.downTo),
    ...(tap
      ? [
          `${tap.loss} carries better from its own tap on: a higher one, after: ${tap.after}, may be worth a probe (not too low)`,
        ]
      : []),
  ];
}

const rangeText = ({ loss, downTo, now }: SuggestedRange): string =>
  `${loss} downTo: ${downTo}${now === downTo ? ', as it is' : now === null ? '' : ` instead of ${now}`}`;

/** What is found of a segment, of neighbours that are alike in one. */
function runs(segments: readonly SegmentFinding[]): string[] {
  const groups: { winner: string | null; names: string[] }[] = [];
  for (const { segment, carriesBetter: winner } of segments) {
    const last = groups.at(-1);
    if (last && last.winner === winner) last.names.push(segment);
    else groups.push({ winner, names: [segment] });
  }
  return groups.map(({ winner, names }) => {
    const what = winner === null ? 'not decided' : `${winner} carries better`;
    return `${names.join(', ')}: ${what}`;
  });
}

/** @param bottom the lowest segment of the overlap */
function overlapTexts(segments: readonly SegmentFinding[], bottom: string): string[] {
  const end = segments.findIndex(({ segment }) => segment === bottom);
  const overlap = segments.slice(0, end + 1);
  const names = (way: SegmentFinding['directions']): string =>
    overlap
      .filter(({ directions }) => directions === way)
      .map(({ segment }) => segment)
      .join(', ');
  const [same, opposite] = [names('same'), names('opposite')];
  return [
    ...(same ? [`in the overlap their mean gradients point the same way: ${same}`] : []),
    ...(opposite
      ? [`in the overlap their mean gradients point apart and cancel out in part: ${opposite}`]
      : []),
  ];
}
