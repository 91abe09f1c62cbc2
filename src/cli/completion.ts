import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  Argument,
  type Command,
  type CommandUnknownOpts,
  type Option,
} from '@commander-js/extra-typings';
import { isVisible } from '../visible.js';
import { SHELLS, shellScript } from './completion-scripts.js';
import { printText } from './output.js';

/** What may stand at a place on the command line; `files` is left to the shell, which knows how to quote names. */
export interface Suggestions {
  /** Files that fit as well. */
  files: 'none' | 'any' | 'folders' | 'yaml';
  words: readonly { value: string; about: string }[];
}

/** `relaybp completion <shell>`, and the hidden command that the scripts call at each press of the tab key. */
export function addCompletion(cli: Command): void {
  cli
    .command('completion')
    .description('print a script that makes a shell complete commands, options, configs and runs')
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    .addHelpText('after', '\nFor bash, in ~/.bashrc: source <(relaybp completion bash)')
    .action((shell) => printText(shellScript(shell)));
  cli
    .command('__complete', { hidden: true })
    .argument('[words...]')
    .action(async (words) => {
      const { files, words: found } = await suggest(cli, words);
      const lines = found.map(({ value, about }) => `${value}\t${about}`);
      printText([files, ...lines, ''].join('\n'));
    });
}

/**
 * @param typed the words after `relaybp`, the last one being typed; where the shell splits at "=" (bash), that is a
 *   word of its own
 */
export async function suggest(
  cli: CommandUnknownOpts,
  typed: readonly string[],
): Promise<Suggestions> {
  const words = joinEquals(typed);
  const current = words.pop() ?? '';
  const place = findPlace(cli, words);
  const startingWith = (found: Suggestions, prefix = ''): Suggestions => ({
    files: found.files,
    words: found.words
      .map(({ value, about }) => ({ value: prefix + value, about }))
      .filter(({ value }) => value.startsWith(current)),
  });
  if (place.option) return startingWith(await optionValues(place.option, current));
  if (current.startsWith('--') && current.includes('=')) {
    const [flag] = current.split('=') as [string];
    const option = place.command.options.find(({ long }) => long === flag);
    if (!option) return { files: 'none', words: [] };
    const value = current.slice(flag.length + 1);
    return startingWith(await optionValues(option, value), `${flag}=`);
  }
  if (current.startsWith('-')) return startingWith(optionsOf(place.command));
  return startingWith(argumentValues(place));
}

/** `--engine`, `=`, `na` → `--engine=na` */
function joinEquals(typed: readonly string[]): string[] {
  const words: string[] = [];
  typed.forEach((word, i) => {
    const joins = word === '=' || typed[i - 1] === '=';
    if (joins && words.length > 0) words.push(words.pop() + word);
    else words.push(word);
  });
  return words;
}

interface Place {
  command: CommandUnknownOpts;
  /** The option whose value is being typed. */
  option: Option | null;
  /** How many arguments come before. */
  position: number;
}

/** Follows the words that are complete. */
function findPlace(cli: CommandUnknownOpts, words: readonly string[]): Place {
  let command = cli;
  let option: Option | null = null;
  let position = 0;
  for (const word of words) {
    if (word.startsWith('-')) {
      const found = command.options.find(({ long, short }) => long === word || short === word);
      option = found && (found.required || found.optional) ? found : null;
      continue;
    }
    if (option) {
      if (!option.variadic) option = null;
      continue;
    }
    const inner = position === 0 && command.commands.find((one) => one.name() === word);
    if (inner) command = inner;
    else position += 1;
  }
  return { command, option, position };
}

function optionsOf(command: CommandUnknownOpts): Suggestions {
  const words = command
    .createHelp()
    .visibleOptions(command)
    .map(({ long, description }) => ({ value: long ?? '', about: description }));
  return { files: 'none', words };
}

function argumentValues({ command, position }: Place): Suggestions {
  const inner = command.createHelp().visibleCommands(command);
  if (position === 0 && inner.length > 0) {
    const words = inner.map((one) => ({ value: one.name(), about: one.description() }));
    return { files: 'none', words };
  }
  const all = command.registeredArguments;
  const argument = all[position] ?? (all.at(-1)?.variadic ? all.at(-1) : undefined);
  if (!argument) return { files: 'none', words: [] };
  return byName(argument.name(), argument.argChoices);
}

async function optionValues(option: Option, typed: string): Promise<Suggestions> {
  if (option.long === '--set') return { files: 'none', words: await configKeys(typed) };
  if (option.long === '--resume') {
    const runs = byName('run', undefined);
    const words = [
      { value: 'last', about: 'the newest checkpoint' },
      { value: 'best', about: 'the best checkpoint' },
    ];
    return { files: runs.files, words: [...words, ...runs.words] };
  }
  const name = /[<[]([\w-]+)(\.\.\.)?[>\]]/.exec(option.flags)?.[1] ?? '';
  return byName(name, option.argChoices);
}

/** Arguments and options go by what their value is called. */
function byName(name: string, choices: readonly string[] | undefined): Suggestions {
  if (choices) return { files: 'none', words: choices.map((value) => ({ value, about: '' })) };
  if (name === 'config' || name === 'study') return { files: 'yaml', words: [] };
  if (/^(runs?|a|b|members)$/.test(name)) return { files: 'any', words: runFolders() };
  if (name === 'folder') return { files: 'folders', words: [] };
  return { files: /^(file|images)$/.test(name) ? 'any' : 'none', words: [] };
}

const RUNS = 'runs';

/** Runs with a checkpoint under runs/, without those whose name would not stay one word on one line. */
function runFolders(): Suggestions['words'] {
  if (!existsSync(RUNS)) return [];
  return readdirSync(RUNS)
    .filter((entry) => isVisible(entry) && existsSync(join(RUNS, entry, 'last')))
    .map((entry) => ({ value: join(RUNS, entry), about: 'run' }));
}

/** `training.batchSize=` and so on; after the "=" what the key may be, where that is a list. */
async function configKeys(typed: string): Promise<Suggestions['words']> {
  const { scalarKeys } = await import('../config/keys.js');
  const equals = typed.indexOf('=');
  const keys = scalarKeys();
  if (equals < 0) return keys.map(({ path, about }) => ({ value: `${path}=`, about }));
  const key = keys.find(({ path }) => path === typed.slice(0, equals));
  return (key?.values ?? []).map((value) => ({ value: `${key?.path}=${value}`, about: '' }));
}
