import { type Command, InvalidArgumentError, Option } from '@commander-js/extra-typings';
import { EXPORT_FORMATS, WEIGHT_TYPES } from '../export/exported-model.js';
import { checkpointOption, engineOption, JSON_OBJECT, positiveInteger } from './common.js';
import { print, printError, printJson } from './output.js';

export function addExport(cli: Command): void {
  cli
    .command('export')
    .addOption(engineOption())
    .description('write the trained network, without auxiliary heads, for other programs')
    .argument('[run]', 'run folder or checkpoint (default: the newest under runs/)')
    .addOption(
      new Option('--format <name>', 'what to write').choices(EXPORT_FORMATS).makeOptionMandatory(),
    )
    .option('--out <path>', "file or folder (default: the config's name)")
    .option('--force', 'replace what is there', false)
    .addOption(checkpointOption())
    .option('--ema', 'the moving average of the weights', false)
    .option('--images <path>', 'image or folder to compare on (default: some validation images)')
    .option(
      '--batch <n>',
      'images that the graph takes at once (default: any number)',
      positiveInteger,
    )
    .option('--size <side|HxW|any>', 'of the images that it takes (default: the crop)', sizeOf)
    .option('--fold-batchnorm', 'measure what folding batch normalizations into weights changes')
    .option('--no-fold-batchnorm', 'keep batch normalizations as operations of their own')
    .addOption(
      new Option('--weights <type>', 'of filters and fully connected weights in the file').choices(
        WEIGHT_TYPES,
      ),
    )
    .option('--allow-differences', 'keep an export that a program computes otherwise', false)
    .option(...JSON_OBJECT)
    .action(async (run, options) => {
      const { exportCommand } = await import('../commands/export.js');
      const { exportLines } = await import('./exchange-view.js');
      const result = await exportCommand(run, options, { notice: printError });
      if (options.json) printJson(result);
      else print(exportLines(result));
    });
}

/** A side, height x width, or any. */
function sizeOf(text: string): [number, number] | 'any' {
  if (text === 'any') return text;
  const [height, width = height, ...rest] = text.split('x');
  if (rest.length > 0)
    throw new InvalidArgumentError('a side, HxW or any is needed, as 224 or 224x320');
  return [positiveInteger(height!), positiveInteger(width!)];
}
