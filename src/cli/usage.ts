import type { CommanderError, CommandUnknownOpts } from '@commander-js/extra-typings';
import { nearest } from '../near.js';

/** `help <command>`, for the program and for each group of commands: an unknown one is an error, with the near name. */
export function addHelpCommands(command: CommandUnknownOpts): void {
  const inner = [...command.commands];
  if (inner.length === 0) return;
  inner.forEach(addHelpCommands);
  command.helpCommand(false);
  command
    .command('help')
    .description('how a command is used')
    .argument('[command...]')
    .action((words) => commandCalled(command, words).help());
}

/** @throws CommanderError, after it is printed, if there is no such command */
function commandCalled(command: CommandUnknownOpts, words: readonly string[]): CommandUnknownOpts {
  const [word, ...rest] = words;
  if (word === undefined) return command;
  const visible = command.createHelp().visibleCommands(command);
  const found = visible.find((one) => one.name() === word);
  if (found) return commandCalled(found, rest);
  const near = nearest(
    word,
    visible.map((one) => one.name()),
  );
  const meant = near === undefined ? '' : `\n(Did you mean ${near}?)`;
  return command.error(`error: unknown command '${word}'${meant}`, {
    code: 'commander.unknownCommand',
  });
}

/** For an unknown option that is a key of the config: how to set it. Null for all other errors. */
export async function usageHint(
  error: CommanderError,
  cli: CommandUnknownOpts,
  argv: readonly string[],
): Promise<string | null> {
  const [, option] = /unknown option '--([\w-]+)/.exec(error.message) ?? [];
  if (option === undefined) return null;
  if (!typed(cli, argv).options.some(({ long }) => long === '--set')) return null;
  const { scalarKeys } = await import('../config/keys.js');
  const name = option.replaceAll('-', '').toLowerCase();
  const keys = scalarKeys()
    .map(({ path }) => path)
    .filter((path) => path.split('.').at(-1)!.toLowerCase() === name);
  if (keys.length === 0) return null;
  return `in the config that is ${keys.join(' or ')}: --set ${keys[0]}=…`;
}

/** The command that the arguments begin with. */
function typed(cli: CommandUnknownOpts, argv: readonly string[]): CommandUnknownOpts {
  const inner = cli.commands.find((one) => one.name() === argv[0]);
  return inner ? typed(inner, argv.slice(1)) : cli;
}
