import { type Command, InvalidArgumentError, Option } from '@commander-js/extra-typings';
import { EVAL_DEFAULTS } from '../commands/defaults.js';
import { COMBINES } from '../eval/combine.js';
import {
  DATA_ROOT,
  JSON_OBJECT,
  labelsOption,
  positiveInteger,
  RAW_NAMES,
  REBUILD_INDEX,
  TEST_DATA,
} from './common.js';
import { print, printError, printJson, stderr } from './output.js';
import { withProtocol } from './protocol-options.js';

export function addEval(cli: Command): void {
  withProtocol(cli.command('eval'))
    .description('top-1 and top-5 error of a trained network, or of several together')
    .argument('[run]', 'run folder, checkpoint or score file (default: the newest under runs/)')
    .option(...TEST_DATA)
    .addOption(
      labelsOption("what the labels of a list file are (default: the config's data.labels)"),
    )
    .option(...DATA_ROOT)
    .option('--ensemble <members...>', 'several runs, checkpoints or score files as one')
    .addOption(
      new Option('--combine <how>', 'what an ensemble does with the probabilities')
        .choices(COMBINES)
        .default(EVAL_DEFAULTS.combine),
    )
    .option('--weights <list>', 'weights of the average, for instance 0.6,0.4', weightList)
    .option(
      '--fit-weights <fraction>',
      'fit the weights on that share of the images, report on the rest',
      fraction,
    )
    .option(...JSON_OBJECT)
    .option('--results <file>', 'write per-image predictions (.csv) or the summary (.json)')
    .option(
      '--topk <n>',
      'best classes of each image in --results FILE.csv (default: 5)',
      positiveInteger,
    )
    .option('--scores <file>', 'write all scores (.safetensors), for --ensemble and compare')
    .option('--per-class <file>', 'write accuracy, precision and F1 of each class (.csv)')
    .option('--confusion <file>', 'write the confusion matrix (.csv)')
    .option(...RAW_NAMES)
    .option(...REBUILD_INDEX)
    .action(async (run, options) => {
      const { evalCommand } = await import('../commands/eval.js');
      const { evalLines } = await import('./evaluation-view.js');
      const { showingProgress } = await import('../terminal/progress.js');
      const notice = options.json ? printError : print;
      const result = await showingProgress(stderr, (progress) =>
        evalCommand(run, options, { notice, progress }),
      );
      if (options.json) printJson(result);
      else print(evalLines(result));
    });
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
