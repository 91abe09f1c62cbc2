import { accessSync, constants, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import envPaths from 'env-paths';
import type { EngineChoice } from '../engine/select.js';
import { ConfigError } from '../errors.js';

/** Options that several commands share, as commander parses them. */
export interface ConfigOptions {
  /** `--set a.b.c=value`, in order. */
  set: string[];
}

export interface EngineOptions {
  engine: EngineChoice;
}

/** The per-user folder for what is computed once: data statistics. `RELAYBP_CACHE_DIR` overrides it. */
export function cacheDir(): string {
  return process.env.RELAYBP_CACHE_DIR ?? join(envPaths('relaybp', { suffix: '' }).cache, 'data');
}

/**
 * Before long work: can its result be written?
 *
 * @param option the option that names the file, for the message
 * @throws ConfigError if the file's folder is missing or not writable, or the file is a folder
 */
export function checkOutput(option: string, file: string | undefined): void {
  if (file === undefined) return;
  const fail = (what: string, fix: string): never => {
    throw new ConfigError(`${option} ${file}: ${what}`, fix);
  };
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory()) fail('is a folder', 'name a file');
  try {
    accessSync(dirname(file), constants.W_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    fail(`its folder cannot be written to: ${code}`, 'make the folder, or name another');
  }
}
