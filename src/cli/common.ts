import { basename, relative } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { Foot } from '../terminal/terminal.js';

/** What the definitions of several commands share. */

const foot = new Foot();

/** Standard output and standard error: lines, and at the foot of a terminal how far long work has come. */
export const stdout = foot.terminal(process.stdout);
export const stderr = foot.terminal(process.stderr);
export const print = stdout.line;
export const printError = stderr.line;

/** Of the commands that keep indexes of images. */
export const REBUILD_INDEX = [
  '--rebuild-index',
  'look at all image files again, whatever index of them is kept',
] as const;

export function withEngine(command: Command): Command {
  return command.addOption(
    new Option('--engine <name>', 'auto: native if installed, else wasm')
      .choices(['auto', 'native', 'wasm'])
      .default('auto'),
  );
}

export function positiveInteger(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('a positive integer is needed');
  return Number(text);
}

export function nonNegativeInteger(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('an integer, zero or more, is needed');
  return Number(text);
}

export function withConfig(command: Command): Command {
  return command.option(
    '--set <key=value>',
    'override a key of the config, for instance training.batchSize=32 (repeatable)',
    (value: string, all: string[]) => [...all, value],
    [],
  );
}

/** A command to type, called as this program was: `relaybp`, or `node bin/relaybp.js` in a checkout. */
export function commandLine(...args: string[]): string {
  const script = process.argv[1] ?? 'relaybp';
  const self =
    basename(script) === 'relaybp' ? ['relaybp'] : ['node', relative(process.cwd(), script)];
  return [...self, ...args].map(quoted).join(' ');
}

/** As a shell takes it for one word. */
const quoted = (word: string): string =>
  /^[\w@%+=:,./~-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
