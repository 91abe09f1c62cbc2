import { existsSync } from 'node:fs';
import { ConfigError } from '../errors.js';
import { hasRemovedWeights } from '../run/removed-weights.js';
import { pruneCheckpoints } from '../run/run-checkpoints.js';
import { removeStaleFiles, removeWeights } from '../run/tidy.js';
import type { Task } from './agenda.js';
import type { StudyFolder } from './run-status.js';
import type { StudyPlan, StudyRun } from './study-runs.js';
import type { StudyConfig } from './study-schema.js';

/** Runs that are named in a message. */
const SHOWN = 5;

/**
 * Removes the checkpoints that a study does not keep, of runs that are over. A trial that may still become a final run
 * keeps its own, and so does a run that failed, as it may be gone on with.
 *
 * @param done what is over, of this part: of a folder that is shared each part cares for its own runs
 * @throws CheckpointError if one cannot be removed
 */
export function removeUnkept(plan: StudyPlan, folder: StudyFolder, done: readonly Task[]): void {
  const { keep, seeds } = plan.loaded.study;
  for (const { run, tested } of done) {
    const { combination, final } = run.candidate;
    const mayBeFinal = run.variation === final && seeds.includes(run.seed);
    if (tested) keepOnly(folder, run, 'finals', keep.finals);
    else if (!mayBeFinal || folder.tuning(combination)!.over) {
      keepOnly(folder, run, 'trials', keep.trials);
    }
  }
}

function keepOnly(
  folder: StudyFolder,
  run: StudyRun,
  key: keyof StudyConfig['keep'],
  what: StudyConfig['keep']['trials'],
): void {
  const path = folder.at(run);
  const outcome = folder.outcome(run);
  if (!outcome || !existsSync(path) || folder.isInUse(run)) return;
  removeStaleFiles(path);
  if (what === 'all' || outcome.state === 'failed') return;
  if (what === 'best-and-last') pruneCheckpoints(path, 0);
  else removeWeights(path, `The study keeps no weights of this run once it is done (keep.${key}).`);
}

/**
 * Before anything is run: what is to be tested needs its weights.
 *
 * @param open what is to be done
 * @param redo takes back how such runs ended, so that they are trained anew
 * @throws ConfigError if there are any, without `redo`
 */
export function settleRemoved(folder: StudyFolder, open: readonly Task[], redo: boolean): void {
  const without = open.filter(
    ({ run, tested }) =>
      tested && folder.outcome(run) !== null && hasRemovedWeights(folder.at(run)),
  );
  if (without.length === 0) return;
  if (redo) {
    for (const { run } of without) folder.remove(run);
    return;
  }
  const names = without.slice(0, SHOWN).map(({ run }) => `  ${folder.at(run)}`);
  const more = without.length > SHOWN ? [`  and ${without.length - SHOWN} more`] : [];
  const one = without.length === 1;
  throw new ConfigError(
    [
      `${one ? '1 run is' : `${without.length} runs are`} to be tested, but ${one ? 'its' : 'their'} weights were removed when ${one ? 'it was' : 'they were'} done:`,
      ...names,
      ...more,
    ],
    `take back what is new in seeds or evaluation, or train ${one ? 'it' : 'them'} anew: --redo; keep in the study says what stays`,
  );
}
