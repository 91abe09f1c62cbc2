import type { Command } from 'commander';
import { REBUILD_INDEX, withConfig } from './common.js';
import { print, printError, printJson, stderr } from './output.js';

export function addDataStats(data: Command): void {
  withConfig(data.command('stats'))
    .description('mean, deviation, colour components and classes of the training images')
    .argument('<config>', 'YAML config')
    .option('--mean <file>', 'also the mean image, a PNG file')
    .option('--tensors <file>', 'also the exact numbers, a safetensors file')
    .option(...REBUILD_INDEX)
    .option('--json', 'print one JSON object', false)
    .action(async (config: string, options) => {
      const { dataStatsCommand } = await import('../commands/data-stats.js');
      const { dataStatsLines } = await import('./data-stats-view.js');
      const { duringImages, indexingView, STATISTICS } = await import('../terminal/progress.js');
      const indexing = indexingView(stderr);
      const result = await duringImages(stderr, STATISTICS, (onImages) =>
        indexing.during(() =>
          dataStatsCommand(config, options, {
            onNotice: printError,
            onIndexing: indexing.update,
            onImages,
          }),
        ),
      );
      const columns = process.stdout.columns || 80; // none, or 0, where it is no terminal
      if (options.json) printJson(result);
      else print(dataStatsLines(result, columns));
    });
}
