import { csvLine } from '../csv.js';
import type { Preprocessing } from '../data/images/preprocessing.js';
import { changedNotice } from '../data/index/file-changes.js';
import { type ImageIndex, imagePath } from '../data/index/image-index.js';
import { type Batch, Loader } from '../data/loader/loader.js';
import { type Evaluation, evaluate } from '../eval/evaluate.js';
import { logSoftmax } from '../eval/log-probabilities.js';
import { resultColumns, resultLine } from '../eval/results.js';
import { SilentScores } from '../eval/silent-scores.js';
import type { ExperimentPlan } from '../experiment/experiment-plan.js';
import type { NetworkRuntime } from '../model/network-runtime.js';
import { advisingEvaluation } from './out-of-memory.js';

export interface ValidationOptions {
  readonly plan: ExperimentPlan;
  readonly images: ImageIndex;
  readonly preprocessing: Preprocessing;
  /** Largest number of images; null for all. */
  readonly limit: number | null;
  readonly onBatch: (done: number, total: number) => void;
  readonly onNotice: (line: string) => void;
  /** Asked between batches. */
  readonly stop: () => boolean;
}

export interface Validation extends Evaluation {
  /** What a reader has to know of the primary head's scores. */
  silent: string[];
  /** Of the primary head, a line per image that counts, as `eval --results` writes them (docs/evaluation.md). */
  results: string;
}

/**
 * Every head of the network on the validation images, one central crop each.
 *
 * @returns null if it was stopped
 * @throws OutOfMemoryError naming `evaluation.batchSize`
 */
export function validate(
  runtime: NetworkRuntime,
  options: ValidationOptions,
): Promise<Validation | null> {
  const { plan, images, limit } = options;
  const total = Math.min(images.count, limit ?? images.count);
  const size = Math.min(total, plan.config.evaluation.batchSize ?? plan.microBatch);
  return advisingEvaluation(plan, runtime.engine, size, () =>
    validateBatches(runtime, options, { total, size }),
  );
}

/** @param size images at a time */
async function validateBatches(
  runtime: NetworkRuntime,
  options: ValidationOptions,
  { total, size }: { total: number; size: number },
): Promise<Validation | null> {
  const { plan, images, preprocessing, onNotice, stop } = options;
  const { config } = plan;
  const loader = new Loader({
    dataset: images,
    sampler: { kind: 'sequential', seed: 0 },
    start: 0,
    end: total,
    batchSize: size,
    preprocessing,
    augment: null,
    seed: 0,
    onError: config.data.onError,
    cacheBytes: 0, // each image is seen once
  });
  runtime.test();
  const heads = plan.losses.map(({ name, tap }) => ({
    loss: name,
    tap,
    layers: plan.heads.find((head) => head.loss === name)!.layers.map((layer) => layer.name),
  }));
  const network = {
    engine: runtime.engine,
    trunk: plan.trunk.map((layer) => layer.name),
    heads,
    layer: (name: string) => runtime.layer(name),
  };
  const onBatch = (done: number): void => options.onBatch(done, total);
  const scores = new SilentScores();
  const lines = [csvLine(resultColumns())];
  const onLogits = (loss: string, logits: Float32Array, batch: Batch): void => {
    if (loss !== plan.primary.name) return;
    for (const { row, line } of resultLines(images, logits, batch)) {
      scores.add(row);
      lines.push(line);
    }
  };
  try {
    const read = { onBatch, onLogits, stop };
    const evaluation = await evaluate(network, loader, plan.network.input, read);
    return evaluation && { ...evaluation, results: lines.join(''), silent: scores.notices() };
  } finally {
    await loader.close();
    for (const { path, reason } of loader.skipped) {
      onNotice(`skipped in the evaluation: ${path}: ${reason}`);
    }
    const { count, first } = loader.changed;
    if (first !== null) onNotice(`in the evaluation: ${changedNotice(count, first)}`);
  }
}

function resultLines(
  images: ImageIndex,
  logits: Float32Array,
  batch: Batch,
): { row: Float32Array; line: string }[] {
  const classes = images.classes.length;
  return [...batch.labels].flatMap((label, i) => {
    if (label < 0) return [];
    const row = Float32Array.from(logSoftmax(logits.subarray(i * classes, (i + 1) * classes)));
    const image = imagePath(images, batch.indices[i]!);
    return [{ row, line: resultLine({ image, row, label }, { classes: images.classes }) }];
  });
}
