import { type Command, Option } from '@commander-js/extra-typings';
import { PREVIEW_DEFAULTS } from '../commands/defaults.js';
import { nonNegativeInteger, positiveInteger, setOption } from './common.js';
import { print, printError, stderr } from './output.js';

export function addDataPreview(data: Command): void {
  data
    .command('preview')
    .addOption(setOption())
    .description('a picture of training images, augmented exactly as training sees them')
    .argument('<config>', 'YAML config')
    .option('--n <count>', 'how many images', positiveInteger, PREVIEW_DEFAULTS.n)
    .addOption(
      new Option('--position <draws>', 'begin after so many draws (default: 0)')
        .argParser(nonNegativeInteger)
        .conflicts('epoch'),
    )
    .option('--epoch <epochs>', 'begin after so many epochs', nonNegativeInteger)
    .option('--out <file>', 'PNG file to write', PREVIEW_DEFAULTS.out)
    .option('--tensors <file>', 'also the same numbers, a safetensors file')
    .action(async (config, options) => {
      const { dataPreviewCommand } = await import('../commands/data-preview.js');
      const { showingProgress } = await import('../terminal/progress.js');
      const lines = await showingProgress(stderr, (progress) =>
        dataPreviewCommand(config, options, { notice: printError, progress }),
      );
      print(lines);
    });
}
