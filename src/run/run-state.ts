import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CheckpointError } from '../errors.js';
import { type RunLog, readLog } from './read-log.js';
import type { MetricsRow } from './run-folder.js';
import { mayBeTraining } from './run-lock.js';
import type { State } from './training-state.js';

/** Where the training of a run stands. */
export interface RunState {
  state: State;
  step: number;
  /** Null before the training has said so. */
  totalSteps: number | null;
  peakMemoryMiB: number | null;
  log: RunLog;
}

interface Summary {
  step: number;
  interrupted: boolean;
  peakMemoryMiB?: number;
}

/**
 * @param rows of its metrics
 * @throws CheckpointError if its summary.json is damaged
 */
export function readRunState(folder: string, rows: readonly MetricsRow[]): RunState {
  const log = readLog(folder);
  const summary = readSummary(folder);
  const step = rows.at(-1)?.step ?? 0;
  const ended = summary !== null && summary.step >= step && !log.startedAfter(summaryTime(folder));
  return {
    state: stateOf(folder, ended ? summary : null),
    step: ended ? summary.step : step,
    totalSteps: log.totalSteps,
    peakMemoryMiB: summary?.peakMemoryMiB ?? null,
    log,
  };
}

/** @param summary the last word of the newest training in the folder, null if it has not said it */
function stateOf(folder: string, summary: Summary | null): State {
  if (summary) return summary.interrupted ? 'stopped' : 'finished';
  return mayBeTraining(folder) ? 'in progress' : 'broken off';
}

function readSummary(folder: string): Summary | null {
  const file = join(folder, 'summary.json');
  if (!existsSync(file)) return null;
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Summary;
  } catch (error) {
    throw new CheckpointError(`${file}: not valid JSON: ${(error as Error).message}`);
  }
}

/** When the training said its last word, in milliseconds since 1970. */
const summaryTime = (folder: string): number => statSync(join(folder, 'summary.json')).mtimeMs;
