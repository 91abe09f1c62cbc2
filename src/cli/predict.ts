import { type Command, Option } from '@commander-js/extra-typings';
import { PREDICT_DEFAULTS } from '../commands/defaults.js';
import { ERROR_POLICIES } from '../config/error-policy.js';
import { type FilePath, pathOf } from '../data/index/file-names.js';
import { ConfigError, DataError } from '../errors.js';
import { PREDICTION_FORMATS, type PredictionFormat } from '../eval/prediction-format.js';
import { MOST_ROWS, readNamed } from '../regular-file.js';
import { messageOf } from '../system-error.js';
import { positiveInteger, RAW_NAMES } from './common.js';
import { printError, printText } from './output.js';
import { withProtocol } from './protocol-options.js';

export function addPredict(cli: Command): void {
  withProtocol(cli.command('predict'))
    .description('the best classes of images without labels')
    .argument('<run>', 'run folder or checkpoint')
    .argument('<images...>', 'files, folders, or - for a list of paths on stdin')
    .option('--topk <k>', 'classes per image', positiveInteger, PREDICT_DEFAULTS.topk)
    .addOption(
      new Option('--format <name>', 'how they are printed')
        .choices(PREDICTION_FORMATS)
        .default('text' as const),
    )
    .option(...RAW_NAMES)
    .addOption(
      new Option(
        '--on-error <policy>',
        "files that cannot be decoded (default: the config's data.onError.policy)",
      ).choices(ERROR_POLICIES),
    )
    .action(async (run, images, { format, rawNames, ...options }) => {
      checkRawNames(rawNames, format);
      const { predictCommand } = await import('../commands/predict.js');
      const { predictionWriter } = await import('../eval/prediction-format.js');
      const paths = images.flatMap((path) => (path === '-' ? linesOfStdin() : [path]));
      const predictions = await predictCommand(run, paths, options, { notice: printError });
      const { k, classes } = predictions;
      const writer = predictionWriter(format, k, classes, rawNames ? 'raw' : 'guarded');
      printText(writer.begin());
      try {
        for await (const image of predictions.images) {
          printText(writer.image(image));
          const { image: name, reason } = image;
          if (reason === null || format === 'text') continue; // that says so itself
          printError(`skipped: ${name}: ${reason}`);
        }
      } finally {
        // Also after an error: what has been written until then stays a whole document.
        printText(writer.end());
      }
    });
}

function checkRawNames(rawNames: boolean, format: PredictionFormat): void {
  if (!rawNames || format === 'csv') return;
  throw new ConfigError(
    `--raw-names is about --format csv, not ${format}`,
    format === 'json' ? 'JSON has names exactly as they are' : 'leave it out',
  );
}

/** Paths, one a line; they need not be UTF-8. */
function linesOfStdin(): FilePath[] {
  return wholeStdin()
    .toString('latin1')
    .split(/\r?\n/)
    .filter((line) => line !== '')
    .map((line) => pathOf(Buffer.from(line, 'latin1')));
}

function wholeStdin(): Buffer {
  try {
    return readNamed(0, MOST_ROWS);
  } catch (error) {
    throw new DataError(`the list on stdin cannot be read: ${messageOf(error)}`);
  }
}
