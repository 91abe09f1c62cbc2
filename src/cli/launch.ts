import type { Command } from '@commander-js/extra-typings';
import { positiveInteger } from './common.js';
import { outputIsExtra } from './output.js';

export function addLaunch(cli: Command, exit: (code: number) => void): void {
  cli
    .command('launch')
    .description('train by several processes, on this machine or on several, by MPI')
    .argument('<command...>', 'after --: train or bench, and what it is given')
    .requiredOption('-n, --ranks <n>', 'processes in all', positiveInteger)
    .option('--hosts <names>', 'machines that share them, separated by commas (default: this one)')
    .action(async (command, options) => {
      const { launchCommand } = await import('../commands/launch.js');
      outputIsExtra();
      exit(await launchCommand(command, options, [process.execPath, process.argv[1]!]));
    });
}
