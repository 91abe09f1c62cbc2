import type { Region } from './image-part.js';
import type { Pixels } from './preprocessing.js';
import type { Size } from './resized-size.js';

/**
 * An image as it was meant, of pixels as they are stored, by the orientation of EXIF: 2 mirrors it, 3 turns it by half,
 * 4 puts it upside down, 5 exchanges rows and columns, 6 turns it by a quarter to the right, 7 exchanges rows and
 * columns from the other corner, 8 turns it by a quarter to the left.
 *
 * @param orientation 1 to 8; 1 gives `pixels` themselves
 */
export function upright(pixels: Pixels, orientation: number): Pixels {
  if (orientation === 1) return pixels;
  const { data, width: across, height: down } = pixels;
  const [width, height] = orientation < 5 ? [across, down] : [down, across];
  // Where the first pixel of the result is stored, and how far away its neighbours to the right and below are.
  const [right, bottom] = [across - 1, (down - 1) * across];
  const [first, toRight, toBelow] = (
    [
      [right, -1, across],
      [right + bottom, -1, -across],
      [bottom, 1, -across],
      [0, across, 1],
      [bottom, -across, 1],
      [right + bottom, -across, -1],
      [right, across, -1],
    ] as const
  )[orientation - 2]!;
  const turned = new Uint8Array(3 * width * height);
  for (let y = 0, to = 0; y < height; y++) {
    for (
      let x = 0, from = 3 * (first + y * toBelow);
      x < width;
      x++, from += 3 * toRight, to += 3
    ) {
      turned[to] = data[from]!;
      turned[to + 1] = data[from + 1]!;
      turned[to + 2] = data[from + 2]!;
    }
  }
  return { data: turned, width, height };
}

/** The size of an image as it is meant, of that as which it is stored. */
export const uprightSize = ({ width, height }: Size, orientation: number): Size =>
  orientation < 5 ? { width, height } : { width: height, height: width };

/** Where a part of an image as it is meant is stored; @param stored size of the stored image */
export function storedRegion(region: Region, orientation: number, stored: Size): Region {
  const { top, left, height, width } = region;
  const turned = orientation >= 5;
  const fromRight = [2, 3, 7, 8].includes(orientation);
  const fromBottom = [3, 4, 6, 7].includes(orientation);
  const [x, across] = turned ? [top, height] : [left, width];
  const [y, down] = turned ? [left, width] : [top, height];
  return {
    top: fromBottom ? stored.height - y - down : y,
    left: fromRight ? stored.width - x - across : x,
    height: down,
    width: across,
  };
}
