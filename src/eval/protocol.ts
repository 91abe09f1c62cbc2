import type { Resizing } from '../config/resizing.js';
import type { Pixels } from '../data/images/preprocessing.js';

/** One input of the network, `[height, width, 3]`. */
export interface NetworkInput {
  data: Float32Array;
  height: number;
  width: number;
}

/** How the scores of an image's inputs become one: the mean of softmax probabilities (paper, §4), or of logits. */
export const AVERAGES = ['softmax', 'logits'] as const;
export type Average = (typeof AVERAGES)[number];

/** A test protocol: which inputs are made of an image. One file per protocol. */
export interface Protocol {
  readonly name: 'single-crop' | 'ten-crop' | 'multi-scale';
  /** Shorter sides that the image is resized to. */
  readonly sides: readonly number[];
  readonly resizing?: Resizing;
  readonly flip: boolean;
  readonly average: Average;
  /** Larger images count as undecodable. */
  readonly maxPixels?: number;
  /** NetworkInput sizes `[height, width]` that the network must be able to take, to find out before the first image. */
  readonly smallest: readonly (readonly [number, number])[];
  /** @param sizes the image at each of `sides` */
  inputs(sizes: readonly Pixels[]): NetworkInput[];
}
