import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Difference, describeDifference, differences } from '../config/differences.js';
import { withAbsolutePaths } from '../config/file-paths.js';
import { loadSavedConfig } from '../config/load.js';
import { ConfigError } from '../errors.js';
import { CONFIG } from '../run/run-configs.js';
import type { StudyFolder } from './run-status.js';
import type { StudyRun } from './study-runs.js';

/** What does not change what comes out of a run. */
const FREE = [
  ...['name', 'logging', 'diagnostics', 'checkpoint', 'recompute'],
  ...['data.root', 'data.maxPixels', 'training.logEvery', 'evaluation.batchSize'],
];
/** Runs that are named in a message. */
const SHOWN = 5;

export interface ChangedRun {
  readonly run: StudyRun;
  readonly changes: readonly Difference[];
}

/** Runs whose folders hold the training of another config than the study asks for now. */
export function changedRuns(folder: StudyFolder, runs: readonly StudyRun[]): ChangedRun[] {
  return runs.flatMap((run) => {
    const saved = join(folder.at(run), CONFIG);
    if (!existsSync(saved)) return [];
    const before = withAbsolutePaths(loadSavedConfig(saved).config);
    const changes = differences(before, withAbsolutePaths(run.loaded.config)).filter(
      ({ key }) => !FREE.some((free) => key === free || key.startsWith(`${free}.`)),
    );
    return changes.length > 0 ? [{ run, changes }] : [];
  });
}

/**
 * Before anything is run: results of other configs are no results of this study.
 *
 * @param redo removes the folders of such runs, so that they are run anew
 * @throws ConfigError if there are any, without `redo`
 */
export function settleChanges(
  folder: StudyFolder,
  changed: readonly ChangedRun[],
  redo: boolean,
): void {
  if (changed.length === 0) return;
  if (!redo) {
    const shown = changed
      .slice(0, SHOWN)
      .flatMap(({ run, changes }) => [
        `  ${folder.at(run)}:`,
        ...changes.slice(0, SHOWN).map((change) => `    ${describeDifference(change)}`),
      ]);
    const more = changed.length > SHOWN ? [`  and ${changed.length - SHOWN} more`] : [];
    const [have, them] =
      changed.length === 1 ? ['1 run has', 'it'] : [`${changed.length} runs have`, 'them'];
    throw new ConfigError(
      [`${have} been trained with another config than the study gives now:`, ...shown, ...more],
      `take the change back; give the variant another name, so that both are there; or run ${them} anew: --redo removes ${changed.length === 1 ? 'this folder' : 'these folders'}`,
    );
  }
  for (const { run } of changed) folder.remove(run);
}
