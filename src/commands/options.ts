import { accessSync, constants, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { EngineChoice } from '../engine/select.js';
import { ConfigError } from '../errors.js';
import { messageOf } from '../system-error.js';

/** Options that several commands share. Each may be left out, and has the default of the command line then. */
export interface ConfigOptions {
  /** `--set a.b.c=value`, in order. */
  set?: readonly string[];
}

export interface EngineOptions {
  engine?: EngineChoice;
}

/** The options, with defaults in place of those that are left out or undefined. */
export function withDefaults<Options extends object, Defaults extends Partial<Options>>(
  options: Options,
  defaults: Defaults,
): Options & Required<Pick<Options, keyof Defaults & keyof Options>> {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.assign({ ...defaults }, Object.fromEntries(given)) as never;
}

/**
 * Before long work: can its result be written?
 *
 * @param option the option that names the file, for the message
 * @throws ConfigError if the file's folder is missing or not writable, or the file is a folder
 */
export function checkOutput(option: string, file: string | undefined): void {
  if (file === undefined) return;
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory()) {
    throw new ConfigError(`${option} ${file}: is a folder`, 'name a file');
  }
  checkParent(option, file);
}

/** @throws ConfigError if the folder that a file or folder is to lie in is missing or not writable */
export function checkParent(option: string, path: string): void {
  try {
    accessSync(dirname(path), constants.W_OK);
  } catch (error) {
    throw new ConfigError(
      `${option} ${path}: its folder cannot be written to: ${messageOf(error)}`,
      'make the folder, or name another',
    );
  }
}

/** @throws ConfigError if `--data-root` names no folder */
export function checkDataRoot(folder: string | undefined): void {
  if (folder === undefined || statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return;
  throw new ConfigError(
    `--data-root ${folder}: no such folder`,
    'name the folder that the data of the run are in now',
  );
}
