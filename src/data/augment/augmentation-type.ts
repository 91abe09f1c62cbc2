import type { z } from 'zod';
import type { ImagePart, Region } from '../images/image-part.js';
import type { Pixels, Preprocessing } from '../images/preprocessing.js';
import type { Size } from '../images/resized-size.js';

/**
 * All that relaybp knows about a way to vary a single image in training: what a config says of it, and what it does to
 * the image, at one of three stages. One file each; `augmentations` lists them in the order in which they run. What it
 * draws derives from (seed, position) and a word of its own, so that none changes what another draws.
 *
 * `Given` is what a config says, `Rule` what is run: plain data that a thread can receive.
 */
export interface AugmentationType<Given extends object, Rule extends object> {
  /** What it is, for editors and docs/config.md. */
  readonly about: string;
  /** What a config says. Threads that load images do without zod, so it is handed in. */
  schema(zod: typeof z): z.ZodType<Given>;
  /** Without it: what the config says. */
  rule?(given: Given): Rule;
  /** Takes the place of a random crop of fixed size, with `crop`: the part of an image of a size that is looked at. */
  region?(image: Size, rule: Rule, at: Draw): Region;
  /** Makes of this region, which lies in `part`, an image of just the crop's size `[height, width]`. */
  crop?(
    part: ImagePart,
    region: Region,
    size: readonly [number, number],
    rule: Rule,
    at: Draw,
  ): Pixels;
  /** Changes the 8-bit RGB values of the crop, not yet mirrored, in place. */
  change?(pixels: Uint8Array, rule: Rule, at: Draw): void;
  /** Changes the normalized input, in place. */
  finish?(input: Input, rule: Rule, at: Draw): void;
}

/** What is drawn from. */
export interface Draw {
  readonly seed: number;
  readonly position: number;
}

/** The input of one position: `[height, width, 3]` in `out` from `offset` on. */
export interface Input {
  readonly out: Float32Array;
  readonly offset: number;
  readonly size: readonly [height: number, width: number];
  readonly preprocessing: Preprocessing;
}

const inOrder = ([low, high]: readonly [number, number]): boolean => low <= high;

/** `[smallest, largest]` */
export const rangeOf = (zod: typeof z, of: z.ZodType<number>) =>
  zod
    .tuple([of, of])
    .refine(inOrder, { error: '[smallest, largest]: the first must not exceed the second' });
