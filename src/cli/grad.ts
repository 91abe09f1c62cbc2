import type { Command } from '@commander-js/extra-typings';
import { engineOption, phaseOption, setOption, withShortSet } from './common.js';
import { print } from './output.js';
import { PRINT_CONFIG, printConfig } from './print-config.js';

export function addGrad(cli: Command): void {
  withShortSet(cli.command('grad').addOption(setOption()))
    .addOption(engineOption())
    .description('write the gradients of one batch, to check them elsewhere')
    .argument('<config>', 'YAML config')
    .requiredOption('--out <file>', 'safetensors file to write')
    .addOption(phaseOption())
    .option('--by-loss', "also each loss's own gradients", false)
    .option(...PRINT_CONFIG)
    .action(async (config, options) => {
      if (options.printConfig) return printConfig(config, options.set);
      const { gradCommand } = await import('../commands/grad.js');
      const { tensors, losses } = await gradCommand(config, options, { notice: print });
      const { lossText } = await import('../terminal/words.js');
      const list = Object.entries(losses).map(([name, loss]) => `${name} ${lossText(loss, 5)}`);
      print(`${tensors} tensors written to ${options.out}; losses: ${list.join(', ')}`);
    });
}
