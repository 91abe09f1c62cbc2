/** Links inside a run folder: one that somebody else made may lead anywhere by them. */
import { lstatSync, readlinkSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { CheckpointError } from '../errors.js';
import { changing } from './changing.js';

/** Whatever a training writes into, as opposed to what it replaces. */
const FOLDERS = ['checkpoints', 'tensorboard', 'tensorboard/train', 'tensorboard/val'];
const FILES = ['metrics.jsonl', 'metrics.csv', 'gradients.jsonl', 'signals.jsonl', 'log.jsonl'];

/**
 * Before a run folder is written to. The folder itself, and those above it, may be links.
 *
 * @throws CheckpointError if something in it is a link that writing or removing would follow, or no file or folder
 */
export function refuseLinks(run: string): void {
  for (const name of FOLDERS) expectKind(run, name, 'folder');
  for (const name of FILES) expectKind(run, name, 'file');
}

function expectKind(run: string, name: string, kind: 'file' | 'folder'): void {
  const path = join(run, name);
  const found = changing(`${path}: cannot be looked at`, () =>
    lstatSync(path, { throwIfNoEntry: false }),
  );
  if (!found || is(found, kind)) return;
  if (!found.isSymbolicLink()) {
    throw new CheckpointError(
      `${path}: is no ${kind === 'file' ? 'regular file' : 'folder'}`,
      'move it away, or give another --out folder',
    );
  }
  const target = changing(`${path}: cannot be looked at`, () => readlinkSync(path));
  throw new CheckpointError(
    `${path}: is a link to ${target}, and links inside a run folder are not followed for writing or removing`,
    'put what it leads to in its place; the run folder as a whole, or the folder of runs, may be a link',
  );
}

const is = (stats: Stats, kind: 'file' | 'folder'): boolean =>
  kind === 'file' ? stats.isFile() : stats.isDirectory();
