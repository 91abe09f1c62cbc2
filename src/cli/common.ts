import { type Command, InvalidArgumentError, Option } from 'commander';

/** What the definitions of several commands share. */

export const print = (text: string): void => void process.stdout.write(`${text}\n`);
export const printError = (text: string): void => void process.stderr.write(`${text}\n`);

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
