import { basename, relative } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { shellWord } from '../shell-word.js';

/** What the definitions of several commands share. */

/** Of the commands that keep indexes of images. */
export const REBUILD_INDEX = [
  '--rebuild-index',
  'look at all image files again, whatever index of them is kept',
] as const;

/** Of the commands that look at the images that a run was trained or validated with. */
export const DATA_ROOT = [
  '--data-root <folder>',
  'where the data of the run are now (its data.root), if they have moved',
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

/** Short forms of `--set`, for the keys that are changed most. */
const SHORT = [
  ['--epochs <n>', 'training.epochs', positiveNumber],
  ['--batch-size <n>', 'training.batchSize', positiveInteger],
  ['--lr <rate>', 'optimizer.lr', positiveNumber],
  ['--data <folder>', 'data.root', String],
  ['--data-root <folder>', 'data.root', String], // as the commands about runs call it
] as const;

/** For a command with `withConfig`: as if they were typed as `--set`, the last one wins. */
export function withShortSet(command: Command): Command {
  for (const [flags, key, parse] of SHORT) {
    const option = new Option(flags, `short for --set ${key}=…`).argParser<unknown>(parse);
    command.addOption(option);
    command.on(`option:${option.name()}`, (text: string) => {
      const set = command.getOptionValue('set') as string[];
      command.setOptionValue('set', [...set, `${key}=${JSON.stringify(parse(text))}`]);
    });
  }
  return command;
}

function positiveNumber(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value > 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('a number above zero is needed');
}

/** A command to type, called as this program was: `relaybp`, or `node bin/relaybp.js` in a checkout. */
export function commandLine(...args: string[]): string {
  const script = process.argv[1] ?? 'relaybp';
  const self =
    basename(script) === 'relaybp' ? ['relaybp'] : ['node', relative(process.cwd(), script)];
  return [...self, ...args].map(shellWord).join(' ');
}
