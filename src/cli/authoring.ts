import { type Command, Option } from 'commander';
import type { InitOptions, InitResult } from '../commands/init.js';
import { CLASS_FOLDERS } from '../config/class-folders.js';
import { commandLine } from './common.js';
import { addCompletion } from './completion.js';
import { print, printError, printText } from './output.js';

/** The commands that help to write configs and command lines: init, schema, completion. */
export function addAuthoring(cli: Command): void {
  addInit(cli);
  addSchema(cli);
  addCompletion(cli);
}

function addInit(cli: Command): void {
  cli
    .command('init')
    .description('write a config for a folder of images')
    .argument('<images>', 'folder with train/ and val/, or with one folder per class')
    .option('--out <file>', 'config to write (default: <images>.yaml here)')
    .addOption(
      new Option(
        '--class-folders <which>',
        'which folders are classes: those at the top, or the leaves, which hold the images',
      ).choices(CLASS_FOLDERS),
    )
    .action(async (images: string, options: InitOptions) => {
      const { initCommand } = await import('../commands/init.js');
      print(initLines(await initCommand(images, options, printError)));
    });
}

function initLines({ config, others, survey, valImages, choices }: InitResult): string[] {
  const { classes, images } = survey;
  const [largest, smallest] = [classes[0]!, classes.at(-1)!];
  const { crop, resize, batchSize, epochs } = choices;
  const [shortest, longest] = [survey.shorterSides[0], survey.shorterSides.at(-1)];
  const sizes = `shorter side ${shortest === longest ? '' : `${shortest} to `}${longest} pixels`;
  return [
    `${classes.length} classes, ${images} training images (${largest.images} ${largest.name} to ${smallest.images} ${smallest.name}), ${valImages} validation images; ${sizes}`,
    `resized to ${resize}, cropped to ${crop}; ${epochs} epochs in batches of ${batchSize}`,
    `written: ${[config, ...others].join(', ')}`,
    'next:',
    `  ${commandLine('plan', config)}`,
    `  ${commandLine('train', config, '--fast-dev-run')}`,
    `  ${commandLine('train', config)}`,
  ];
}

function addSchema(cli: Command): void {
  cli
    .command('schema')
    .description('print the JSON Schema of configs, by which editors complete and explain keys')
    .option('--markdown', 'the reference of all keys as Markdown instead', false)
    .action(async (options: { markdown: boolean }) => {
      const { schemaCommand } = await import('../commands/schema.js');
      printText(schemaCommand(options));
    });
}
