import { type Command, InvalidArgumentError, Option } from '@commander-js/extra-typings';
import type { DataPrepareResult } from '../commands/data-prepare.js';
import { PREPARE_DEFAULTS, PREPARE_FORMATS } from '../commands/defaults.js';
import { commandLine, JSON_OBJECT, positiveInteger, REBUILD_INDEX, setOption } from './common.js';
import { print, printError, printJson, stderr } from './output.js';

export function addDataPrepare(data: Command): void {
  data
    .command('prepare')
    .addOption(setOption())
    .description('write the images of a config resized, so that training has less to decode')
    .argument('<config>', 'YAML config')
    .requiredOption('--out <folder>', 'folder for the prepared data set, a data.root afterwards')
    .addOption(
      new Option(
        '--format <name>',
        'shards: many images to a file, for relaybp; copies: image files',
      )
        .choices(PREPARE_FORMATS)
        .default(PREPARE_DEFAULTS.format),
    )
    .option('--side <n>', 'length of the shorter side (default: data.resize)', positiveInteger)
    .option(
      '--quality <n>',
      'of JPEGs, 1 to 100 (default: 95 for copies; shards hold the pixels themselves)',
      quality,
    )
    .option(
      '--workers <n>',
      'images in work at once (default: two more than processors)',
      positiveInteger,
    )
    .option('--images-per-shard <n>', '(default: as many as make about 256 MiB)', positiveInteger)
    .option(...REBUILD_INDEX)
    .option(...JSON_OBJECT)
    .action(async (config, options) => {
      const { dataPrepareCommand } = await import('../commands/data-prepare.js');
      const { showingProgress } = await import('../terminal/progress.js');
      const result = await showingProgress(stderr, (progress) =>
        dataPrepareCommand(config, options, { notice: printError, progress }),
      );
      if (options.json) printJson(result);
      else print(lines(config, result));
    });
}

function quality(text: string): number {
  const value = positiveInteger(text);
  if (value > 100) throw new InvalidArgumentError('an integer from 1 to 100 is needed');
  return value;
}

function lines(config: string, { format, side, quality, parts, set }: DataPrepareResult): string[] {
  const kind = format === 'copies' ? 'copies' : quality === null ? 'pixels' : 'JPEGs';
  return [
    ...parts.flatMap(({ part, images, skipped, files, kept, bytes, seconds }) => {
      const what = format === 'copies' ? 'files' : files === 1 ? 'shard' : 'shards';
      const before = kept > 0 ? `, ${kept} of them kept from before` : '';
      const size = `${(bytes / 2 ** 20).toFixed(1)} MiB`;
      const first = skipped[0];
      return [
        `${part}: ${images} images in ${files} ${what}${before}, ${size}, ${seconds} s`,
        ...(first
          ? [`  ${skipped.length} cannot be decoded; the first: ${first.path}: ${first.reason}`]
          : []),
      ];
    }),
    `${kind} with a shorter side of ${side}; train on them with: ${commandLine('train', config, ...set.flatMap((one) => ['--set', one]))}`,
  ];
}
