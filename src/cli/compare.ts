import type { Command } from '@commander-js/extra-typings';
import { DATA_ROOT, JSON_OBJECT, labelsOption, REBUILD_INDEX, TEST_DATA } from './common.js';
import { print, printError, printJson, stderr } from './output.js';
import { withProtocol } from './protocol-options.js';

export function addCompare(cli: Command): void {
  withProtocol(cli.command('compare'))
    .description('how much better B is than A on the same images, with its 95 % interval')
    .argument('<a>', 'run folder, checkpoint or score file')
    .argument('<b>', 'the same')
    .option(...TEST_DATA)
    .addOption(
      labelsOption("what the labels of a list file are (default: the config's data.labels)"),
    )
    .option(...DATA_ROOT)
    .option(...REBUILD_INDEX)
    .option(...JSON_OBJECT)
    .action(async (a, b, options) => {
      const { compareCommand } = await import('../commands/compare.js');
      const { compareLines } = await import('./evaluation-view.js');
      const { showingProgress } = await import('../terminal/progress.js');
      const notice = options.json ? printError : print;
      const result = await showingProgress(stderr, (progress) =>
        compareCommand(a, b, options, { notice, progress }),
      );
      if (options.json) printJson(result);
      else print(compareLines(result));
    });
}
