import type { Command } from '@commander-js/extra-typings';
import { engineOption, JSON_OBJECT, positiveInteger } from './common.js';
import { print, printError, printJson, stderr, stdout } from './output.js';

export function addStudy(cli: Command): void {
  cli
    .command('study')
    .description('compare variants of a config over seeds, each tuned: all runs, and one table')
    .argument('<study>', 'YAML study')
    .option('--dry-run', 'list the runs, and what they take, instead of running them', false)
    .option(
      '--images <n>',
      'with --dry-run: training images, where the data are not here',
      positiveInteger,
    )
    .addOption(engineOption())
    .option(...JSON_OBJECT)
    .action(async (file, options) => {
      const { showingProgress } = await import('../terminal/progress.js');
      const { studyListCommand } = await import('../commands/study.js');
      const { listLines } = await import('./study-view.js');
      const list = await showingProgress(stderr, (progress) =>
        studyListCommand(file, options, { notice: printError, progress }),
      );
      if (options.json) printJson(list, 1);
      else print(listLines(list, stdout.columns));
    });
}
