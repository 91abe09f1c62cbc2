import { setImmediate } from 'node:timers/promises';
import { type ImageIndex, imagePath } from '../data/index/image-index.js';
import { decodedImages } from '../data/loader/decoded-images.js';
import { FailurePolicy, type OnError } from '../data/loader/failure-policy.js';
import type { Engine } from '../engine/engine.js';
import { CheckpointError } from '../errors.js';
import { allFinite } from '../finite.js';
import type { DenseNetwork } from './dense-network.js';
import { averageInputs } from './log-probabilities.js';
import type { Protocol } from './protocol.js';
import { type ShapeBatch, ShapeBatches } from './shape-batches.js';

/** What a network says about one image. */
export interface ScoredImage {
  /** Image index. */
  index: number;
  /** Log-probabilities `[classes]`; null if the file could not be decoded. */
  row: Float32Array | null;
  /** Why the file could not be decoded, else null. */
  reason: string | null;
  /** Whether the file is not as the index says. */
  changed: boolean;
}

export interface ScoreOptions {
  dataset: ImageIndex;
  protocol: Protocol;
  /** Images of the training size that go through the network together; of larger ones fewer. */
  batchSize: number;
  onError: OnError;
}

/** An image whose inputs are on their way. */
interface Pending {
  index: number;
  reason: string | null;
  changed: boolean;
  /** Logits of its inputs, in the protocol's order. */
  rows: Float32Array[];
  missing: number;
}

type Tag = { image: Pending; input: number };

/** Batches' worth of pixels that may wait in groups of equal size, and of images that an input may wait for. */
const WAITING = 8;
const PATIENCE = 64;
/** Images decoded ahead: a batch's worth within these limits, so that decoding goes on while a batch runs. */
const AHEAD = { least: 16, most: 64 };

/**
 * Scores all images of a data set by a test protocol, in order. What a row holds does not depend on which images
 * were grouped with it (up to the engine's rounding).
 *
 * @throws ConfigError before the first image if the network cannot take the protocol's inputs
 * @throws DataError as the policy for undecodable files says
 * @throws CheckpointError if the network's scores of an image are not finite
 */
export async function* scoreImages(
  network: DenseNetwork,
  options: ScoreOptions,
): AsyncGenerator<ScoredImage> {
  const { dataset, protocol, batchSize, onError } = options;
  for (const [height, width] of protocol.smallest) network.check(height, width);
  const [height, width] = network.plan.input as [number, number, number];
  const batch = batchSize * height * width;
  const groups = new ShapeBatches<Tag>({
    batch,
    waiting: WAITING * batch,
    patience: PATIENCE * batchSize,
  });
  const runner = new BatchRunner(network, dataset);
  const policy = new FailurePolicy(dataset, onError);
  const queue: Pending[] = [];
  const { sides, resizing, maxPixels } = protocol;
  const ahead = Math.min(Math.max(batchSize, AHEAD.least), AHEAD.most);
  for await (const decoded of decodedImages({ dataset, sides, resizing, maxPixels, ahead })) {
    const { index, reason, changed, sizes } = decoded;
    if (reason !== null) policy.apply([{ image: index, reason }]);
    const inputs = reason === null ? protocol.inputs(sizes) : [];
    const image: Pending = { index, reason, changed, rows: [], missing: inputs.length };
    queue.push(image);
    for (const [input, each] of inputs.entries()) {
      for (const due of groups.add(each, { image, input })) await runner.run(due);
    }
    yield* finished(queue, protocol);
  }
  for (const due of groups.drain()) await runner.run(due);
  yield* finished(queue, protocol);
}

/** Takes the images off the front of the queue that have all their rows. */
function* finished(queue: Pending[], { average }: Protocol): Generator<ScoredImage> {
  while (queue[0]?.missing === 0) {
    const { index, reason, changed, rows } = queue.shift()!;
    const row = reason === null ? Float32Array.from(averageInputs(rows, average)) : null;
    yield { index, row, reason, changed };
  }
}

/** Runs batches; all are put together in one buffer, which grows to the largest. */
class BatchRunner {
  private staging = new Float32Array(0);
  private readonly engine: Engine;

  constructor(
    private readonly network: DenseNetwork,
    private readonly dataset: ImageIndex,
  ) {
    this.engine = network.engine;
  }

  async run({ height, width, items }: ShapeBatch<Tag>): Promise<void> {
    const size = height * width * 3;
    if (this.staging.length < items.length * size) {
      this.staging = new Float32Array(items.length * size);
    }
    for (const [i, { data }] of items.entries()) this.staging.set(data, i * size);
    const values = this.staging.subarray(0, items.length * size);
    const tensor = this.engine.tensor(values, [items.length, height, width, 3]);
    try {
      const scores = this.network.scores(tensor);
      const { classes } = this.network;
      for (const [i, { tag }] of items.entries()) {
        const row = scores.slice(i * classes, (i + 1) * classes);
        if (!allFinite(row)) throw noNumbers(imagePath(this.dataset, tag.image.index));
        tag.image.rows[tag.input] = row;
        tag.image.missing -= 1;
      }
    } finally {
      this.engine.dispose(tensor);
    }
    await setImmediate(); // lets signals and decoded images in
  }
}

function noNumbers(image: string): CheckpointError {
  return new CheckpointError(
    `${image}: the network's scores of this image are not finite numbers`,
    'the weights are finite, but so large that maps overflow: take an earlier checkpoint, or train with a lower optimizer.lr',
  );
}
