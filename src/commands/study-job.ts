import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { ExperimentConfig } from '../config/experiment-schema.js';
import { withOverrides } from '../config/load.js';
import type { EngineChoice } from '../engine/select.js';
import { RunInUseError, TrainingError } from '../errors.js';
import { SilentScores } from '../eval/silent-scores.js';
import { placeOf, TopK } from '../eval/topk.js';
import { readLog } from '../run/read-log.js';
import { readMetrics } from '../run/rows.js';
import { isRunFolder } from '../run/run-folders.js';
import { readRunState } from '../run/run-state.js';
import { type Protocol, readEvaluation, writeEvaluation } from '../study/evaluation.js';
import { readOutcome, writeOutcome } from '../study/outcome.js';
import { messageOf } from '../system-error.js';
import { listening } from './hooks.js';
import { Scorer } from './scoring.js';
import { type TrainHooks, trainCommand } from './train.js';

/** One run of a study, as the process that does it is told. */
export interface StudyJob {
  /** Its folder. */
  readonly run: string;
  readonly config: ExperimentConfig;
  readonly engine: EngineChoice;
  /** How it is tested; null of a trial. */
  readonly protocol: Protocol | null;
  /** What was typed. */
  readonly command: string | null;
  /** Runs that go on at the same time. */
  readonly jobs: number;
}

/** `over`: it has ended, its folder says how. `stopped` and `in use`: it has not. */
export type JobEnd = 'over' | 'stopped' | 'in use';

/**
 * Trains a run of a study, or goes on with it, and tests it. How it ended is written to its folder; a training that
 * diverges or fails is an end too.
 *
 * @throws RelaybpError if it cannot be tested
 */
export async function studyJob(job: StudyJob, hooks: TrainHooks): Promise<JobEnd> {
  const { run, protocol } = job;
  if (!readOutcome(run)) {
    const end = await train(job, hooks);
    if (end !== 'over') return end;
  }
  const finished = readOutcome(run)?.state === 'finished';
  if (!protocol || !finished || readEvaluation(run, protocol)) return 'over';
  if (hooks.signal?.aborted) return 'stopped';
  await test(job, protocol, hooks);
  return 'over';
}

async function train(job: StudyJob, hooks: TrainHooks): Promise<JobEnd> {
  const { run, config, engine, command } = job;
  const ended = (state: 'finished' | 'diverged' | 'failed', message: string | null): void => {
    const rows = existsSync(run) ? readMetrics(run) : [];
    const known = isRunFolder(run) ? readRunState(run, rows) : null;
    writeOutcome(run, {
      state,
      message,
      step: state === 'finished' ? (known?.step ?? null) : null, // of others the message says it
      seconds: existsSync(run) ? readLog(run).seconds : null,
      peakMemoryMiB: Math.round(process.resourceUsage().maxRSS / 1024),
      jobs: job.jobs,
    });
  };
  try {
    const begun = isRunFolder(run) ? { resume: 'last' } : {};
    const options = { out: run, engine, command, ...begun };
    const { interrupted } = await trainCommand(withOverrides(config, run), options, hooks);
    if (interrupted) return 'stopped';
    ended('finished', null);
  } catch (error) {
    if (hooks.signal?.aborted && error === hooks.signal.reason) return 'stopped';
    if (error instanceof RunInUseError) return 'in use';
    ended(error instanceof TrainingError ? 'diverged' : 'failed', messageOf(error));
  }
  return 'over';
}

async function test(job: StudyJob, protocol: Protocol, hooks: TrainHooks): Promise<void> {
  const { run, config, engine } = job;
  const { notice, progress } = listening(hooks);
  const { test: data, checkpoint, ...how } = protocol;
  const options = { ...how, checkpoint, engine, ...(data !== undefined && { data }) };
  const scorer = new Scorer(
    { ...options, dataRoot: resolve(config.data.root) },
    { notice, progress },
  );
  const ranks: number[] = [];
  const topK = new TopK();
  const scores = new SilentScores();
  const { set, step, skipped } = await scorer.scoreEach(run, ({ row, label }) => {
    topK.add(row, Int32Array.of(label));
    ranks.push(placeOf(row, label));
    scores.add(row);
  });
  const { loss, top1, top5 } = topK.result();
  writeEvaluation(run, {
    protocol: { ...protocol },
    step: step!,
    skipped,
    loss,
    top1,
    top5,
    classes: [...set.classes],
    paths: [...set.paths],
    labels: [...set.labels],
    ranks,
    notes: scores.notices(),
  });
}
