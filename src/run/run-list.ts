import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { RelaybpError } from '../errors.js';
import { type BestEvaluation, bestEvaluation } from './best-evaluation.js';
import { type MetricsRow, readMetrics } from './rows.js';
import { isRunFolder, runsIn } from './run-folders.js';
import { readRunState } from './run-state.js';
import type { State } from './training-state.js';

/** A run in a list of runs. */
export interface ListedRun {
  folder: string;
  state: State | 'damaged';
  step: number;
  /** Of the whole training; null before it has said so. */
  totalSteps: number | null;
  /** The best evaluation by the run's own metric; null before the first one. */
  best: BestEvaluation | null;
  /** When something was last written there: ISO 8601, UTC. */
  changed: string;
  /** What is damaged. */
  problem: string | null;
}

/**
 * The runs in a folder, or the one that it is; those that have changed last come first.
 *
 * @throws CheckpointError if there is no such folder
 */
export function listRuns(folder: string): ListedRun[] {
  const folders = isRunFolder(folder) ? [folder] : runsIn(folder);
  return folders.map(listed).sort((a, b) => (a.changed < b.changed ? 1 : -1));
}

function listed(folder: string): ListedRun {
  let rows: MetricsRow[] = [];
  let best: BestEvaluation | null = null;
  const about = () => ({ folder, best, changed: changedAt(folder) });
  try {
    rows = readMetrics(folder);
    best = bestEvaluation(folder, rows);
    const { state, step, totalSteps } = readRunState(folder, rows);
    return { ...about(), state, step, totalSteps, problem: null };
  } catch (error) {
    if (!(error instanceof RelaybpError)) throw error;
    const step = rows.at(-1)?.step ?? 0;
    return { ...about(), state: 'damaged', step, totalSteps: null, problem: error.message };
  }
}

/** Files that a training writes to. */
const WRITTEN = ['config.yaml', 'log.jsonl', 'metrics.jsonl', 'last', 'summary.json'];

function changedAt(folder: string): string {
  const times = WRITTEN.map((name) => join(folder, name))
    .filter((file) => existsSync(file))
    .map((file) => statSync(file).mtimeMs);
  return new Date(Math.max(...times)).toISOString();
}
