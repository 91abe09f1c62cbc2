import type { Command } from '@commander-js/extra-typings';
import { JSON_OBJECT, REBUILD_INDEX, setOption } from './common.js';
import { print, printError, printJson, stderr } from './output.js';

export function addDataStats(data: Command): void {
  data
    .command('stats')
    .addOption(setOption())
    .description('mean, deviation, colour components and classes of the training images')
    .argument('<config>', 'YAML config')
    .option('--mean <file>', 'also the mean image, a PNG file')
    .option('--tensors <file>', 'also the exact numbers, a safetensors file')
    .option(...REBUILD_INDEX)
    .option(...JSON_OBJECT)
    .action(async (config, options) => {
      const { dataStatsCommand } = await import('../commands/data-stats.js');
      const { dataStatsLines } = await import('./data-stats-view.js');
      const { showingProgress } = await import('../terminal/progress.js');
      const result = await showingProgress(stderr, (progress) =>
        dataStatsCommand(config, options, { notice: printError, progress }),
      );
      const columns = process.stdout.columns || 80; // none, or 0, where it is no terminal
      if (options.json) printJson(result);
      else print(dataStatsLines(result, columns));
    });
}
