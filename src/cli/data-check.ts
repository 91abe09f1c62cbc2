import type { Command } from '@commander-js/extra-typings';
import { CHECK_DEFAULTS } from '../commands/defaults.js';
import {
  JSON_OBJECT,
  labelsOption,
  nonNegativeInteger,
  positiveInteger,
  REBUILD_INDEX,
} from './common.js';
import { print, printError, printJson, stderr } from './output.js';

export function addDataCheck(data: Command, exit: (code: number) => void): void {
  data
    .command('check')
    .description('read every image, and say which are damaged, copies or odd')
    .argument('<images>', 'folder with train/ and val/ or one folder per class; or a config')
    .option('--fix-list <file>', 'write a list of the images without a problem, to train on')
    .option(
      '--max-pixels <n>',
      'more pixels than this are too many (default: 100000000)',
      positiveInteger,
    )
    .option(
      '--min-side <n>',
      'shorter sides below this are small',
      positiveInteger,
      CHECK_DEFAULTS.minSide,
    )
    .option(
      '--examples <n>',
      'images named for each kind',
      nonNegativeInteger,
      CHECK_DEFAULTS.examples,
    )
    .addOption(labelsOption('what the labels of list files are: see data.labels'))
    .option(...REBUILD_INDEX)
    .option(...JSON_OBJECT)
    .action(async (images, options) => {
      const { dataCheckCommand } = await import('../commands/data-check.js');
      const { dataCheckLines } = await import('./data-check-view.js');
      const { showingProgress } = await import('../terminal/progress.js');
      const result = await showingProgress(stderr, (progress) =>
        dataCheckCommand(images, options, { notice: printError, progress }),
      );
      if (options.json) printJson(result);
      else print(dataCheckLines(result));
      if (result.problems > 0) exit(3);
    });
}
