/**
 * Which form a convolution takes on the native engine: direct (oneDNN's), or Winograd's minimal filtering F(4x4, 3x3)
 * (`native/cpp/winograd.h`, docs/decisions/winograd.md). A fixed rule on shapes and the instruction set, so that the same
 * training takes the same forms, and gives the same bits, every time.
 */
import { instructionSets, limitedTo } from './cpu.js';
import type { Shape, Window } from './engine.js';

export const CONVOLUTION_CHOICES = ['auto', 'direct'] as const;
/** `auto`: by the rule below; `direct`: none takes Winograd's. */
export type ConvolutionChoice = (typeof CONVOLUTION_CHOICES)[number];

/** Output pixels of a tile along each axis, and of the input that it sees. */
const TILE = 4;
const SEEN = 6;
/** Channels go in blocks: what is left over of one costs as much as a whole one. */
const BLOCK = 16;
/** What transforms cost, in multiply-adds: of a value of a map, and of a filter in tiles. Measured on AVX-512. */
const MAP_COST = 10;
const FILTER_COST = 100;
/** It takes so much less work, or the direct form stays. */
const WORTH = 1.2;

/** Whether a window is one that Winograd's form can compute: 3x3 pixels, one apart. */
export const isWinogradWindow = ({ kernel, stride }: Pick<Window, 'kernel' | 'stride'>): boolean =>
  kernel.every((size) => size === 3) && stride.every((step) => step === 1);

/**
 * By how much less work Winograd's form needs than the direct one, its transforms included; 0 where it cannot compute this.
 *
 * @param output `[batch, height, width, channels]`
 */
export function winogradGain(
  window: Pick<Window, 'kernel' | 'stride'>,
  channels: number,
  output: Shape,
): number {
  if (!isWinogradWindow(window)) return 0;
  const [batch = 0, height = 0, width = 0, outputs = 0] = output;
  const tiles = batch * Math.ceil(height / TILE) * Math.ceil(width / TILE);
  const [c, k] = [channels, outputs].map((count) => Math.ceil(count / BLOCK) * BLOCK) as [
    number,
    number,
  ];
  const winograd = SEEN ** 2 * (c * k * (tiles + FILTER_COST) + MAP_COST * tiles * (c + k));
  return winograd === 0 ? 0 : (9 * batch * height * width * channels * outputs) / winograd;
}

/** Whether so large a gain makes a layer take Winograd's form, where it is there and not switched off. */
export const winogradIsWorth = (gain: number): boolean => gain >= WORTH;

/** Whether this CPU has the vectors that make Winograd's form worthwhile, and the environment allows them. */
export function hasWinogradVectors(): boolean {
  const sets = instructionSets();
  return sets.includes('avx2') && sets.includes('fma') && !limitedTo(/^(SSE41|AVX)$/i);
}

/**
 * Bytes that Winograd's operations need about, on top of their operands, in any of the three passes: filters, or sums for
 * them, in 36 points, and the tiles that are in work; as `winograd.h` cuts them.
 */
export function winogradWorkspace(channels: number, output: Shape): number {
  const [batch = 0, height = 0, width = 0, outputs = 0] = output;
  const tiles = batch * Math.ceil(height / TILE) * Math.ceil(width / TILE);
  const atOnce = (floats: number): number => Math.min(4 * SEEN ** 2 * floats, SHARED);
  return atOnce(channels * outputs) + atOnce(tiles * (channels + outputs));
}
/** Bytes; `kSharedCache` in winograd.h. */
const SHARED = 2 ** 24;
