import type { Command } from '@commander-js/extra-typings';
import { STUDY_DEFAULTS } from '../commands/defaults.js';
import { commandLine, engineOption, JSON_OBJECT, positiveInteger } from './common.js';
import { outputIsExtra, print, printError, printJson, stderr, stdout } from './output.js';
import { stopSignals } from './stop-signals.js';

export function addStudy(cli: Command, exit: (code: number) => void): void {
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
    .option('--table', 'run nothing: the table of what there is', STUDY_DEFAULTS.table)
    .option('--out <folder>', "the study's folder (default: studies/<name>)")
    .option('--jobs <n>', 'runs at once; threads are divided', positiveInteger, STUDY_DEFAULTS.jobs)
    .option(
      '--part <k/n>',
      'do only this share of the runs, for instance 2/4 on the second of four machines',
    )
    .option(
      '--wait',
      'with --part: wait for trials of the other parts, in a folder that they share',
      STUDY_DEFAULTS.wait,
    )
    .option('--retry', 'once more what has failed before', STUDY_DEFAULTS.retry)
    .option(
      '--redo',
      'anew what was trained with another config than the study gives now',
      STUDY_DEFAULTS.redo,
    )
    .addOption(engineOption())
    .option(...JSON_OBJECT)
    .action(async (file, options) => {
      if (options.dryRun) return list(file, options);
      const { studyCommand } = await import('../commands/study.js');
      const { studyView, endLines } = await import('./study-view.js');
      const { tableText } = await import('../study/table-text.js');
      const { showingProgress } = await import('../terminal/progress.js');
      outputIsExtra(); // the study's folder has everything
      const terminal = options.json ? stderr : stdout;
      const view = studyView(terminal);
      const { signal, close } = stopSignals();
      try {
        const given = { ...options, command: commandLine(...process.argv.slice(2)) };
        const result = await showingProgress(stderr, (progress) =>
          studyCommand(file, given, { ...view.hooks, progress, signal }),
        );
        view.end();
        if (options.json) printJson(result, 1);
        else {
          print(tableText(result.table, tableColumns()));
          print(['', ...endLines(result, commandLine('study', file))]);
        }
        if (result.interrupted && signal.aborted) exit(130);
        else if (result.failed.length > 0 || result.untested.length > 0) exit(1);
      } finally {
        view.end();
        close();
      }
    });
}

/** Of a pipe as many as a terminal usually has. */
const tableColumns = (): number => (Number.isFinite(stdout.columns) ? stdout.columns : 80);

async function list(file: string, options: { images?: number; json: boolean }): Promise<void> {
  const { showingProgress } = await import('../terminal/progress.js');
  const { studyListCommand } = await import('../commands/study-list.js');
  const { listLines } = await import('./study-list-view.js');
  const found = await showingProgress(stderr, (progress) =>
    studyListCommand(file, options, { notice: printError, progress }),
  );
  if (options.json) printJson(found, 1);
  else print(listLines(found, stdout.columns));
}
