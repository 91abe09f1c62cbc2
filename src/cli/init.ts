import { type Command, Option } from '@commander-js/extra-typings';
import type { InitResult } from '../commands/init.js';
import { CLASS_FOLDERS } from '../config/class-folders.js';
import { commandLine } from './common.js';
import { print, printError, stderr } from './output.js';

export function addInit(cli: Command): void {
  cli
    .command('init')
    .description('write a config for a folder of images')
    .argument(
      '<images>',
      'folder with train/ and val/, with one folder per class, or as a data set is handed out',
    )
    .option('--out <file>', 'config to write (default: <images>.yaml here)')
    .addOption(
      new Option(
        '--class-folders <which>',
        'which folders are classes: those at the top, or the leaves, which hold the images',
      ).choices(CLASS_FOLDERS),
    )
    .action(async (images, options) => {
      const { initCommand } = await import('../commands/init.js');
      const { showingProgress } = await import('../terminal/progress.js');
      const result = await showingProgress(stderr, (progress) =>
        initCommand(images, options, { notice: printError, progress }),
      );
      print(initLines(result));
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
