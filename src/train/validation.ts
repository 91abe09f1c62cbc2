import { csvLine } from '../csv.js';
import type { Preprocessing } from '../data/images/preprocessing.js';
import { changedNotice } from '../data/index/file-changes.js';
import { type ImageIndex, imagePath } from '../data/index/image-index.js';
import { type Batch, Loader } from '../data/loader/loader.js';
import { gatherFrom } from '../distributed/agree.js';
import type { Communicator } from '../distributed/communicator.js';
import { type Evaluation, evaluate, resultsOf } from '../eval/evaluate.js';
import { logSoftmax } from '../eval/log-probabilities.js';
import { resultColumns, resultLine } from '../eval/results.js';
import { SilentScores } from '../eval/silent-scores.js';
import { TopK } from '../eval/topk.js';
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
  /** Each does its part of the batches. */
  readonly ranks: Communicator;
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
  const { plan, images, preprocessing, onNotice, ranks, stop } = options;
  const { config } = plan;
  const loader = new Loader({
    dataset: images,
    sampler: { kind: 'sequential', seed: 0 },
    start: 0,
    end: total,
    batchSize: size,
    share: { rank: ranks.rank, ranks: ranks.size, perTurn: 1 },
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
  const onBatch = (done: number): void => {
    options.onBatch(Math.min(done * ranks.size, total), total);
  };
  const scores = new SilentScores();
  const lines: string[] = [];
  const onLogits = (loss: string, logits: Float32Array, batch: Batch): void => {
    if (loss !== plan.primary.name) return;
    const found = resultLines(images, logits, batch);
    for (const { row } of found) scores.add(row);
    lines.push(found.map(({ line }) => line).join(''));
  };
  try {
    const read = { onBatch, onLogits, stop };
    const evaluation = await ofAllRanks(ranks, { lines, scores }, () =>
      evaluate(network, loader, plan.network.input, read),
    );
    if (!evaluation) return null;
    const results = [csvLine(resultColumns()), ...evaluation.lines].join('');
    return { ...evaluation, results, silent: evaluation.scores.notices() };
  } finally {
    await loader.close();
    for (const { path, reason } of loader.skipped) {
      onNotice(`skipped in the evaluation: ${path}: ${reason}`);
    }
    const { count, first } = loader.changed;
    if (first !== null) onNotice(`in the evaluation: ${changedNotice(count, first)}`);
  }
}

/** What is known of images beside counts. */
interface OwnImages {
  /** Of the results, batch by batch. */
  readonly lines: readonly string[];
  readonly scores: SilentScores;
}

/**
 * The evaluation of all images from what each rank has of them.
 *
 * @param own of this rank, once the work is done
 * @returns null if one of the ranks was stopped
 */
async function ofAllRanks(
  ranks: Communicator,
  own: OwnImages,
  work: () => Promise<Evaluation | null>,
): Promise<(Evaluation & OwnImages) | null> {
  if (ranks.size === 1) {
    const evaluation = await work();
    return evaluation && { ...evaluation, ...own };
  }
  const parts = await gatherFrom(ranks, async () => {
    const found = await work();
    if (!found) return null;
    const counts = [...found.counts].map(([loss, count]) => [loss, count.counts()] as const);
    return { counts, lines: own.lines, scores: own.scores.tally(), seconds: found.seconds };
  });
  const sums = new Map<string, TopK>();
  const scores = new SilentScores();
  for (const part of parts) {
    if (!part) return null;
    scores.addTally(part.scores);
    for (const [loss, counts] of part.counts) {
      const sum = sums.get(loss) ?? new TopK();
      sum.addCounts(counts);
      sums.set(loss, sum);
    }
  }
  const most = Math.max(...parts.map((part) => part!.lines.length));
  const inOrder = Array.from({ length: most }, (_, i) => i).flatMap((turn) =>
    parts.flatMap((part) => part!.lines[turn] ?? []),
  );
  const seconds = Math.max(...parts.map((part) => part!.seconds));
  return { heads: resultsOf(sums), counts: sums, seconds, lines: inOrder, scores };
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
