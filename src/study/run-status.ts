import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../errors.js';
import { changing } from '../run/changing.js';
import { readMetrics } from '../run/rows.js';
import { mayBeTraining } from '../run/run-lock.js';
import type { Combination } from './combinations.js';
import { type RunEvaluation, readEvaluation } from './evaluation.js';
import { OUTCOME, type Outcome, readOutcome } from './outcome.js';
import { type StudyPlan, type StudyRun, trialsOf } from './study-runs.js';
import { trialResult } from './trial-results.js';
import { type Tuning, tuningOf } from './tuning.js';

/** The folders of a study's runs, read; what has ended is read once. */
export class StudyFolder {
  private readonly outcomes = new Map<string, Outcome>();
  private readonly evaluations = new Map<string, RunEvaluation>();
  private readonly results = new Map<string, number | null>();

  /** @param path `studies/<name>` */
  constructor(
    readonly path: string,
    private readonly plan: StudyPlan,
  ) {}

  at({ id }: Pick<StudyRun, 'id'>): string {
    return join(this.path, id);
  }

  /** Null of a run that has not ended. */
  outcome(run: StudyRun): Outcome | null {
    const known = this.outcomes.get(run.id) ?? readOutcome(this.at(run));
    if (known) this.outcomes.set(run.id, known);
    return known;
  }

  /** Null of a run that has not been tested. */
  evaluation(run: StudyRun): RunEvaluation | null {
    const { evaluation } = this.plan.loaded.study;
    const known = this.evaluations.get(run.id) ?? readEvaluation(this.at(run), evaluation);
    if (known) this.evaluations.set(run.id, known);
    return known;
  }

  /** Forgets what was read of a run, whose folder has changed. */
  changed({ id }: Pick<StudyRun, 'id'>): void {
    this.outcomes.delete(id);
    this.evaluations.delete(id);
    this.results.delete(id);
  }

  /** Takes back how a run has ended, so that it goes on. @throws CheckpointError */
  forget(run: StudyRun): void {
    const file = join(this.at(run), OUTCOME);
    changing(`${file}: cannot be removed`, () => rmSync(file, { force: true }));
    this.changed(run);
  }

  /** Removes its folder, so that it is run anew. @throws ConfigError if a training is at work in it */
  remove(run: StudyRun): void {
    const path = this.at(run);
    if (this.isInUse(run)) {
      throw new ConfigError(
        `${path}: is to be run anew, but a training is at work in it`,
        'wait for it, or stop it',
      );
    }
    changing(`${path}: cannot be removed`, () => rmSync(path, { recursive: true }), 'remove it');
    this.changed(run);
  }

  /** Whether a training is at work in its folder, or may be. */
  isInUse(run: StudyRun): boolean {
    const folder = this.at(run);
    return existsSync(folder) && mayBeTraining(folder);
  }

  /** What its trials have come to so far. */
  tuning(combination: Combination): Tuning | null {
    const { candidates, loaded } = this.plan;
    const { tune } = loaded.study;
    if (!tune) return null;
    const trials = trialsOf(this.plan, combination);
    const results = candidates.get(combination.id)!.map((candidate) => ({
      candidate,
      trials: trials
        .filter((run) => run.candidate === candidate)
        .map((run) => {
          const state = this.outcome(run)?.state ?? null;
          const value = state === 'finished' ? this.result(run) : null;
          return { seed: run.seed, state, value };
        }),
    }));
    return tuningOf(combination, results, tune.metric);
  }

  /** Of a trial that has finished. */
  private result(run: StudyRun): number | null {
    const known = this.results.get(run.id);
    if (known !== undefined) return known;
    const { tune, evaluation } = this.plan.loaded.study;
    const { name } = run.plan.primary;
    const rows = readMetrics(this.at(run));
    const value = trialResult(rows, evaluation.checkpoint, tune!.metric, name);
    this.results.set(run.id, value);
    return value;
  }
}
