import { type Command, Option } from '@commander-js/extra-typings';
import { EXPORT_FORMATS } from '../export/exported-model.js';
import { checkpointOption, engineOption, JSON_OBJECT } from './common.js';
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
    .option(...JSON_OBJECT)
    .action(async (run, options) => {
      const { exportCommand } = await import('../commands/export.js');
      const { exportLines } = await import('./exchange-view.js');
      const result = await exportCommand(run, options, { notice: printError });
      if (options.json) printJson(result);
      else print(exportLines(result));
    });
}
