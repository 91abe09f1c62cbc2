import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CheckpointError } from '../errors.js';
import { replaceFile } from '../files.js';
import { changing } from './changing.js';

/** In the folder of a run that is over, and whose checkpoints were removed on purpose: says why. */
export const REMOVED = 'weights-removed.txt';

export const hasRemovedWeights = (run: string): boolean => existsSync(join(run, REMOVED));

/** @param why a sentence @throws CheckpointError if it cannot be written */
export function markRemoved(run: string, why: string): void {
  const file = join(run, REMOVED);
  changing(`${file}: cannot be written`, () => replaceFile(file, `${why}\n`));
}

/** For whoever asks for weights of such a run. */
export const removedWeights = (run: string): CheckpointError =>
  new CheckpointError(
    `${run}: the weights of this run were removed when it was done (${REMOVED} says why)`,
    'train it again, with keep in the study so that they stay (docs/studies.md)',
  );
