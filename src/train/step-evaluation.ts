import { TrainingError } from '../errors.js';
import type { HeadResult } from '../eval/evaluate.js';
import type { MetricsRow } from '../run/rows.js';
import { DIVERGED } from './save.js';
import type { TrainingNetworks } from './training-networks.js';
import { type ValidationOptions, validate } from './validation.js';

/** An evaluation of a training at one of its steps. */
export interface StepEvaluation {
  /** By loss, the primary one first. */
  readonly heads: Map<string, HeadResult>;
  /** Of the primary head. */
  readonly result: HeadResult;
  /** Of metrics.jsonl. */
  readonly row: MetricsRow;
  /** Of the primary head, image by image, as `validation.csv` holds them. */
  readonly images: string;
  /** What a reader has to know of the primary head's scores. */
  readonly silent: readonly string[];
  readonly seconds: number;
}

/**
 * Evaluates the network, and where there is one the moving average of its weights.
 *
 * @param at where the training is
 * @returns null if it was stopped in the middle
 * @throws TrainingError if a loss is not finite
 */
export async function evaluateStep(
  { network, averaged }: Pick<TrainingNetworks, 'network' | 'averaged'>,
  options: ValidationOptions,
  at: { readonly step: number; readonly epoch: number },
): Promise<StepEvaluation | null> {
  const evaluation = await validate(network, options);
  const average = averaged && evaluation && (await validate(averaged, options));
  if (!evaluation || (averaged && !average)) return null;
  const primary = options.plan.primary.name;
  const result = evaluation.heads.get(primary)!;
  const losses = new Map([...evaluation.heads].map(([name, head]) => [name, head.loss]));
  checkLosses(losses, at.step);
  const { images, top1, top5, top1_err, top5_err } = result;
  const row: MetricsRow = {
    kind: 'val',
    ...at,
    ...lossColumns(losses),
    images,
    top1,
    top5,
    top1_err,
    top5_err,
  };
  if (average) {
    const { top1, top5 } = average.heads.get(primary)!;
    Object.assign(row, { top1_ema: top1, top5_ema: top5 });
  }
  const heads = new Map([[primary, result], ...evaluation.heads]);
  const { results, seconds, silent } = evaluation;
  return { heads, result, row, images: results, silent, seconds };
}

/** Losses by name as columns of a metrics row. */
export function lossColumns(losses: ReadonlyMap<string, number>): Record<string, number> {
  return Object.fromEntries([...losses].map(([name, loss]) => [`loss.${name}`, loss]));
}

/** Weights of losses by name as columns of a metrics row. */
export function weightColumns(weights: ReadonlyMap<string, number>): Record<string, number> {
  return Object.fromEntries([...weights].map(([name, weight]) => [`weight.${name}`, weight]));
}

/** @throws TrainingError if a validation loss is not finite */
function checkLosses(losses: ReadonlyMap<string, number>, step: number): void {
  const bad = [...losses].filter(([, loss]) => !Number.isFinite(loss));
  if (bad.length === 0) return;
  const list = bad.map(([name, loss]) => `"${name}" is ${loss}`).join(', ');
  throw new TrainingError(`step ${step}: the validation loss ${list}`, DIVERGED);
}
