import { basename, relative } from 'node:path';
import { type CommandUnknownOpts, InvalidArgumentError, Option } from '@commander-js/extra-typings';
import {
  CHECKPOINT_CHOICES,
  type CheckpointChoice,
  DEFAULT_ENGINE,
  MODEL_DEFAULTS,
} from '../commands/defaults.js';
import { LABEL_MEANINGS } from '../config/label-meaning.js';
import { PRECISION_CHOICES } from '../engine/engine.js';
import { ENGINE_CHOICES } from '../engine/select.js';
import { shellWord } from '../shell-word.js';

/** What the definitions of several commands share. Options are made anew for each command. */

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

/** Of the commands that score a labelled test set. */
export const TEST_DATA = [
  '--data <path>',
  "folder of class folders, or list file (default: the config's validation data)",
] as const;

/** Of the commands that print a result. */
export const JSON_OBJECT = ['--json', 'print one JSON object', false] as const;

/** Of the commands that write CSV. */
export const RAW_NAMES = [
  '--raw-names',
  'in CSV, names exactly as they are, for programs: without it they are made safe for spreadsheets',
  false,
] as const;

/** Of pages. */
export const NO_PATHS = [
  '--no-paths',
  'leave out where things lie: absolute paths, and the names of hosts and of this user',
] as const;

export const engineOption = () =>
  new Option('--engine <name>', 'auto: native if installed, else wasm')
    .choices(ENGINE_CHOICES)
    .default(DEFAULT_ENGINE);

export const precisionOption = () =>
  new Option('--precision <name>', 'whatever the run was trained in, weights are float32')
    .choices(PRECISION_CHOICES)
    .default(MODEL_DEFAULTS.precision);

export const checkpointOption = (which: CheckpointChoice = MODEL_DEFAULTS.checkpoint) =>
  new Option('--checkpoint <which>', 'which checkpoint of a run')
    .choices(CHECKPOINT_CHOICES)
    .default(which);

/** @param unless what it is unless it is given */
export const phaseOption = (unless = 'default: the first') =>
  new Option(
    '--phase <n>',
    `where losses change over the training, the phase, counted from 1 (${unless})`,
  ).argParser(positiveInteger);

/** @param about where they are said otherwise */
export const labelsOption = (about: string) =>
  new Option('--labels <what>', about).choices(LABEL_MEANINGS);

export const setOption = (
  about = 'override a key of the config, for instance training.batchSize=32 (repeatable)',
) =>
  new Option('--set <key=value>', about)
    .argParser((value: string, all: string[]) => [...all, value])
    .default([] as string[]);

export function positiveInteger(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('a positive integer is needed');
  return Number(text);
}

export function nonNegativeInteger(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('an integer, zero or more, is needed');
  return Number(text);
}

/** Up to the largest port. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value < 65_536) return value;
  throw new InvalidArgumentError('a whole number from 0 to 65535 is needed');
}

/** Short forms of `--set`, for the keys that are changed most. */
const SHORT = [
  ['--epochs <n>', 'training.epochs', positiveNumber],
  ['--batch-size <n>', 'training.batchSize', positiveInteger],
  ['--lr <rate>', 'optimizer.lr', positiveNumber],
  ['--data <folder>', 'data.root', String],
  ['--data-root <folder>', 'data.root', String], // as the commands about runs call it
] as const;

/** For a command with `setOption`: as if they were typed as `--set`, the last one wins. */
export function withShortSet<Command extends CommandUnknownOpts>(command: Command): Command {
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
