import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { DATA_ROOT } from './common.js';
import { print, printJson, stdout } from './output.js';

/** Of pages. */
const NO_PATHS = [
  '--no-paths',
  'leave out where things lie: absolute paths, and the names of hosts and of this user',
] as const;

/** The commands that show runs: runs, report, watch. */
export function addReport(cli: Command): void {
  cli
    .command('runs')
    .description('the runs in a folder: state, steps, best evaluation, age')
    .argument('[folder]', 'folder of runs, or a run (default: runs)')
    .option('--json', 'print one JSON array', false)
    .action(async (folder: string | undefined, options: { json: boolean }) => {
      const { runsCommand } = await import('../commands/runs.js');
      const { runsLines } = await import('./runs-view.js');
      const runs = runsCommand(folder);
      if (options.json) printJson(runs);
      else print(runsLines(runs, stdout.columns, new Date()));
    });
  cli
    .command('report')
    .description('one self-contained HTML page about a run, or several side by side')
    .argument('<run...>', 'run folders, or folders of them')
    .option('--out <file>', 'HTML file to write', 'report.html')
    .option(
      '--results <file>',
      "show these results of eval --results instead of the training's best evaluation (once for each run)",
      (value: string, all: string[]) => [...all, value],
      [],
    )
    .option(...DATA_ROOT)
    .option('--images <n>', 'images in each gallery', wholeNumber, 24)
    .option(...NO_PATHS)
    .action(async (runs: string[], options) => {
      const { reportCommand } = await import('../commands/report.js');
      const { out, bytes } = await reportCommand(runs, options, print);
      print(`${out}: ${(bytes / 1e6).toFixed(1)} MB, open it in a browser`);
    });
  cli
    .command('watch')
    .description('the same page, served locally and kept up to date while training goes on')
    .argument('<run...>', 'run folders, or folders of them')
    .option(...DATA_ROOT)
    .option(...NO_PATHS)
    .option('--port <n>', 'port; 0 for any that is free', wholeNumber, 7337)
    .option(
      '--host <address>',
      'address to listen on; only this machine unless you say so',
      '127.0.0.1',
    )
    .action(async (runs: string[], options) => {
      const { watchCommand } = await import('../commands/watch.js');
      await watchCommand(runs, options, print);
    });
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value < 65_536) return value;
  throw new InvalidArgumentError('a whole number from 0 to 65535 is needed');
}
