/** Pixels of a part of an image, where that is all that is wanted of it. */
import type { Pixels } from './preprocessing.js';
import type { Size } from './resized-size.js';

/** A part of an image, in pixels. */
export interface Region {
  top: number;
  left: number;
  height: number;
  width: number;
}

/** Its pixels, and where in the whole image they lie. */
export interface ImagePart extends Pixels {
  top: number;
  left: number;
  whole: Size;
  /** Gives back the memory that the pixels lie in, where they were borrowed; they must not be looked at after that. */
  release?(): void;
}

/** Says what is wanted of an image of a size; null: all of it. More may be given. */
export type ChoosePart = (size: Size) => Region | null;

export const wholeImage = (pixels: Pixels): ImagePart => ({
  ...pixels,
  top: 0,
  left: 0,
  whole: { width: pixels.width, height: pixels.height },
});
