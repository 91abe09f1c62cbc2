/** How much of a JPEG's size the decoder itself can take away, which is much cheaper than resizing. */

import type { Size } from './resized-size.js';

/** No pixel may be moved by more than this, in pixels of the result. */
const MOST_MOVED = 0.25;

/** From here on sharp shrinks by itself what has been shrunk already, and fails at it. */
const SHARP_SHRINKS_FROM = 4;

/**
 * The factor (1, 2, 4 or 8) that a JPEG is to be decoded at before it is resized: the largest that leaves the shorter
 * side at least `resize` long. The decoder drops the rows and columns that do not fill a block, and resizing spreads
 * the rest over the whole result; a factor that would so move a pixel by more than a quarter is not taken.
 *
 * At worst, with nothing left to resize, the result differs from a Lanczos resize of the whole image by less than a
 * bilinear resize of it does.
 */
export function shrinkFactor({ width, height }: Size, resize: number): 1 | 2 | 4 | 8 {
  const short = Math.min(width, height);
  const moved = (factor: number): number =>
    (Math.max(width % factor, height % factor) * resize) / short;
  const factor = ([8, 4, 2] as const).find(
    (f) => Math.floor(short / f) >= resize && moved(f) <= MOST_MOVED,
  );
  return factor ?? 1;
}

/** The same for libvips where sharp resizes what it gives. @returns null if this is better left to sharp */
export function sharpsFactor(size: Size, resize: number): 1 | 2 | 4 | 8 | null {
  const factor = shrinkFactor(size, resize);
  const short = Math.min(size.width, size.height);
  return short / factor < SHARP_SHRINKS_FROM * resize ? factor : null;
}
