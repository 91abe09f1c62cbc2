import { Command, CommanderError } from '@commander-js/extra-typings';
import { addBench } from './cli/bench.js';
import { addCompare } from './cli/compare.js';
import { addCompletion } from './cli/completion.js';
import { addData } from './cli/data-commands.js';
import { addEngine } from './cli/engine.js';
import { addEval } from './cli/eval.js';
import { addExport } from './cli/export.js';
import { addGrad } from './cli/grad.js';
import { addImport } from './cli/import.js';
import { addInit } from './cli/init.js';
import { addLaunch } from './cli/launch.js';
import { OutputLost, printError, printText, settle, watchOutput } from './cli/output.js';
import { addPlan } from './cli/plan.js';
import { addPredict } from './cli/predict.js';
import { addProbe } from './cli/probe.js';
import { addReport } from './cli/report.js';
import { addRuns } from './cli/runs.js';
import { addSchema } from './cli/schema.js';
import { ignoreHangup } from './cli/stop-signals.js';
import { addStudy } from './cli/study.js';
import { addTrain } from './cli/train.js';
import { addHelpCommands, usageHint } from './cli/usage.js';
import { addWatch } from './cli/watch.js';
import { expandHome } from './config/home.js';
import { isAgreed } from './distributed/agree.js';
import { launchedBy } from './distributed/launcher.js';
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
  addLaunch(cli, exit);
  addEval(cli);
  addCompare(cli);
  addPredict(cli);
  addExport(cli);
  addImport(cli);
  addStudy(cli, exit);
  addRuns(cli);
  addReport(cli);
  addWatch(cli);
  addPlan(cli);
  addGrad(cli);
  addProbe(cli);
  addBench(cli, exit);
  addData(cli, exit);
  addEngine(cli);
  addInit(cli);
  addSchema(cli);
  addCompletion(cli);
  addHelpCommands(cli);
  return cli;
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

function codeOf(error: RelaybpError): number {
  if (error instanceof ConfigError) return 2;
  if (error instanceof DataError) return 3;
  return error instanceof CheckpointError ? 4 : 1;
}

function report(error: unknown): number {
  if (error instanceof OutputLost) return 0; // `settle` says what that means
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof RelaybpError) {
    // Rank 0 says what all ranks know.
    if (isAgreed(error) && (launchedBy()?.rank ?? 0) > 0) return codeOf(error);
    const [first, ...rest] = error.lines;
    printError([`error: ${first}`, ...rest]);
    if (error.hint) printError(`hint: ${error.hint}`);
    return codeOf(error);
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
