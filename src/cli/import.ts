import { type Command, Option } from '@commander-js/extra-typings';
import { CHANNEL_ORDERS } from '../import/channel-order.js';
import { JSON_OBJECT, setOption } from './common.js';
import { print, printError, printJson } from './output.js';

export function addImport(cli: Command): void {
  cli
    .command('import')
    .addOption(setOption())
    .description('take over weights that another program trained, as a run folder')
    .argument('<file>', '.safetensors (torchvision, timm, relaybp) or .caffemodel')
    .requiredOption('--config <config>', 'YAML config of the same network')
    .option('--out <folder>', 'run folder (default: runs/<name>-<date>)')
    .option(
      '--classes <file>',
      'class names, one a line, in the order of the outputs (default: as the data have them)',
    )
    .addOption(
      new Option(
        '--channel-order <order>',
        'of the images the weights were trained on (default: bgr for .caffemodel, else rgb)',
      ).choices(CHANNEL_ORDERS),
    )
    .option(
      '--preprocessing <of>',
      "evaluation preprocessing: auto (what was published with the weights, where that is known), config (the config's own), torchvision's name of the weights, or timm's config.json",
    )
    .option(...JSON_OBJECT)
    .action(async (file, options) => {
      const { importCommand } = await import('../commands/import.js');
      const { importLines } = await import('./exchange-view.js');
      const result = await importCommand(file, options, { notice: printError });
      if (options.json) printJson(result);
      else print(importLines(result));
    });
}
