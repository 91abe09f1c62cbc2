import { type Command, Option } from 'commander';
import { EXPORT_FORMATS } from '../export/exported-model.js';
import { withConfig, withEngine } from './common.js';
import { print, printError, printJson } from './output.js';

/** The commands that carry networks to other programs and from them: export, import. */
export function addExchange(cli: Command): void {
  addExport(cli);
  addImport(cli);
}

function addExport(cli: Command): void {
  withEngine(cli.command('export'))
    .description('write the trained network, without auxiliary heads, for other programs')
    .argument('[run]', 'run folder or checkpoint (default: the newest under runs/)')
    .addOption(
      new Option('--format <name>', 'what to write').choices(EXPORT_FORMATS).makeOptionMandatory(),
    )
    .option('--out <path>', "file or folder (default: the config's name)")
    .option('--force', 'replace what is there', false)
    .addOption(
      new Option('--checkpoint <which>', 'which checkpoint of a run')
        .choices(['best', 'last'])
        .default('best'),
    )
    .option('--ema', 'the moving average of the weights', false)
    .option('--images <path>', 'image or folder to compare on (default: some validation images)')
    .option('--json', 'print one JSON object', false)
    .action(async (run: string | undefined, options) => {
      const { exportCommand } = await import('../commands/export.js');
      const { exportLines } = await import('./exchange-view.js');
      const result = await exportCommand(run, options, printError);
      if (options.json) printJson(result);
      else print(exportLines(result));
    });
}

function addImport(cli: Command): void {
  withConfig(cli.command('import'))
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
      ).choices(['rgb', 'bgr']),
    )
    .option('--json', 'print one JSON object', false)
    .action(async (file: string, options) => {
      const { importCommand } = await import('../commands/import.js');
      const { importLines } = await import('./exchange-view.js');
      const result = await importCommand(file, options, printError);
      if (options.json) printJson(result);
      else print(importLines(result));
    });
}
