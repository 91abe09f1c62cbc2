import type { Command } from '@commander-js/extra-typings';
import { print, printJson, stdout } from './output.js';

export function addRuns(cli: Command): void {
  cli
    .command('runs')
    .description('the runs in a folder: state, steps, best evaluation, age')
    .argument('[folder]', 'folder of runs, or a run (default: runs)')
    .option('--json', 'print one JSON array', false)
    .action(async (folder, options) => {
      const { runsCommand } = await import('../commands/runs.js');
      const { runsLines } = await import('./runs-view.js');
      const runs = runsCommand(folder);
      if (options.json) printJson(runs);
      else print(runsLines(runs, stdout.columns, new Date()));
    });
}
