import { divisors, type Preprocessing } from '../data/images/preprocessing.js';
import { Lettering, letter, lineHeight, type Size } from './lettering.js';

/** Raw pixels `[height, width, 3]`, 8 bits. */
export interface Sheet {
  data: Uint8Array;
  width: number;
  height: number;
}

const BACKGROUND = 24;
const GAP = 4;
/** Smaller images are enlarged, each pixel to a square, until they are at least so wide. */
const SMALLEST = 96;
/** From this width on the lettering is large. */
const LARGE = 256;

/**
 * Network inputs side by side as images, each with its lines of text below: normalization undone, values
 * rounded and cut to 0–255.
 *
 * @param images `[n, height, width, 3]`
 * @param captions n times some lines
 */
export async function contactSheet(
  images: Float32Array,
  [height, width]: readonly [number, number],
  captions: readonly (readonly string[])[],
  preprocessing: Pick<Preprocessing, 'mean' | 'std'>,
): Promise<Sheet> {
  const zoom = Math.ceil(Math.max(1, SMALLEST / width));
  const size: Size = width * zoom >= LARGE ? 'large' : 'small';
  const most = Math.max(...captions.map((lines) => lines.length));
  const tile = {
    width: width * zoom + GAP,
    height: height * zoom + GAP + most * lineHeight(size),
  };
  const columns = columnsOf(captions.length, tile);
  const sheet: Sheet = {
    width: GAP + columns * tile.width,
    height: GAP + Math.ceil(captions.length / columns) * tile.height,
    data: new Uint8Array(),
  };
  sheet.data = new Uint8Array(sheet.width * sheet.height * 3).fill(BACKGROUND);
  const lettering = new Lettering(size, width * zoom);
  const masks = await Promise.all(
    captions.map((lines) => Promise.all(lines.map((line) => lettering.line(line)))),
  );
  masks.forEach((lines, i) => {
    const left = GAP + (i % columns) * tile.width;
    const top = GAP + Math.floor(i / columns) * tile.height;
    const image = images.subarray(i * height * width * 3, (i + 1) * height * width * 3);
    place(sheet, visible(image, preprocessing), [height, width], [top, left], zoom);
    lines.forEach((line, n) => {
      const at = [top + height * zoom + 2 + n * lineHeight(size), left] as const;
      letter(sheet.data, sheet.width, line, at, { size, gray: 230 - 50 * n });
    });
  });
  return sheet;
}

/** So many that the sheet is about as wide as it is high, or a little wider. */
function columnsOf(count: number, tile: { width: number; height: number }): number {
  return Math.min(count, Math.ceil(Math.sqrt((count * tile.height * 1.3) / tile.width)));
}

/** Undoes the normalization of one input. */
export function visible(
  image: Float32Array,
  { mean, std }: Pick<Preprocessing, 'mean' | 'std'>,
): Uint8ClampedArray {
  const scales = divisors({ std });
  const pixel = mean.kind === 'pixel';
  // A clamped array rounds to the nearest.
  return Uint8ClampedArray.from(
    image,
    (value, i) => value * scales[i % 3]! + mean.values[pixel ? i : i % 3]!,
  );
}

function place(
  sheet: Sheet,
  image: Uint8ClampedArray,
  [height, width]: readonly [number, number],
  [top, left]: readonly [number, number],
  zoom: number,
): void {
  for (let y = 0; y < height * zoom; y++) {
    for (let x = 0; x < width * zoom; x++) {
      const from = (Math.floor(y / zoom) * width + Math.floor(x / zoom)) * 3;
      const to = ((top + y) * sheet.width + left + x) * 3;
      for (let c = 0; c < 3; c++) sheet.data[to + c] = image[from + c]!;
    }
  }
}
