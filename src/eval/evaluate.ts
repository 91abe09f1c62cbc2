import { setImmediate } from 'node:timers/promises';
import type { Batch } from '../data/loader/loader.js';
import type { Tensor } from '../engine/engine.js';
import { forward, type TestNetwork } from './forward.js';
import { TopK } from './topk.js';

/** Where batches come from: a Loader over a finite range. */
export interface BatchSource {
  next(): Promise<Batch | null>;
}

/** Percentages over the images that count; `loss` is the mean cross-entropy. */
export type HeadResult = ReturnType<TopK['result']>;

export interface Evaluation {
  /** By loss name, in the order of the network's heads. */
  heads: Map<string, HeadResult>;
  /** What that is made of. */
  counts: Map<string, TopK>;
  seconds: number;
}

/**
 * Evaluates the network on every image of the source; a partial last batch counts exactly.
 *
 * @param input `[height, width, channels]`
 * @param onBatch called after each batch with the images done so far
 * @param stop checked after each batch; when it says true the evaluation is given up and null is returned
 */
export async function evaluate(
  network: TestNetwork,
  source: BatchSource,
  input: readonly number[],
  options: {
    onBatch?: (images: number) => void;
    /** At each head, with its logits `[size, classes]`; the batch is borrowed. */
    onLogits?: (loss: string, logits: Float32Array, batch: Batch) => void;
    stop?: () => boolean;
  } = {},
): Promise<Evaluation | null> {
  const start = performance.now();
  const counts = new Map(network.heads.map((head) => [head.loss, new TopK()]));
  let done = 0;
  for (let batch = await source.next(); batch; batch = await source.next()) {
    const { images, labels, size } = batch;
    const tensor = network.engine.tensor(images, [size, ...input]);
    const count = (loss: string, logits: Tensor): void => {
      const values = network.engine.read(logits);
      counts.get(loss)!.add(values, labels);
      options.onLogits?.(loss, values, batch);
    };
    try {
      forward(network, tensor, count);
    } finally {
      network.engine.dispose(tensor);
      batch.release();
    }
    done += size;
    options.onBatch?.(done);
    await setImmediate(); // lets signals and the loader's messages in
    if (options.stop?.()) return null;
  }
  return {
    heads: resultsOf(counts),
    counts,
    seconds: (performance.now() - start) / 1000,
  };
}

export function resultsOf(counts: ReadonlyMap<string, TopK>): Map<string, HeadResult> {
  return new Map([...counts].map(([loss, count]) => [loss, count.result()]));
}
