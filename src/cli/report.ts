import type { Command } from '@commander-js/extra-typings';
import { REPORT_DEFAULTS } from '../commands/defaults.js';
import { DATA_ROOT, NO_PATHS, wholeNumber } from './common.js';
import { print } from './output.js';

export function addReport(cli: Command): void {
  cli
    .command('report')
    .description('one self-contained HTML page about a run, or several side by side')
    .argument('<run...>', 'run folders, or folders of them')
    .option('--out <file>', 'HTML file to write', REPORT_DEFAULTS.out)
    .option(
      '--results <file>',
      "show these results of eval --results instead of the training's best evaluation (once for each run)",
      (value: string, all: string[]) => [...all, value],
      [] as string[],
    )
    .option(...DATA_ROOT)
    .option('--images <n>', 'images in each gallery', wholeNumber, REPORT_DEFAULTS.images)
    .option(...NO_PATHS)
    .action(async (runs, options) => {
      const { reportCommand } = await import('../commands/report.js');
      const { out, bytes } = await reportCommand(runs, options, { notice: print });
      print(`${out}: ${(bytes / 1e6).toFixed(1)} MB, open it in a browser`);
    });
}
