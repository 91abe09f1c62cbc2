import { basename } from 'node:path';
import type { MetricsRow } from './rows.js';
import { readPointer } from './run-checkpoints.js';

/** An evaluation; top-1 and top-5 in percent, `top5` null where the row does not have it. */
export interface BestEvaluation {
  step: number;
  top1: number;
  top5: number | null;
}

/**
 * The evaluation of the checkpoint that `best` names, which has gone by the config's `evaluation.metric`; where there is
 * none, the first with the highest top-1.
 *
 * @throws DamagedCheckpointError if `best` names no checkpoint
 */
export function bestEvaluation(run: string, rows: readonly MetricsRow[]): BestEvaluation | null {
  const pointer = readPointer(run, 'best');
  const named = pointer === undefined ? -1 : Number(basename(pointer).slice('step-'.length));
  let best: BestEvaluation | null = null;
  for (const { kind, step, top1, top5 } of rows) {
    if (kind !== 'val' || typeof top1 !== 'number') continue;
    const found = { step, top1, top5: typeof top5 === 'number' ? top5 : null };
    if (step === named) return found;
    if (best === null || top1 > best.top1) best = found;
  }
  return best;
}
