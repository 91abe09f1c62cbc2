import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type LoadedConfig, loadConfig } from '../config/load.js';
import { CheckpointError, ConfigError } from '../errors.js';
import { type Choice, chooseCheckpoint } from '../run/choose.js';
import { findCheckpoint, listCheckpoints, runOf } from '../run/run-checkpoints.js';
import { newestRun } from '../run/run-folder.js';
import { lockRun, type RunLock } from '../run/run-lock.js';
import { removeStaleFiles } from '../run/tidy.js';
import type { ConfigOptions } from './options.js';

/** A run to go on with, locked. Whoever has it releases the lock. */
export interface Resumed {
  run: string;
  lock: RunLock;
  /** Null: it was stopped before its first checkpoint, so it begins anew. */
  from: Choice | null;
}

export interface ResumeOptions extends ConfigOptions {
  out?: string;
  /** `last`, `best`, or the path of a run or a checkpoint. */
  resume?: string;
}

/**
 * Finds, locks and tidies the run that `--resume` means.
 *
 * @returns null without `--resume`, and where `--out` names a folder that holds no run yet and there is a config to
 *   begin one: so one command line serves for every start of a training
 */
export function resumeRun(
  file: string | LoadedConfig | undefined,
  { resume: which, out, set }: ResumeOptions,
  onNotice: (line: string) => void,
): Resumed | null {
  if (which === undefined) return null;
  const byName = which === 'last' || which === 'best';
  if (!byName && out !== undefined) {
    throw new ConfigError(
      `--resume ${which} goes on in its own run folder; --out ${out} cannot be given as well`,
      `--resume ${which}, or --resume last --out ${out}`,
    );
  }
  const loaded = typeof file === 'string' ? loadConfig(file, set) : file;
  const name = loaded?.config.name;
  if (byName && file && out !== undefined && !isRun(out)) {
    onNotice(`${out}: no run there yet: beginning one`);
    return null;
  }
  const target = byName ? (out ?? newestRun(name, { begun: true })) : which;
  if (target === undefined) {
    throw new CheckpointError(
      `--resume ${which}: no run${name ? ` of "${name}"` : ''} with a checkpoint under runs/`,
      'give the run folder: --resume <run>, or --out <run>',
    );
  }
  const run = existsSync(join(target, 'config.yaml')) ? target : runOf(findCheckpoint(target));
  const lock = lockRun(run);
  try {
    removeStaleFiles(run);
    return { run, lock, from: resumePoint(run, target, byName ? which : 'last', onNotice) };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Whether a training was begun there. */
const isRun = (path: string): boolean =>
  ['config.yaml', 'last'].some((file) => existsSync(join(path, file))) ||
  listCheckpoints(path).length > 0;

function resumePoint(
  run: string,
  target: string,
  prefer: 'last' | 'best',
  onNotice: (line: string) => void,
): Choice | null {
  if (!existsSync(join(run, 'last')) && listCheckpoints(run).length === 0) {
    onNotice(`${run}: holds no checkpoint yet: beginning anew`);
    return null;
  }
  return chooseCheckpoint(target, prefer, onNotice);
}
