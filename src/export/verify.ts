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

/**
 * Runs a written export and compares.
 *
 * @throws ExportError if the runtime refuses the file, or says something else than the network
 */
export async function verify(
  runtime: ExportRuntime,
  path: string,
  batch: PixelBatch,
  expected: Scores,
): Promise<ScoreDifference> {
  let found: Scores;
  try {
    found = await runtime.run(path, batch);
  } catch (error) {
    throw new ExportError(
      `${runtime.name} cannot run the export: ${messageOf(error)}`,
      'nothing was kept; please report this with the config',
    );
  }
  const difference = {
    probabilities: largest(found.probabilities, expected.probabilities),
    logits: largest(found.logits, expected.logits) / largest(expected.logits),
  };
  if (difference.probabilities <= TOLERANCE && difference.logits <= TOLERANCE) return difference;
  throw new ExportError(
    `${runtime.name} computes something else from the export than relaybp: probabilities differ by up to ${difference.probabilities.toExponential(1)}, logits by ${difference.logits.toExponential(1)} of the largest; at most ${TOLERANCE} is allowed`,
    'nothing was kept; please report this with the config',
  );
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
  return engine.tensor(input, [count, size, size, 3]);
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
