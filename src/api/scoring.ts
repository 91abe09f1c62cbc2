import { type CompareResult, compareCommand } from '../commands/compare.js';
import { type EvalCommandOptions, type EvalResult, evalCommand } from '../commands/eval.js';
import { type PredictOptions as AllPredictOptions, predictions } from '../commands/predict.js';
import type { ScoringOptions } from '../commands/scoring.js';
import type { ImagePredictions } from '../eval/prediction-format.js';

/** What is told while networks run: skipped files, which engine `auto` took. */
interface Notices {
  onNotice?: (line: string) => void;
}

export type EvaluateOptions = Partial<EvalCommandOptions> & Notices;
export type CompareOptions = Partial<ScoringOptions> & Notices;
export type PredictOptions = Partial<AllPredictOptions> & Notices;

/** The defaults of the command line. */
const DEFAULTS = {
  engine: 'auto',
  checkpoint: 'best',
  average: 'softmax',
  precision: 'float32',
} as const;

/**
 * Top-1 and top-5 error of a trained network, like `relaybp eval`.
 *
 * @param run a run folder, a checkpoint or a score file; undefined with `ensemble`, or for the newest run
 */
export function evaluate(
  run: string | undefined,
  { onNotice = () => {}, ...options }: EvaluateOptions = {},
): Promise<EvalResult> {
  return evalCommand(run, { ...DEFAULTS, combine: 'average', ...options }, onNotice);
}

/** How much better `b` is than `a` on the same images, like `relaybp compare`. */
export function compare(
  a: string,
  b: string,
  { onNotice = () => {}, ...options }: CompareOptions = {},
): Promise<CompareResult> {
  return compareCommand(a, b, { ...DEFAULTS, ...options }, onNotice);
}

/**
 * The best classes of images without labels, one image after another, like `relaybp predict`.
 *
 * @param paths files and folders
 */
export async function* predict(
  run: string,
  paths: readonly string[],
  { onNotice = () => {}, ...options }: PredictOptions = {},
): AsyncGenerator<ImagePredictions> {
  const { images } = await predictions(run, paths, { ...DEFAULTS, topk: 5, ...options }, onNotice);
  yield* images;
}
