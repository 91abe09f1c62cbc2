import { type Command, Option } from 'commander';
import { nonNegativeInteger, positiveInteger, withConfig } from './common.js';
import { print, printError } from './output.js';

export function addDataPreview(data: Command): void {
  withConfig(data.command('preview'))
    .description('a picture of training images, augmented exactly as training sees them')
    .argument('<config>', 'YAML config')
    .option('--n <count>', 'how many images', positiveInteger, 32)
    .addOption(
      new Option('--position <draws>', 'begin after so many draws (default: 0)')
        .argParser(nonNegativeInteger)
        .conflicts('epoch'),
    )
    .option('--epoch <epochs>', 'begin after so many epochs', nonNegativeInteger)
    .option('--out <file>', 'PNG file to write', 'preview.png')
    .option('--tensors <file>', 'also the same numbers, a safetensors file')
    .action(async (config: string, options) => {
      const { dataPreviewCommand } = await import('../commands/data-preview.js');
      print(await dataPreviewCommand(config, options, printError));
    });
}
