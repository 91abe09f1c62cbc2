import type { Command } from '@commander-js/extra-typings';
import { WATCH_DEFAULTS } from '../commands/defaults.js';
import { DATA_ROOT, NO_PATHS, wholeNumber } from './common.js';
import { print } from './output.js';

export function addWatch(cli: Command): void {
  cli
    .command('watch')
    .description('the same page, served locally and kept up to date while training goes on')
    .argument('<run...>', 'run folders, or folders of them')
    .option(...DATA_ROOT)
    .option(...NO_PATHS)
    .option('--port <n>', 'port; 0 for any that is free', wholeNumber, WATCH_DEFAULTS.port)
    .option(
      '--host <address>',
      'address to listen on; only this machine unless you say so',
      WATCH_DEFAULTS.host,
    )
    .action(async (runs, options) => {
      const { watchCommand } = await import('../commands/watch.js');
      const ending = new AbortController();
      for (const signal of ['SIGINT', 'SIGTERM'] as const) {
        process.once(signal, () => ending.abort());
      }
      await watchCommand(runs, options, { notice: print, signal: ending.signal });
    });
}
