/** Puts the folder of a run in order before it is gone on with. The run is locked. */
import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { changing } from './changing.js';
import type { CheckpointState } from './checkpoint-state.js';
import { hasRemovedWeights, markRemoved } from './removed-weights.js';
import { listCheckpoints, pointTo, removeCheckpoint } from './run-checkpoints.js';

const FOLDER = 'checkpoints';
const TEMPORARY =
  /^((config(-until-step-\d+)?\.yaml|metrics\.(jsonl|csv)|(gradients|sessions)\.jsonl|summary\.json|weights-removed\.txt|(outcome|evaluation)\.json|last|best)\.[0-9a-f]{8}|lock\.[0-9a-f]{8}\.json)\.tmp$/;

/** Removes what an interrupted write left behind, and brings back a checkpoint that was just being replaced. */
export function removeStaleFiles(run: string): void {
  changing(`${run}: leftovers of an interrupted training cannot be removed`, () => {
    const folder = join(run, FOLDER);
    for (const name of existsSync(folder) ? readdirSync(folder) : []) {
      const [, replaced] = /^\.old-(step-\d+)$/.exec(name) ?? [];
      if (replaced && !existsSync(join(folder, replaced))) {
        renameSync(join(folder, name), join(folder, replaced));
      } else if (replaced || name.startsWith('.writing-') || name.startsWith('.removing-')) {
        rmSync(join(folder, name), { recursive: true, force: true });
      }
    }
    for (const name of existsSync(run) ? readdirSync(run) : []) {
      if (TEMPORARY.test(name)) rmSync(join(run, name), { force: true });
    }
  });
}

/**
 * Takes a run back to a checkpoint: lets `last` name it, and `best` the best one until then, if that is still there;
 * then removes later ones. In this order, so that a crash in between leaves a run to go on with.
 */
export function rewind(
  run: string,
  checkpoint: string,
  state: Pick<CheckpointState, 'step' | 'best'>,
): void {
  pointTo(run, 'last', checkpoint);
  const best = `step-${state.best?.step}`;
  if (listCheckpoints(run).includes(best)) pointTo(run, 'best', best);
  else changing(`${run}/best: cannot be removed`, () => rmSync(join(run, 'best'), { force: true }));
  for (const name of listCheckpoints(run)) {
    if (Number(name.slice('step-'.length)) > state.step) removeCheckpoint(run, name);
  }
}

/** Gives damaged checkpoints another name, under which nothing takes them for whole ones. */
export function setAside(run: string, names: readonly string[]): void {
  for (const name of names) {
    const from = join(run, FOLDER, name);
    const to = join(run, FOLDER, `damaged-${name}`);
    if (!existsSync(from)) continue;
    changing(`${from}: cannot be renamed`, () => {
      rmSync(to, { recursive: true, force: true });
      renameSync(from, to);
    });
  }
}

/**
 * Removes all checkpoints of a run that is over, and says so in its folder. Killed at any moment, it goes on with the
 * rest when it is called again.
 *
 * @param why a sentence for the mark
 */
export function removeWeights(run: string, why: string): void {
  const folder = join(run, FOLDER);
  if (!existsSync(folder) && hasRemovedWeights(run)) return;
  markRemoved(run, why);
  changing(`${folder}: cannot be removed`, () => {
    for (const pointer of ['last', 'best']) rmSync(join(run, pointer), { force: true });
  });
  for (const name of listCheckpoints(run)) removeCheckpoint(run, name);
  changing(`${folder}: cannot be removed`, () => rmSync(folder, { recursive: true, force: true }));
}
