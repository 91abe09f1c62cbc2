import { channelMean, divisors } from '../data/images/preprocessing.js';
import type { Engine, Tensor } from '../engine/engine.js';
import { ExportError } from '../errors.js';
import { messageOf } from '../system-error.js';
import type { ExportModel } from './exported-model.js';
import type { ExportRuntime, PixelBatch, Scores } from './runtimes.js';

/** Largest difference of a probability, and of a logit relative to the largest logit of all images. */
export const TOLERANCE = 1e-4;

export interface ScoreDifference {
  /** Largest |difference| of a probability. */
  readonly probabilities: number;
  /** Largest |difference| of a logit, divided by the largest |logit|. */
  readonly logits: number;
}

/** A network that runs on one of relaybp's engines. */
export interface RuntimeScorer {
  readonly engine: Engine;
  readonly classes: number;
  /** Logits `[count, classes]` of normalized images `[count, height, width, 3]`. */
  scores(images: Tensor): Float32Array;
}

/** What the network itself says about images. */
export function networkScores(
  network: RuntimeScorer,
  preprocessing: ExportModel['preprocessing'],
  batch: PixelBatch,
): Scores {
  const { engine, classes } = network;
  const images = normalized(engine, preprocessing, batch);
  try {
    const logits = network.scores(images);
    return { logits, probabilities: softmaxRows(logits, classes) };
  } finally {
    engine.dispose(images);
  }
}

/** @throws ExportError if the runtime refuses the file */
export async function runExport(
  runtime: ExportRuntime,
  path: string,
  batch: PixelBatch,
): Promise<Scores> {
  try {
    return await runtime.run(path, batch);
  } catch (error) {
    throw new ExportError(
      `${runtime.name} cannot run the export: ${messageOf(error)}`,
      'nothing was kept; please report this with the config',
    );
  }
}

/** What is wrong with a difference, null if it is none. */
export function excessOf(
  runtime: ExportRuntime,
  { probabilities, logits }: ScoreDifference,
): string | null {
  if (probabilities <= TOLERANCE && logits <= TOLERANCE) return null;
  return `${runtime.name} computes something else from the export than relaybp: probabilities differ by up to ${probabilities.toExponential(1)}, logits by ${logits.toExponential(1)} of the largest; at most ${TOLERANCE} is allowed`;
}

/** What is wrong with an export: an error, or where it is allowed a notice. @throws ExportError */
export function doubtful(what: string, allowed: boolean, notice: (line: string) => void): void {
  if (!allowed) {
    throw new ExportError(
      what,
      'nothing was kept; please report this with the config; --allow-differences keeps it',
    );
  }
  notice(`kept all the same: ${what}`);
}

export function differenceOf(found: Scores, expected: Scores): ScoreDifference {
  return {
    probabilities: largest(found.probabilities, expected.probabilities),
    logits: largest(found.logits, expected.logits) / largest(expected.logits),
  };
}

/** Rows whose best class is another. */
export function otherBest(found: Scores, expected: Scores, classes: number): number {
  const best = ({ logits }: Scores): number[] =>
    Array.from({ length: logits.length / classes }, (_, row) => {
      const scores = logits.subarray(row * classes, (row + 1) * classes);
      return scores.indexOf(Math.max(...scores));
    });
  const before = best(expected);
  return best(found).filter((one, row) => one !== before[row]).length;
}

function normalized(
  engine: Engine,
  preprocessing: ExportModel['preprocessing'],
  { count, size, values }: PixelBatch,
) {
  const mean =
    preprocessing.mean.kind === 'pixel' ? preprocessing.mean.values : channelMean(preprocessing);
  const std = divisors(preprocessing);
  const input = values.map((value, i) => (value - mean[i % mean.length]!) / std[i % 3]!);
  return engine.tensor(input, [count, ...size, 3]);
}

function softmaxRows(logits: Float32Array, classes: number): Float32Array {
  const result = new Float32Array(logits.length);
  for (let at = 0; at < logits.length; at += classes) {
    const row = logits.subarray(at, at + classes);
    const top = row.reduce((a, b) => Math.max(a, b));
    const powers = Array.from(row, (value) => Math.exp(value - top));
    const sum = powers.reduce((a, b) => a + b);
    for (const [c, power] of powers.entries()) result[at + c] = power / sum;
  }
  return result;
}

/** NaN where there is one: no comparison holds for it. */
function largest(a: Float32Array, b?: Float32Array): number {
  if (b && a.length !== b.length) return Number.NaN;
  let most = 0;
  for (let i = 0; i < a.length; i++) {
    const size = Math.abs(a[i]! - (b ? b[i]! : 0));
    if (!(size <= most)) most = size;
  }
  return most;
}
