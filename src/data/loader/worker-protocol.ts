/** What the loader and its decoding workers tell each other. */
import type { Augmentation } from '../augment/augment.js';
import type { PixelCacheMemory } from '../images/pixel-cache.js';
import type { Preprocessing } from '../images/preprocessing.js';
import type { ClassLists } from '../index/class-lists.js';
import type { ImageIndex } from '../index/image-index.js';
import type { SamplerSpec } from '../sampling/sampler.js';

/** One micro-batch in shared memory. The worker owns it until it says 'filled', then the loader. */
export interface BatchBuffer {
  /** [batchSize, h, w, 3], ready to feed. */
  images: Float32Array;
  /** [batchSize]; −1: undecodable, does not count. */
  labels: Int32Array;
  /** [batchSize]: image index. */
  indices: Int32Array;
  /** With mixing: of each image the one that was mixed into it. */
  mixed: Mixed | null;
}

/** What the images of a batch were mixed with; an image that was not mixed has itself here, and the share 1. */
export interface Mixed {
  /** [batchSize]: label of the other image. */
  labels: Int32Array;
  /** [batchSize]: its image index. */
  indices: Int32Array;
  /** [batchSize]: the share that the image keeps of its own, and its label of the target. */
  shares: Float32Array;
}

export interface WorkerSetup {
  dataset: ImageIndex;
  /** In shared memory: made once for all workers. */
  lists: ClassLists;
  sampler: SamplerSpec;
  preprocessing: Preprocessing;
  augment: Augmentation | null;
  seed: number;
  /** Position of the first image of batch 0. */
  start: number;
  /** Position after the last image; Infinity: no end. */
  end: number;
  /** Images per batch. */
  batchSize: number;
  share: Share;
  buffers: BatchBuffer[];
  /** This worker fills the batches first, first + step, first + 2·step, … */
  first: number;
  step: number;
  /** Images decoded at once. */
  lanes: number;
  /** Decoded pixels that are kept for the next epochs, by all workers together; null: none. */
  cache: PixelCacheMemory | null;
}

/** The loader gives a buffer back, or asks the worker to finish what it decodes and exit. */
export type ToWorker = { kind: 'release'; buffer: number } | { kind: 'close' };

/** A file that could not be decoded. */
export interface Failure {
  image: number;
  reason: string;
}

export type FromWorker =
  | {
      kind: 'filled';
      batch: number;
      buffer: number;
      size: number;
      failures: Failure[];
      /** Images whose files are not as the index says. */
      changed: number[];
    }
  /** Not a file's fault: the worker cannot go on. */
  | { kind: 'broken'; message: string };

/**
 * Which batches of a stream a loader gives: with several ranks, each takes turns. Batches come in groups of
 * `ranks · perTurn`, of which this rank has `perTurn` one after another.
 */
export interface Share {
  rank: number;
  ranks: number;
  /** Batches at a time. */
  perTurn: number;
}

export const ALL: Share = { rank: 0, ranks: 1, perTurn: 1 };

/** Position of the first image of batch k. */
export function firstPosition(
  { start, batchSize, share }: Pick<WorkerSetup, 'start' | 'batchSize' | 'share'>,
  k: number,
): number {
  const { rank, ranks, perTurn } = share;
  const turn = Math.floor(k / perTurn);
  return start + ((turn * ranks + rank) * perTurn + (k % perTurn)) * batchSize;
}

/** Images that batch k holds: `batchSize`, fewer in a partial last batch, 0 after the end. */
export function imagesIn(
  setup: Pick<WorkerSetup, 'start' | 'end' | 'batchSize' | 'share'>,
  k: number,
): number {
  return Math.max(0, Math.min(setup.batchSize, setup.end - firstPosition(setup, k)));
}
