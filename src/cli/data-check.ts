import { type Command, Option } from 'commander';
import { LABEL_MEANINGS } from '../config/label-meaning.js';
import { nonNegativeInteger, positiveInteger, REBUILD_INDEX } from './common.js';
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
    .option('--min-side <n>', 'shorter sides below this are small', positiveInteger, 32)
    .option('--examples <n>', 'images named for each kind', nonNegativeInteger, 5)
    .addOption(
      new Option('--labels <what>', 'what the labels of list files are: see data.labels').choices(
        LABEL_MEANINGS,
      ),
    )
    .option(...REBUILD_INDEX)
    .option('--json', 'print one JSON object', false)
    .action(async (images: string, options) => {
      const { dataCheckCommand } = await import('../commands/data-check.js');
      const { dataCheckLines } = await import('./data-check-view.js');
      const { indexingView, ProgressView } = await import('../terminal/progress.js');
      const [indexing, reading] = [indexingView(stderr), new ProgressView(stderr)];
      const began = performance.now();
      try {
        const result = await indexing.during(() =>
          dataCheckCommand(images, options, {
            onNotice: printError,
            onIndexing: indexing.update,
            onImages(done, total) {
              const rate = done / ((performance.now() - began) / 1000);
              reading.update(done, total, `checking ${images}`, `${rate.toFixed(0)} images/s`);
            },
          }),
        );
        if (options.json) printJson(result);
        else print(dataCheckLines(result));
        if (result.problems > 0) exit(3);
      } finally {
        reading.stop();
      }
    });
}
