import { type Command, InvalidArgumentError, Option } from 'commander';
import { LABEL_MEANINGS } from '../config/label-meaning.js';
import { type FilePath, pathOf } from '../data/index/file-names.js';
import { DataError } from '../errors.js';
import { PREDICTION_FORMATS } from '../eval/prediction-format.js';
import { MOST_ROWS, readNamed } from '../regular-file.js';
import { messageOf } from '../system-error.js';
import type { IndexingView } from '../terminal/progress.js';
import { DATA_ROOT, positiveInteger, REBUILD_INDEX, withEngine } from './common.js';
import { print, printError, printJson, printText, stderr } from './output.js';

/** The commands that run trained networks: eval, compare, predict. */
export function addEvaluation(cli: Command): void {
  addEval(cli);
  addCompare(cli);
  addPredict(cli);
}

const DATA = [
  '--data <path>',
  "folder of class folders, or list file (default: the config's validation data)",
] as const;

const labels = (): Option =>
  new Option(
    '--labels <what>',
    "what the labels of a list file are (default: the config's data.labels)",
  ).choices(LABEL_MEANINGS);

const RAW_NAMES = [
  '--raw-names',
  'in CSV, names exactly as they are, for programs: without it they are made safe for spreadsheets',
  false,
] as const;

function addEval(cli: Command): void {
  withProtocol(cli.command('eval'))
    .description('top-1 and top-5 error of a trained network, or of several together')
    .argument('[run]', 'run folder, checkpoint or score file (default: the newest under runs/)')
    .option(...DATA)
    .addOption(labels())
    .option(...DATA_ROOT)
    .option('--ensemble <members...>', 'several runs, checkpoints or score files as one')
    .addOption(
      new Option('--combine <how>', 'what an ensemble does with the probabilities')
        .choices(['average', 'product'])
        .default('average'),
    )
    .option('--weights <list>', 'weights of the average, for instance 0.6,0.4', weightList)
    .option(
      '--fit-weights <fraction>',
      'fit the weights on that share of the images, report on the rest',
      fraction,
    )
    .option('--json', 'print one JSON object', false)
    .option('--results <file>', 'write per-image predictions (.csv) or the summary (.json)')
    .option('--scores <file>', 'write all scores (.safetensors), for --ensemble and compare')
    .option('--per-class <file>', 'write the accuracy of each class (.csv)')
    .option('--confusion <file>', 'write the confusion matrix (.csv)')
    .option(...RAW_NAMES)
    .option(...REBUILD_INDEX)
    .action(async (run: string | undefined, options) => {
      const { evalCommand } = await import('../commands/eval.js');
      const { evalLines } = await import('./evaluation-view.js');
      const result = await indexing((onIndexing) =>
        evalCommand(run, { ...options, onIndexing }, options.json ? printError : print),
      );
      if (options.json) printJson(result);
      else print(evalLines(result));
    });
}

function addCompare(cli: Command): void {
  withProtocol(cli.command('compare'))
    .description('how much better B is than A on the same images, with its 95 % interval')
    .argument('<a>', 'run folder, checkpoint or score file')
    .argument('<b>', 'the same')
    .option(...DATA)
    .addOption(labels())
    .option(...DATA_ROOT)
    .option(...REBUILD_INDEX)
    .option('--json', 'print one JSON object', false)
    .action(async (a: string, b: string, options) => {
      const { compareCommand } = await import('../commands/compare.js');
      const { compareLines } = await import('./evaluation-view.js');
      const result = await indexing((onIndexing) =>
        compareCommand(a, b, { ...options, onIndexing }, options.json ? printError : print),
      );
      if (options.json) printJson(result);
      else print(compareLines(result));
    });
}

function addPredict(cli: Command): void {
  withProtocol(cli.command('predict'))
    .description('the best classes of images without labels')
    .argument('<run>', 'run folder or checkpoint')
    .argument('<images...>', 'files, folders, or - for a list of paths on stdin')
    .option('--topk <k>', 'classes per image', positiveInteger, 5)
    .addOption(
      new Option('--format <name>', 'how they are printed')
        .choices(PREDICTION_FORMATS)
        .default('text'),
    )
    .option(...RAW_NAMES)
    .addOption(
      new Option(
        '--on-error <policy>',
        "files that cannot be decoded (default: the config's data.onError.policy)",
      ).choices(['skip', 'fail']),
    )
    .action(async (run: string, images: string[], options) => {
      const { predictCommand } = await import('../commands/predict.js');
      const paths = images.flatMap((path) => (path === '-' ? linesOfStdin() : [path]));
      await predictCommand(run, paths, options, { write: printText, notice: printError });
    });
}

/** Runs a command, and shows how far the indexes have come that it makes. */
async function indexing<T>(
  command: (onIndexing: IndexingView['update']) => Promise<T>,
): Promise<T> {
  const { indexingView } = await import('../terminal/progress.js');
  const view = indexingView(stderr);
  return view.during(() => command(view.update));
}

/** Options of every command that runs a network: which, on what engine, by which test protocol. */
function withProtocol(command: Command): Command {
  return withEngine(command)
    .addOption(
      new Option('--precision <name>', 'whatever the run was trained in, weights are float32')
        .choices(['float32', 'bf16', 'auto'])
        .default('float32'),
    )
    .addOption(
      new Option('--checkpoint <which>', 'which checkpoint of a run')
        .choices(['best', 'last'])
        .default('best'),
    )
    .option('--ema', 'with the moving average of the weights', false)
    .option('--batch-size <n>', 'images at a time', positiveInteger)
    .option(
      '--multiscale [sides]',
      'whole image, fully convolutional, at several shorter sides, for instance 224,256',
      sideList,
    )
    .option('--ten-crop', 'corners, centre and their mirror images')
    .option('--flip', 'also the mirror image')
    .addOption(
      new Option('--average <what>', "what is averaged over an image's inputs")
        .choices(['softmax', 'logits'])
        .default('softmax'),
    );
}

function sideList(text: string): number[] {
  if (!/^[1-9]\d*(,[1-9]\d*)*$/.test(text)) {
    throw new InvalidArgumentError(
      'shorter sides in pixels are needed, for instance 224,256; name the run before this option',
    );
  }
  return text.split(',').map(Number);
}

function weightList(text: string): number[] {
  const weights = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (weights.every((weight) => Number.isFinite(weight) && weight >= 0)) return weights;
  throw new InvalidArgumentError('numbers of at least 0 are needed, for instance 0.6,0.4');
}

function fraction(text: string): number {
  const value = Number(text);
  if (value > 0 && value < 1) return value;
  throw new InvalidArgumentError('a number between 0 and 1 is needed, for instance 0.3');
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
