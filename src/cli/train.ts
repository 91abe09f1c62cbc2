import type { Command } from '@commander-js/extra-typings';
import { launchedBy } from '../distributed/launcher.js';
import {
  commandLine,
  engineOption,
  positiveInteger,
  REBUILD_INDEX,
  setOption,
  withShortSet,
} from './common.js';
import { outputIsExtra, print, stdout } from './output.js';
import { PRINT_CONFIG, printConfig } from './print-config.js';
import { stopSignals } from './stop-signals.js';

export function addTrain(cli: Command, exit: (code: number) => void): void {
  withShortSet(cli.command('train').addOption(setOption()))
    .addOption(engineOption())
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
    .option(
      '--rank-timeout <seconds>',
      'with several ranks: how long one waits for the others (default: 600)',
      positiveInteger,
    )
    .option('--fast-dev-run', 'three steps, a small evaluation, one checkpoint', false)
    .option(...REBUILD_INDEX)
    .option(...PRINT_CONFIG)
    .action(async (config, options) => {
      if (options.printConfig) return printConfig(config, options.set);
      const { trainCommand } = await import('../commands/train.js');
      const { showingProgress } = await import('../terminal/progress.js');
      const { trainView } = await import('../terminal/train-view.js');
      const { endLines, withoutTrial } = await import('./training-end.js');
      outputIsExtra(); // the run's log has everything
      const typed = process.argv.slice(2);
      const resume = options.resume === true ? 'last' : options.resume;
      const given = { ...options, resume, command: commandLine(...typed) };
      const events = trainView(stdout, { trial: options.fastDevRun });
      const speaks = (launchedBy()?.rank ?? 0) === 0;
      const { signal, close } = stopSignals(speaks);
      try {
        const result = await showingProgress(stdout, (progress) =>
          trainCommand(config, given, { events, progress, signal }),
        );
        events.end();
        if (speaks) print(endLines(result, options.fastDevRun ? withoutTrial(typed) : null));
        if (result.interrupted && signal.aborted) exit(130);
      } finally {
        events.end();
        close();
      }
    });
}
