import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { CheckpointError, DamagedCheckpointError } from '../errors.js';
import { type Checkpoint, type CheckpointTensors, openCheckpoint } from './checkpoint.js';
import { findCheckpoint, listCheckpoints, readPointer } from './run-checkpoints.js';

export interface Choice {
  checkpoint: Checkpoint;
  /** Names of damaged checkpoints that were passed over. */
  damaged: string[];
}

/**
 * The checkpoint that a user means, as `findCheckpoint`. Where that is a run's `last` and it is damaged, the newest
 * intact one of the run takes its place, with a notice. `best`, and a checkpoint named by its own path, are never
 * replaced.
 *
 * @param needs the tensor files that must be intact; all by default
 * @throws CheckpointError if there is none, or none is intact; also where the newest is of a newer format version,
 *   which is no damage
 */
export function chooseCheckpoint(
  path: string,
  prefer: 'last' | 'best',
  onNotice: (line: string) => void,
  needs?: readonly (keyof CheckpointTensors)[],
): Choice {
  const [run, pointer] = meant(path, prefer);
  const isOne = existsSync(join(path, 'state.json'));
  if (isOne || (pointer === 'best' && existsSync(join(run, 'best')))) {
    return { checkpoint: openCheckpoint(findCheckpoint(path, prefer)), damaged: [] };
  }
  const failures: DamagedCheckpointError[] = [];
  const damaged: string[] = [];
  for (const candidate of candidates(run, failures)) {
    let checkpoint: Checkpoint;
    try {
      checkpoint = openCheckpoint(candidate);
      checkpoint.verify(needs);
    } catch (error) {
      if (!(error instanceof DamagedCheckpointError)) throw error;
      failures.push(error);
      damaged.push(basename(candidate));
      continue;
    }
    for (const { message } of failures) onNotice(message);
    if (failures.length > 0) onNotice(`taking ${candidate}, the newest intact checkpoint`);
    return { checkpoint, damaged };
  }
  const [first] = failures;
  if (!first) return { checkpoint: openCheckpoint(findCheckpoint(path, prefer)), damaged }; // says what is missing
  throw new CheckpointError(
    [`${run}: no checkpoint is intact:`, ...failures.map(({ message }) => message)],
    'restore the run folder from a copy, or train anew',
  );
}

/** A run and a pointer in it; `runs/a/last` means the same as `runs/a` with `last`. */
function meant(path: string, prefer: 'last' | 'best'): [run: string, pointer: 'last' | 'best'] {
  const name = basename(path);
  if ((name === 'last' || name === 'best') && !existsSync(join(path, 'checkpoints'))) {
    return [dirname(path), name];
  }
  return [path, prefer];
}

/** The one that `last` names, then all of the run from the newest on. */
function candidates(run: string, failures: DamagedCheckpointError[]): string[] {
  const all = listCheckpoints(run)
    .reverse()
    .map((name) => join(run, 'checkpoints', name));
  try {
    const last = readPointer(run, 'last');
    return last === undefined ? all : [last, ...all.filter((path) => path !== last)];
  } catch (error) {
    if (!(error instanceof DamagedCheckpointError)) throw error;
    failures.push(error);
    return all;
  }
}
