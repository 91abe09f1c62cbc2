import { type Command, InvalidArgumentError, Option } from 'commander';
import type { DataPrepareResult } from '../commands/data-prepare.js';
import { commandLine, positiveInteger, REBUILD_INDEX, withConfig } from './common.js';
import { print, printError, printJson, stderr } from './output.js';

export function addDataPrepare(data: Command): void {
  withConfig(data.command('prepare'))
    .description('write the images of a config resized, so that training has less to decode')
    .argument('<config>', 'YAML config')
    .requiredOption('--out <folder>', 'folder for the prepared data set, a data.root afterwards')
    .addOption(
      new Option(
        '--format <name>',
        'shards: many images to a file, for relaybp; copies: image files',
      )
        .choices(['shards', 'copies'])
        .default('shards'),
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
    .option('--json', 'print one JSON object', false)
    .action(async (config: string, options) => {
      const { dataPrepareCommand } = await import('../commands/data-prepare.js');
      const { indexingView, ProgressView } = await import('../terminal/progress.js');
      const [indexing, writing] = [indexingView(stderr), new ProgressView(stderr)];
      const began = performance.now();
      try {
        const result = await indexing.during(() =>
          dataPrepareCommand(config, options, {
            onNotice: printError,
            onIndexing: indexing.update,
            onImages(part, done, total) {
              const rate = done / ((performance.now() - began) / 1000);
              writing.update(done, total, `preparing ${part}`, `${rate.toFixed(0)} images/s`);
            },
          }),
        );
        if (options.json) printJson(result);
        else print(lines(config, result));
      } finally {
        writing.stop();
      }
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
