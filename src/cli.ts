import { Command, CommanderError } from 'commander';
import { createColors } from 'picocolors';
import { addAuthoring } from './cli/authoring.js';
import { addBench } from './cli/bench.js';
import {
  commandLine,
  positiveInteger,
  REBUILD_INDEX,
  withConfig,
  withEngine,
  withShortSet,
} from './cli/common.js';
import { addData } from './cli/data-commands.js';
import { addEvaluation } from './cli/evaluation.js';
import { addExchange } from './cli/exchange.js';
import {
  OutputLost,
  outputIsExtra,
  print,
  printError,
  printInColor,
  printJson,
  printText,
  settle,
  stdout,
  watchOutput,
} from './cli/output.js';
import { addReport } from './cli/report.js';
import { ignoreHangup, stopSignals } from './cli/stop-signals.js';
import { addHelpCommands, usageHint } from './cli/usage.js';
import { expandHome } from './config/home.js';
import { CheckpointError, ConfigError, DataError, RelaybpError } from './errors.js';
import { isSystemError, messageWithPath, systemFix } from './system-error.js';
import { version } from './version.js';

/**
 * The command line: the only owner of argv, stdout, stderr and exit codes. Commands are imported when they are run,
 * so that `--help` is quick.
 *
 * Exit codes: 0; 1 runtime; 2 config or usage; 3 data; 4 checkpoint; 130 interrupted.
 */
export async function main(argv: readonly string[]): Promise<number> {
  watchOutput();
  ignoreHangup();
  let code = 0;
  const cli = program((result) => {
    code = result;
  });
  try {
    await cli.parseAsync(argv.map(withHome), { from: 'user' });
  } catch (error) {
    const hint = error instanceof CommanderError ? await usageHint(error, cli, argv) : null;
    if (hint) printError(`hint: ${hint}`);
    code = report(error);
  }
  return settle(code);
}

function program(exit: (code: number) => void): Command {
  const cli = new Command('relaybp')
    .description('Train deep image classifiers with Relay Backpropagation (arXiv 1512.05830)')
    .version(version)
    .exitOverride()
    .configureOutput({ writeOut: printText, writeErr: printUsage, outputError: printMistake })
    .showHelpAfterError('(relaybp --help shows the usage)');
  addTrain(cli, exit);
  addEvaluation(cli);
  addExchange(cli);
  addReport(cli);
  addPlan(cli);
  addGrad(cli);
  addBench(cli);
  addData(cli, exit);
  addEngine(cli);
  addAuthoring(cli);
  addHelpCommands(cli);
  return cli;
}

function addTrain(cli: Command, exit: (code: number) => void): void {
  withEngine(withShortSet(withConfig(cli.command('train'))))
    .description('train the network of a config')
    .argument('[config]', 'YAML config; with --resume the one in the checkpoint is the default')
    .option('--out <folder>', 'run folder (default: runs/<name>-<date>)')
    .option(
      '--resume [which]',
      'go on exactly where a run stopped: last, best, or the path of a run or checkpoint (default: last)',
    )
    .option(
      '--change <keys...>',
      'resume with other values of these keys of the config than before, for instance training.batchSize',
    )
    .option('--change-all', 'the same of all keys', false)
    .option('--change-precision', 'resume in another precision than before', false)
    .option('--max-steps <n>', 'stop after this step', positiveInteger)
    .option('--fast-dev-run', 'three steps, a small evaluation, one checkpoint', false)
    .option(...REBUILD_INDEX)
    .option('--print-config', 'print the resolved config and exit', false)
    .action(async (config: string | undefined, options) => {
      if (options.printConfig) return printConfig(config, options.set);
      const { trainCommand } = await import('./commands/train.js');
      outputIsExtra(); // the run's log has everything
      const signals = stopSignals();
      const resume = options.resume === true ? 'last' : options.resume;
      try {
        const command = commandLine(...process.argv.slice(2));
        const given = { ...options, resume, command };
        const result = await trainCommand(config, given, stdout, signals.stop);
        const { endLines, withoutTrial } = await import('./cli/training-end.js');
        const trial = options.fastDevRun ? withoutTrial(process.argv.slice(2)) : null;
        print(endLines(result, trial));
        if (result.interrupted && signals.stop()) exit(130);
      } finally {
        signals.close();
      }
    });
}

function addPlan(cli: Command): void {
  withShortSet(withConfig(cli.command('plan')))
    .description('show network, ranges and training step without building anything')
    .argument('<config>', 'YAML config')
    .option('--steps', 'also list what a training step does, in its order', false)
    .option('--json', 'print the whole plan as JSON', false)
    .option('--print-config', 'print the resolved config and exit', false)
    .action(async (config: string, options) => {
      if (options.printConfig) return printConfig(config, options.set);
      const { planCommand } = await import('./commands/plan.js');
      const plan = planCommand(config, options, printError);
      if (options.json) {
        const { planJson } = await import('./plan/json.js');
        return printJson(planJson(plan), 1);
      }
      const { planTable } = await import('./plan/table.js');
      const { steps } = options;
      const { columns } = stdout;
      printInColor(planTable(plan, createColors(useColor()), { steps, columns }).split('\n'));
    });
}

function addGrad(cli: Command): void {
  withEngine(withShortSet(withConfig(cli.command('grad'))))
    .description('write the gradients of one batch, to check them elsewhere')
    .argument('<config>', 'YAML config')
    .requiredOption('--out <file>', 'safetensors file to write')
    .option('--by-loss', "also each loss's own gradients", false)
    .option('--print-config', 'print the resolved config and exit', false)
    .action(async (config: string, options) => {
      if (options.printConfig) return printConfig(config, options.set);
      const { gradCommand } = await import('./commands/grad.js');
      const { tensors, losses } = await gradCommand(config, options, print);
      const { lossText } = await import('./terminal/words.js');
      const list = Object.entries(losses).map(([name, loss]) => `${name} ${lossText(loss, 5)}`);
      print(`${tensors} tensors written to ${options.out}; losses: ${list.join(', ')}`);
    });
}

function addEngine(cli: Command): void {
  const engine = cli
    .command('engine')
    .description('install the native engine, or see which engines work');
  const directory = [
    '--dir <folder>',
    'where engines are (default: a per-user cache folder)',
  ] as const;
  engine
    .command('install')
    .description('install TensorFlow and its binding for the native engine')
    .option('--cuda', 'with CUDA 12 for NVIDIA GPUs', false)
    .option('--force', 'install again', false)
    .option(...directory)
    .action(async (options) => {
      const { engineInstallCommand } = await import('./commands/engine.js');
      const { trialLines } = await import('./cli/engine-view.js');
      const { directory, trials } = await engineInstallCommand(options, print);
      print([...trialLines(trials), `the native engine is ready in ${directory}`]);
    });
  engine
    .command('status')
    .description('which engines work here, with versions, threads and instruction sets')
    .option(...directory)
    .option('--json', 'print one JSON object', false)
    .action(async (options) => {
      const { engineStatusCommand } = await import('./commands/engine.js');
      const { engineStatusLines } = await import('./cli/engine-view.js');
      const status = await engineStatusCommand(options);
      if (options.json) printJson(status);
      else print(engineStatusLines(status));
    });
}

async function printConfig(file: string | undefined, overrides: string[]): Promise<void> {
  if (!file) throw new ConfigError('--print-config needs a config file');
  const { loadConfig } = await import('./config/load.js');
  const print = await import('./config/print.js');
  const { planExperiment } = await import('./experiment/experiment-plan.js');
  const loaded = loadConfig(file, overrides);
  planExperiment(loaded);
  printText(print.printConfig(loaded.config));
}

/** Of the usage shown after a mistake: this program's own words. */
const printUsage = (text: string): void => printError(text.trimEnd().split('\n'));

/** A mistake on the command line, which it quotes; a suggestion follows on a line of its own. */
const printMistake = (text: string): void =>
  printError(text.trimEnd().split(/\n(?=\(Did you mean )/));

/** `--out=~/runs`: shells leave that `~` as it is. */
function withHome(word: string): string {
  const [, option, path] = /^(--[a-z][a-z-]*=)(~(?:\/.*)?)$/s.exec(word) ?? [];
  return option !== undefined && path !== undefined ? option + expandHome(path, option) : word;
}

function report(error: unknown): number {
  if (error instanceof OutputLost) return 0; // `settle` says what that means
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof RelaybpError) {
    const [first, ...rest] = error.lines;
    printError([`error: ${first}`, ...rest]);
    if (error.hint) printError(`hint: ${error.hint}`);
    if (error instanceof ConfigError) return 2;
    if (error instanceof DataError) return 3;
    return error instanceof CheckpointError ? 4 : 1;
  }
  if (isSystemError(error)) {
    printError(`error: ${messageWithPath(error)}`);
    const fix = systemFix(error);
    if (fix) printError(`hint: ${fix}`);
    return 1;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  printError(text.split('\n'));
  return 1;
}

const useColor = (): boolean =>
  process.stdout.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
