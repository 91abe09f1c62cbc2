/**
 * Which convolutions of the wasm engine take Winograd's form, and in what blocks: fixed rules on shapes, so that the same
 * training gives the same bits every time. How many images there are together does not matter: an image's output does
 * not depend on the batch that it is in.
 */
import { isWinogradWindow } from '../convolution-form.js';
import type { Window } from '../engine.js';

/** Output pixels of a tile along each axis, of the input that it sees, and points of its transforms. */
export const TILE = 4;
export const SEEN = 6;
export const POINTS = SEEN ** 2;

/** What transforms cost, in multiply-adds: of a value of a map in a point. Measured. */
const MAP_COST = 8;

/** What a convolution is for, with how many times less work makes Winograd's form worth it. */
export const WORTH = {
  /** The direct form is TensorFlow.js's kernel, which keeps packed filters. */
  output: 1.2,
  /** The direct form spreads out and packs both operands, and is five to ten times as slow as that. */
  filterGradient: 0.4,
} as const;

/** Bytes of transformed tiles in work at once: they should stay in a core's own cache. */
const TILE_BYTES = 2 ** 19;
const [FEWEST_TILES, MOST_TILES] = [24, 128] as const;
/** Bytes of transformed filters, or of sums for them, at once. */
const FILTER_BYTES = 2 ** 24;

export const roundUp = (count: number, multiple: number): number =>
  Math.ceil(count / multiple) * multiple;

/** Whether it computes this, and pays. `output`: height and width. */
export function takesWinograd(
  purpose: keyof typeof WORTH,
  window: Pick<Window, 'kernel' | 'stride'>,
  channels: number,
  [height, width]: readonly [number, number],
  outputs: number,
): boolean {
  if (!isWinogradWindow(window) || outputs % 4 !== 0) return false;
  const tiles = Math.ceil(height / TILE) * Math.ceil(width / TILE);
  const [c, k] = [roundUp(channels, 4), roundUp(outputs, 8)];
  const work = POINTS * tiles * (c * k + MAP_COST * (c + k));
  return 9 * height * width * channels * outputs >= WORTH[purpose] * work;
}

/** How an operation is cut: images whose tiles are in work at once, their tiles (rounded up to fours), and outputs. */
export interface Blocks {
  images: number;
  tiles: number;
  outputs: number;
}

/** @param perImage tiles of an image */
export function blocksOf(
  batch: number,
  perImage: number,
  channels: number,
  outputs: number,
): Blocks {
  const c = roundUp(channels, 4);
  const fitting = Math.floor(FILTER_BYTES / (4 * POINTS * c * 8)) * 8;
  const k = Math.min(roundUp(outputs, 8), Math.max(8, fitting));
  const cached = Math.floor(TILE_BYTES / (4 * POINTS * (c + k)));
  const most = Math.floor(Math.min(Math.max(cached, FEWEST_TILES), MOST_TILES) / 4) * 4;
  const images = Math.min(batch, Math.max(1, Math.floor(most / perImage)));
  const tiles = Math.min(most, roundUp(images * perImage, 4));
  return { images, tiles, outputs: Math.min(k, outputs) };
}
