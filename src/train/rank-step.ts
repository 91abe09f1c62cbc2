/** What ranks add up in a training step. */
import { gatherFrom } from '../distributed/agree.js';
import type { Communicator, Operation } from '../distributed/communicator.js';
import type { Engine, Shape } from '../engine/engine.js';
import type { TopK } from '../eval/topk.js';
import { type ExperimentPlan, microBatchesPerRank } from '../experiment/experiment-plan.js';
import { withBatchStatistics } from '../model/network-plan.js';
import type { Parameters } from '../model/parameters.js';
import type { Gradient } from '../relay/layer.js';
import type { StepSums } from '../relay/step.js';

/** Values of a bucket, unless a single gradient has more: large ones are moved faster, small ones can leave earlier. */
const BUCKET = 2 ** 20;

interface Bucket {
  readonly memory: Float32Array;
  readonly entries: { readonly parameter: string; readonly shape: Shape; readonly at: number }[];
  filled: number;
  operation: Operation | null;
}

/** What all ranks found in a step. */
export interface StepFacts {
  /** Losses whose logits were not finite on some rank. */
  readonly broken: ReadonlySet<string>;
  /** Whether a rank is to stop. */
  readonly stop: boolean;
}

/**
 * The sums of one step after another over the ranks.
 *
 * A gradient leaves as soon as this rank has the sum of its micro-batches, in a bucket with those that came before; the
 * step's plan lets gradients come in the same order on all ranks. They are added as float32 in the order of the ranks, so
 * with one micro-batch for each rank the sum is that of one process with as many micro-batches, to the bit. Running
 * statistics follow the micro-batches of all ranks in their order, which is linear in them:
 * `r = a^(n m) r0 + sum over ranks i of a^((n - 1 - i) m) (r_i - a^m r0)`, with `m` micro-batches for each of `n` ranks
 * and `a` one less the momentum.
 */
export class RankStep {
  readonly #ranks: Communicator;
  /** Of the step that is under way: losses, and with them the order of the gradients, may change over the training. */
  #plan: ExperimentPlan;
  readonly #engine: Engine;
  readonly #parameters: Parameters;
  /** Made in the first step, and the same in all. */
  readonly #buckets: Bucket[] = [];
  #filling = 0;
  readonly #ready: Float64Array;
  #readyOperation: Operation | null = null;
  readonly #facts: Float64Array;
  #factsOperation: Operation | null = null;
  readonly #statistics: readonly { name: string; keep: number }[];
  #statisticsMemory: Float64Array | null = null;
  #statisticsOperation: Operation | null = null;

  constructor(ranks: Communicator, plan: ExperimentPlan, engine: Engine, parameters: Parameters) {
    this.#ranks = ranks;
    this.#plan = plan;
    this.#engine = engine;
    this.#parameters = parameters;
    this.#ready = ranks.memory('float64', 1) as Float64Array;
    this.#facts = ranks.memory('float64', 2 * plan.config.losses.length + 5) as Float64Array;
    this.#statistics = withBatchStatistics(plan.layers.values()).flatMap((layer) =>
      layer.parameters
        .filter(({ state }) => state)
        .map(({ name }) => ({ name, keep: 1 - momentumOf(layer) })),
    );
  }

  /** A step begins. */
  begin(plan: ExperimentPlan): void {
    this.#plan = plan;
  }

  /** Of all micro-batches of a step, the number of this rank's first one. */
  get firstMicroBatch(): number {
    return this.#ranks.rank * microBatchesPerRank(this.#plan);
  }

  /** This rank has all images of the step. */
  hasImages(): void {
    this.#ready[0] = 0;
    this.#readyOperation = this.#ranks.allReduce(this.#ready);
  }

  /** This rank cannot have the images of the step. @throws the error, on all ranks */
  async hasNoImages(error: unknown): Promise<never> {
    this.#ready[0] = 1;
    await this.#ranks.allReduce(this.#ready).wait();
    await gatherFrom(this.#ranks, () => {
      throw error;
    });
    throw error;
  }

  /** Takes a gradient, which it borrows, of all micro-batches of this rank. */
  gradient({ parameter, value }: Gradient): void {
    const values = this.#engine.read(value);
    let bucket = this.#buckets[this.#filling];
    if (!bucket || bucket.filled + values.length > bucket.memory.length) {
      if (bucket && bucket.filled > 0) {
        this.#send(bucket);
        this.#filling += 1;
        bucket = this.#buckets[this.#filling];
      }
      if (!bucket || values.length > bucket.memory.length) {
        bucket = this.#newBucket(values.length);
        this.#buckets[this.#filling] = bucket;
      }
    }
    bucket.memory.set(values, bucket.filled);
    bucket.entries.push({ parameter, shape: value.shape, at: bucket.filled });
    bucket.filled += values.length;
    if (bucket.filled === bucket.memory.length) {
      this.#send(bucket);
      this.#filling += 1;
    }
  }

  /** All losses of this rank's micro-batches are known. */
  losses(sums: StepSums, top: TopK, broken: ReadonlySet<string>, stop: boolean): void {
    const names = this.#plan.losses.map(({ name }) => name);
    this.#facts.set([
      ...names.map((name) => sums.losses.get(name)!),
      ...names.map((name) => (broken.has(name) ? 1 : 0)),
      ...top.counts(),
      stop ? 1 : 0,
    ]);
    this.#factsOperation = this.#ranks.allReduce(this.#facts);
  }

  /** This rank's backward pass is done: what is left goes out. */
  end(): void {
    const bucket = this.#buckets[this.#filling];
    if (bucket && bucket.filled > 0) this.#send(bucket);
    this.#filling = 0;
    this.#sendStatistics();
  }

  /**
   * Waits for what all ranks have found; `sums` and `top` are theirs then.
   *
   * @throws the error of a rank that has no images for this step
   */
  async found(sums: StepSums, top: TopK): Promise<StepFacts> {
    await this.#readyOperation!.wait();
    if (this.#ready[0]! > 0) await gatherFrom(this.#ranks, () => null);
    await this.#factsOperation!.wait();
    const names = this.#plan.losses.map(({ name }) => name);
    const n = names.length;
    names.forEach((name, i) => {
      sums.losses.set(name, this.#facts[i]!);
    });
    top.setCounts([...this.#facts.subarray(2 * n, 2 * n + 4)]);
    return {
      broken: new Set(names.filter((_, i) => this.#facts[n + i]! > 0)),
      stop: this.#facts[2 * n + 4]! > 0,
    };
  }

  /** The gradients of all ranks, one after another as they arrive; the taker owns them. */
  async gradients(take: (parameter: string, value: ReturnType<Engine['tensor']>) => void) {
    for (const bucket of this.#buckets) {
      await bucket.operation?.wait();
      bucket.operation = null;
      const { memory, entries } = bucket;
      for (const { parameter, shape, at } of entries.splice(0)) {
        const length = shape.reduce((product, size) => product * size, 1);
        take(parameter, this.#engine.tensor(memory.subarray(at, at + length), shape));
      }
      bucket.filled = 0;
    }
    await this.#takeStatistics();
  }

  /** Of the buckets that a step fills, in bytes; known after the first. */
  get bytes(): number {
    return this.#buckets.reduce((sum, { memory }) => sum + memory.byteLength, 0);
  }

  /** Adds up what the buckets hold once more, while nothing else is done: how long it takes by itself. */
  async exchange(): Promise<void> {
    const operations = this.#buckets.map(({ memory }) => this.#ranks.allReduce(memory));
    for (const operation of operations) await operation.wait();
  }

  #newBucket(least: number): Bucket {
    const memory = this.#ranks.memory('float32', Math.max(BUCKET, least)) as Float32Array;
    return { memory, entries: [], filled: 0, operation: null };
  }

  /** What a bucket holds beyond what was filled in is from another step, and is not looked at. */
  #send(bucket: Bucket): void {
    bucket.operation = this.#ranks.allReduce(bucket.memory);
  }

  #sendStatistics(): void {
    if (this.#statistics.length === 0) return;
    const { rank, size } = this.#ranks;
    const each = microBatchesPerRank(this.#plan);
    const parts = this.#statistics.flatMap(({ name, keep }) => {
      const own = this.#engine.read(this.#parameters.value(name));
      const before = this.#parameters.before(name);
      const later = keep ** ((size - 1 - rank) * each);
      return [...own].map((value, i) => later * (value - keep ** each * before[i]!));
    });
    this.#statisticsMemory ??= this.#ranks.memory('float64', parts.length) as Float64Array;
    this.#statisticsMemory.set(parts);
    this.#statisticsOperation = this.#ranks.allReduce(this.#statisticsMemory);
  }

  async #takeStatistics(): Promise<void> {
    if (this.#statistics.length === 0) return;
    await this.#statisticsOperation!.wait();
    const all = microBatchesPerRank(this.#plan) * this.#ranks.size;
    let at = 0;
    for (const { name, keep } of this.#statistics) {
      const before = this.#parameters.before(name);
      const sums = this.#statisticsMemory!.subarray(at, at + before.length);
      at += before.length;
      const kept = keep ** all;
      const now = before.map((value, i) => kept * value + sums[i]!);
      this.#engine.assign(this.#parameters.value(name), now);
    }
  }
}

function momentumOf(layer: object): number {
  if ('momentum' in layer && typeof layer.momentum === 'number') return layer.momentum;
  throw new Error('a layer with running statistics has a momentum');
}
