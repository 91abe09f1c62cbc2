/** The checkpoints of a run: their names, and what `last` and `best` say. What is inside one: checkpoint.ts. */
import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { CheckpointError, DamagedCheckpointError } from '../errors.js';
import { replaceFile } from '../files.js';
import { changing, readFile } from './changing.js';
import { FOLDER } from './checkpoint.js';
import { hasRemovedWeights, removedWeights } from './removed-weights.js';

/** Bytes of a file that holds a name. */
const LARGEST_POINTER = 4096;

/** Lets `last` or `best` in the run folder name a checkpoint. */
export function pointTo(run: string, pointer: 'last' | 'best', checkpoint: string): void {
  const path = join(run, pointer);
  changing(`${path}: cannot be written`, () =>
    replaceFile(path, `${FOLDER}/${basename(checkpoint)}\n`),
  );
}

/** Removes all but the newest `keep` checkpoints, those that `last` and `best` name, and others that are `needed`. */
export function pruneCheckpoints(run: string, keep: number, needed: readonly string[] = []): void {
  const pointed = (['last', 'best'] as const).flatMap((pointer) => {
    const target = existsSync(join(run, pointer)) ? pointerTarget(run, pointer) : null;
    return target ? [basename(target)] : [];
  });
  const kept = new Set([...pointed, ...needed]);
  const names = listCheckpoints(run);
  for (const name of names.slice(0, Math.max(0, names.length - keep))) {
    if (!kept.has(name)) removeCheckpoint(run, name);
  }
}

/**
 * Removes a checkpoint of a run. It loses its name first, so that nobody finds a half of it.
 *
 * @param name `step-N`
 */
export function removeCheckpoint(run: string, name: string): void {
  const path = join(run, FOLDER, name);
  const going = join(run, FOLDER, `.removing-${name}`);
  changing(`${path}: cannot be removed`, () => {
    rmSync(going, { recursive: true, force: true });
    renameSync(path, going);
    rmSync(going, { recursive: true, force: true });
  });
}

/** The run that a checkpoint belongs to: it is `<run>/checkpoints/step-N`. */
export function runOf(checkpoint: string): string {
  const path = resolve(checkpoint);
  const run = dirname(dirname(path));
  if (basename(dirname(path)) !== FOLDER || !existsSync(join(run, 'config.yaml'))) {
    throw new CheckpointError(
      `${checkpoint}: not inside a run folder (<run>/${FOLDER}/step-N beside config.yaml), so there is nothing to go on with`,
      'copy the whole run folder, or put the checkpoint back where it was',
    );
  }
  return relative(process.cwd(), run) || '.';
}

/** Names of the checkpoints of a run, oldest step first. */
export function listCheckpoints(run: string): string[] {
  const folder = join(run, FOLDER);
  if (!existsSync(folder)) return [];
  const steps = readdirSync(folder).flatMap((name) => {
    const match = /^step-(\d+)$/.exec(name);
    return match ? [Number(match[1])] : [];
  });
  return steps.sort((a, b) => a - b).map((step) => `step-${step}`);
}

/**
 * What `last` or `best` names; undefined if there is no such file.
 *
 * @throws DamagedCheckpointError if it names no checkpoint of the run
 */
export function readPointer(run: string, pointer: 'last' | 'best'): string | undefined {
  const path = join(run, pointer);
  if (!existsSync(path)) return undefined;
  const target = pointerTarget(run, pointer);
  if (target !== null) return target;
  throw new DamagedCheckpointError(
    `${path}: does not name a checkpoint (${FOLDER}/step-N)`,
    `write the name of a checkpoint into it, or name one yourself: ${join(run, FOLDER, 'step-N')}`,
  );
}

function pointerTarget(run: string, pointer: 'last' | 'best'): string | null {
  const text = readFile(join(run, pointer), LARGEST_POINTER).toString('utf8').trim();
  const [, name] = /^checkpoints\/(step-\d+)$/.exec(text) ?? [];
  return name === undefined ? null : join(run, FOLDER, name);
}

/**
 * Finds the checkpoint that a user means: a run folder (its `best` or `last`), a pointer in it, or a checkpoint.
 *
 * @throws CheckpointError if there is none.
 */
export function findCheckpoint(path: string, prefer: 'last' | 'best' = 'last'): string {
  if (existsSync(join(path, 'state.json'))) return path;
  const name = basename(path);
  const direct = name === 'last' || name === 'best' ? readPointer(dirname(path), name) : undefined;
  const target = direct ?? readPointer(path, prefer) ?? readPointer(path, 'last');
  if (target === undefined && hasRemovedWeights(path)) throw removedWeights(path);
  if (target === undefined || !existsSync(join(target, 'state.json'))) {
    throw new CheckpointError(
      target === undefined
        ? `${path}: neither a checkpoint (no state.json) nor a run folder with one (no "last")`
        : `${path}: names ${target}, which is not a whole checkpoint (no state.json)`,
      'give a run folder such as runs/<name>-<date>, or a folder checkpoints/step-N in it',
    );
  }
  return target;
}
