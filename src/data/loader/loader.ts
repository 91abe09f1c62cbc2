/**
 * Batches of decoded images, prepared ahead by worker threads.
 *
 * The main thread is busy inside the engine for seconds at a time, so decoding must not need it:
 * workers fill a ring of shared-memory buffers, one micro-batch each, and only the two messages
 * "filled" and "release" pass per batch. While the main thread is blocked, the workers go on until
 * the ring is full. Batch k always covers the positions start + k·batchSize … (of a rank's share: `firstPosition`), and what it holds depends
 * on (dataset, sampler, preprocessing, augment, seed, position) only: neither on timing, nor on the
 * depth of the ring or the number of workers, nor on where the run was resumed.
 */

import type { Worker } from 'node:worker_threads';
import { DataError } from '../../errors.js';
import { processors } from '../../processors.js';
import type { Augmentation } from '../augment/augment.js';
import { type PromiseWithResolvers, withResolvers } from '../deferred.js';
import { pixelCacheMemory } from '../images/pixel-cache.js';
import { cropSize, type Preprocessing } from '../images/preprocessing.js';
import { sharedClassLists } from '../index/class-lists.js';
import type { ImageIndex } from '../index/image-index.js';
import type { SamplerSpec } from '../sampling/sampler.js';
import { startWorker } from '../worker-thread.js';
import { type ChangedFiles, FailurePolicy, type OnError, type Skipped } from './failure-policy.js';
import { checkSizes } from './image-reader.js';
import {
  ALL,
  type BatchBuffer,
  type FromWorker,
  imagesIn,
  type Mixed,
  type Share,
  type WorkerSetup,
} from './worker-protocol.js';

export interface LoaderOptions {
  dataset: ImageIndex;
  sampler: SamplerSpec;
  /** Position of the first image. */
  start: number;
  /** Position after the last image: finite for evaluation; default: no end. */
  end?: number;
  /** Images per micro-batch. */
  batchSize: number;
  /** Which micro-batches it gives; default: all. */
  share?: Share;
  /** Micro-batches decoded ahead, at least 2; default 4. Memory: buffers · batchSize · h · w · 12 bytes. */
  buffers?: number;
  preprocessing: Preprocessing;
  /** Null: evaluation, i.e. centre crops, and an undecodable image gets the label −1. */
  augment: Augmentation | null;
  /** Seed of the augmentation. */
  seed: number;
  onError: OnError;
  /** Worker threads, each of which decodes; default: one per processor of ours, at most one per buffer. */
  workers?: number;
  /** Images in work at once, over all workers; default: two more than processors, as some wait for their file. */
  lanes?: number;
  /** Bytes of decoded, resized images kept for the next epochs; default 256 MiB, 0: none. */
  cacheBytes?: number;
}

export interface Batch {
  /** [size, h, w, 3], a view into the buffer: valid until release(). */
  images: Float32Array;
  /** [size]; −1: undecodable, must not count. Valid until release(). */
  labels: Int32Array;
  /** [size]: image indices. Valid until release(). */
  indices: Int32Array;
  /** What each image was mixed with; null or absent: nothing. Valid until release(). */
  mixed?: Mixed | null;
  /** Images in this batch; fewer than `batchSize` in a partial last one. */
  size: number;
  /** Give the buffer back to the worker. Calling it again has no effect. */
  release(): void;
}

interface Thread {
  worker: Worker;
  buffers: BatchBuffer[];
  exited: Promise<void>;
  /** Batches of this thread that are asked for or handed out and not yet released. */
  held: number;
}

type Filled = Extract<FromWorker, { kind: 'filled' }>;

const DEFAULT_CACHE = 256 * 1024 * 1024;
/** How long close() waits for images that are being decoded before it ends the thread. */
const CLOSE_MS = 5000;

export class Loader {
  readonly #options: LoaderOptions & { end: number; share: Share };
  readonly #threads: Thread[] = [];
  readonly #policy: FailurePolicy;
  readonly #ready = new Map<number, Filled>();
  readonly #waiting = new Map<number, PromiseWithResolvers<Filled | null>>();
  #next = 0;
  #waitedMs = 0;
  #failed: Error | null = null;
  #closing: Promise<void> | null = null;

  /** Starts the workers, which begin to decode at once. */
  constructor(options: LoaderOptions) {
    const { end = Number.POSITIVE_INFINITY, share = ALL } = options;
    this.#options = { ...options, end, share };
    checkSizes(options.dataset, options.preprocessing.resize, options.preprocessing.resizing);
    this.#policy = new FailurePolicy(options.dataset, options.onError);
    const buffers = Math.max(2, options.buffers ?? 4);
    const workers = Math.min(Math.max(1, options.workers ?? processors()), buffers);
    const cache = pixelCacheMemory(options.cacheBytes ?? DEFAULT_CACHE, options.dataset.count);
    for (let w = 0; w < workers; w++) {
      const own = Math.floor(buffers / workers) + (w < buffers % workers ? 1 : 0);
      this.#threads.push(this.#startThread({ first: w, step: workers, cache }, own));
    }
  }

  /** Milliseconds that next() has waited for images, in total. */
  get waitedMs(): number {
    return this.#waitedMs;
  }

  /** Files left out so far, each once, in the order of their first appearance. */
  get skipped(): readonly Skipped[] {
    return this.#policy.skipped;
  }

  /** Files that are not as they were when the index was made; they are used as they are. */
  get changed(): ChangedFiles {
    return this.#policy.changed;
  }

  /**
   * The next batch; null after the last one and after close(). At most `buffers` batches (with
   * several workers: each worker's share) may be held unreleased. The process is kept alive while next() waits, and not otherwise.
   * @throws DataError if a file is undecodable and the policy says so, or a worker has failed
   */
  async next(): Promise<Batch | null> {
    if (this.#closing) return null;
    if (this.#failed) throw this.#failed;
    const k = this.#next;
    if (imagesIn(this.#options, k) === 0) return null;
    const thread = this.#threads[k % this.#threads.length]!;
    checkHeld(thread);
    this.#next++;
    thread.held++;
    const filled = this.#ready.get(k) ?? (await this.#wait(k));
    this.#ready.delete(k);
    if (!filled) return null;
    const batch = this.#batch(thread, filled);
    try {
      this.#policy.noteChanged(filled.changed);
      this.#policy.apply(filled.failures);
      if (this.#options.augment) this.#policy.checkClasses(batch.labels, batch.indices);
      if (batch.mixed) this.#policy.checkClasses(batch.mixed.labels, batch.mixed.indices);
    } catch (error) {
      batch.release();
      throw error;
    }
    return batch;
  }

  /** Ends the workers. A pending next() gives null. Batches still held stay readable. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const waiting of this.#waiting.values()) waiting.resolve(null);
    this.#waiting.clear();
    await Promise.all(
      this.#threads.map(async ({ worker, exited }) => {
        worker.ref();
        worker.postMessage({ kind: 'close' });
        const timer = setTimeout(() => void worker.terminate(), CLOSE_MS);
        await exited;
        clearTimeout(timer);
      }),
    );
  }

  #startThread(part: Pick<WorkerSetup, 'first' | 'step' | 'cache'>, count: number): Thread {
    const options = this.#options;
    const lanes = options.lanes ?? processors() + 2;
    const [h, w] = cropSize(options.preprocessing);
    const buffers = Array.from({ length: count }, () =>
      newBuffer(options.batchSize, h * w * 3, Boolean(options.augment?.mixing)),
    );
    const setup: WorkerSetup = {
      dataset: options.dataset,
      lists: sharedClassLists(options.dataset),
      sampler: options.sampler,
      preprocessing: options.preprocessing,
      augment: options.augment,
      seed: options.seed,
      start: options.start,
      end: options.end,
      batchSize: options.batchSize,
      share: options.share,
      buffers,
      ...part,
      lanes: Math.max(1, Math.ceil(lanes / part.step)),
    };
    const worker = startWorker(setup);
    worker.on('message', (message: FromWorker) => this.#receive(message));
    worker.on('error', (error) => this.#fail(`a decoding worker failed: ${error.message}`));
    const exited = new Promise<void>((resolve) => {
      worker.once('exit', (code) => {
        if (code !== 0) this.#fail(`a decoding worker ended with code ${code}`);
        resolve();
      });
    });
    worker.unref();
    return { worker, buffers, exited, held: 0 };
  }

  #receive(message: FromWorker): void {
    if (message.kind === 'broken') {
      this.#fail(`a decoding worker failed: ${message.message}`);
      return;
    }
    const waiting = this.#waiting.get(message.batch);
    this.#waiting.delete(message.batch);
    if (waiting) waiting.resolve(message);
    else this.#ready.set(message.batch, message);
  }

  #fail(message: string): void {
    if (this.#failed || this.#closing) return;
    this.#failed = new DataError(
      message,
      'not the fault of one image: check the preprocessing and the free memory',
    );
    for (const waiting of this.#waiting.values()) waiting.reject(this.#failed);
    this.#waiting.clear();
  }

  async #wait(k: number): Promise<Filled | null> {
    const began = performance.now();
    const waiting = withResolvers<Filled | null>();
    this.#waiting.set(k, waiting);
    for (const { worker } of this.#threads) worker.ref();
    try {
      return await waiting.promise;
    } finally {
      this.#waitedMs += performance.now() - began;
      if (this.#waiting.size === 0) for (const { worker } of this.#threads) worker.unref();
    }
  }

  #batch(thread: Thread, { buffer, size }: Filled): Batch {
    const { images, labels, indices, mixed } = thread.buffers[buffer]!;
    const perImage = images.length / this.#options.batchSize;
    let held = true;
    return {
      images: images.subarray(0, size * perImage),
      labels: labels.subarray(0, size),
      indices: indices.subarray(0, size),
      mixed: mixed && {
        labels: mixed.labels.subarray(0, size),
        indices: mixed.indices.subarray(0, size),
        shares: mixed.shares.subarray(0, size),
      },
      size,
      release: () => {
        if (!held) return;
        held = false;
        thread.held--;
        thread.worker.postMessage({ kind: 'release', buffer });
      },
    };
  }
}

/** Without a free buffer the worker could never fill the batch that is asked for. */
function checkHeld({ held, buffers }: Thread): void {
  if (held < buffers.length) return;
  throw new Error(`all ${buffers.length} buffers are held: release() a batch before the next one`);
}

function newBuffer(size: number, perImage: number, mixing: boolean): BatchBuffer {
  const integers = (): Int32Array => new Int32Array(new SharedArrayBuffer(4 * size));
  const floats = (count: number): Float32Array =>
    new Float32Array(new SharedArrayBuffer(4 * count));
  return {
    images: floats(size * perImage),
    labels: integers(),
    indices: integers(),
    mixed: mixing ? { labels: integers(), indices: integers(), shares: floats(size) } : null,
  };
}
