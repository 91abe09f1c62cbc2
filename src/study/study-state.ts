import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isRunFolder } from '../run/run-folders.js';
import { version } from '../version.js';
import { type Outcome, writeJson } from './outcome.js';
import type { StudyFolder } from './run-status.js';
import { finalRunsOf, type StudyPlan, type StudyRun, trialsOf } from './study-runs.js';
import type { Values } from './study-schema.js';

/** Where the runs of a study stand: `state.json`, for people and scripts. The runs' folders are what counts. */
export interface StudyState {
  readonly formatVersion: 1;
  readonly relaybp: string;
  readonly name: string;
  readonly combinations: readonly {
    readonly id: string;
    readonly label: string;
    readonly variants: Readonly<Record<string, string>>;
    /** Null where nothing is tuned, and until the trials have chosen. */
    readonly chosen: Values | null;
  }[];
  readonly runs: readonly RunState[];
}

interface RunState {
  readonly id: string;
  readonly combination: string;
  readonly values: Values;
  readonly seed: number;
  readonly trial: boolean;
  readonly final: boolean;
  readonly state: 'to do' | 'begun' | Outcome['state'];
  /** Of a final run. */
  readonly tested: boolean;
  readonly message: string | null;
  readonly seconds: number | null;
}

/** Writes `state.json`, whole or not at all. @throws CheckpointError */
export function writeState(plan: StudyPlan, folder: StudyFolder): StudyState {
  const state = stateOf(plan, folder);
  writeJson(join(folder.path, 'state.json'), state, 1);
  return state;
}

function stateOf(plan: StudyPlan, folder: StudyFolder): StudyState {
  const trials = plan.combinations.flatMap((combination) => trialsOf(plan, combination));
  const settled = plan.combinations.map((combination) => {
    const tuning = folder.tuning(combination);
    const candidate = tuning ? tuning.chosen : plan.candidates.get(combination.id)![0]!;
    return { combination, candidate, chosen: tuning?.chosen?.values ?? null };
  });
  const finals = settled.flatMap(({ candidate }) =>
    candidate ? finalRunsOf(plan, candidate) : [],
  );
  const ids = (runs: readonly StudyRun[]): Set<string> => new Set(runs.map(({ id }) => id));
  const [trialIds, finalIds] = [ids(trials), ids(finals)];
  const all = [...trials, ...finals.filter(({ id }) => !trialIds.has(id))];
  return {
    formatVersion: 1,
    relaybp: version,
    name: plan.loaded.study.name,
    combinations: settled.map(({ combination, chosen }) => ({ ...combination, chosen })),
    runs: all.map((run) => {
      const outcome = folder.outcome(run);
      const path = folder.at(run);
      const begun = existsSync(path) && isRunFolder(path) ? 'begun' : 'to do';
      return {
        id: run.id,
        combination: run.candidate.combination.id,
        values: run.candidate.values,
        seed: run.seed,
        trial: trialIds.has(run.id),
        final: finalIds.has(run.id),
        state: outcome?.state ?? begun,
        tested: finalIds.has(run.id) && folder.evaluation(run) !== null,
        message: outcome?.message ?? null,
        seconds: outcome?.seconds ?? null,
      };
    }),
  };
}
