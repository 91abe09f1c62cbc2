import { type Paired, paired } from '../eval/paired.js';
import { aligned, type ScoreSet } from '../eval/score-set.js';
import { SilentScores } from '../eval/silent-scores.js';
import { rankOf } from '../eval/topk.js';
import type { Hooks } from './hooks.js';
import { checkScoreFiles, type Scored, Scorer, type ScoringOptions } from './scoring.js';

export interface CompareResult {
  a: string;
  b: string;
  data: string;
  images: number;
  /** Accuracies, percent. */
  top1: { a: number; b: number } & Omit<Paired, 'images'>;
  top5: { a: number; b: number } & Omit<Paired, 'images'>;
}

/** `relaybp compare`: how much better B is than A on the very same images. */
export async function compareCommand(
  a: string,
  b: string,
  options: ScoringOptions = {},
  hooks: Hooks = {},
): Promise<CompareResult> {
  checkScoreFiles([a, b], options);
  const scorer = new Scorer(options, hooks);
  const [one, two] = (await scorer.scoreAll([a, b])) as [Scored, Scored];
  const other = aligned(two.set, one.set);
  if (one.set.root !== two.set.root) {
    hooks.notice?.(`the images lie in different folders: ${one.set.root} and ${two.set.root}`);
  }
  for (const set of [one.set, other]) {
    const scores = new SilentScores();
    for (const row of set.rows) scores.add(row);
    for (const notice of scores.notices()) hooks.notice?.(`${set.source}: ${notice}`);
  }
  return {
    a: one.set.source,
    b: other.source,
    data: one.data,
    images: one.set.rows.length,
    top1: difference(one.set, other, 1),
    top5: difference(one.set, other, 5),
  };
}

function difference(a: ScoreSet, b: ScoreSet, k: number): CompareResult['top1'] {
  const right = (set: ScoreSet): boolean[] =>
    set.rows.map((row, i) => rankOf(row, set.labels[i]!) < k);
  const percent = (hits: boolean[]): number =>
    hits.length === 0 ? 0 : (100 * hits.filter(Boolean).length) / hits.length;
  const [ofA, ofB] = [right(a), right(b)];
  const { images: _, ...rest } = paired(ofA, ofB);
  return { a: percent(ofA), b: percent(ofB), ...rest };
}
