import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { CheckpointError } from '../errors.js';
import { readRegular } from '../regular-file.js';
import { messageOf } from '../system-error.js';
import { reading } from './changing.js';
import { type RunLog, readLog } from './read-log.js';
import type { MetricsRow } from './rows.js';
import { mayBeTraining } from './run-lock.js';
import type { State } from './training-state.js';

/** Where the training of a run stands. */
export interface RunState {
  state: State;
  step: number;
  /** Of the whole training; null before it has said so. */
  totalSteps: number | null;
  peakMemoryMiB: number | null;
  log: RunLog;
}

const summarySchema = z.object({
  step: z.number(),
  interrupted: z.boolean(),
  peakMemoryMiB: z.number().optional().catch(undefined),
});
type Summary = z.infer<typeof summarySchema>;

/**
 * @param rows of its metrics
 * @throws CheckpointError if its summary.json is damaged
 */
export function readRunState(folder: string, rows: readonly MetricsRow[]): RunState {
  const log = readLog(folder);
  const summary = readSummary(folder);
  const step = rows.at(-1)?.step ?? 0;
  // Clocks may have been set back since: what the log says comes first.
  const over = log.ended ?? (summary !== null && !log.startedAfter(summaryTime(folder)));
  const ended = summary !== null && summary.step >= step && over;
  return {
    state: stateOf(folder, ended ? summary : null, log.totalSteps),
    step: ended ? summary.step : step,
    totalSteps: log.totalSteps,
    peakMemoryMiB: summary?.peakMemoryMiB ?? null,
    log,
  };
}

/**
 * @param summary of the newest training in the folder, null if it has not ended
 * @param totalSteps of the whole training; `--max-steps` ends before them
 */
function stateOf(folder: string, summary: Summary | null, totalSteps: number | null): State {
  if (summary) {
    const partial = totalSteps !== null && summary.step < totalSteps;
    return summary.interrupted || partial ? 'stopped' : 'finished';
  }
  return mayBeTraining(folder) ? 'in progress' : 'broken off';
}

function readSummary(folder: string): Summary | null {
  const file = join(folder, 'summary.json');
  if (!existsSync(file)) return null;
  const text = reading(file, () => readRegular(file));
  try {
    return summarySchema.parse(JSON.parse(text));
  } catch (error) {
    const why =
      error instanceof z.ZodError ? 'it is no summary' : `not valid JSON: ${messageOf(error)}`;
    throw new CheckpointError(
      `${file}: ${why}`,
      'remove it: it is written anew when a training ends',
    );
  }
}

/** When the training ended, in milliseconds since 1970. */
const summaryTime = (folder: string): number => statSync(join(folder, 'summary.json')).mtimeMs;
