/**
 * From decoded pixels to a network's input.
 *
 * Pixel convention: RGB on the 0–255 scale, minus the mean, then divided by `std` if one is given.
 * The paper subtracts the mean image and divides by nothing, which is the default here.
 */

import type { Interpolation, Resizing, SizeProtocol } from '../../config/resizing.js';

/** How images are usually resized, here and by sharp (libvips): antialiased where they shrink. */
export const RESIZING_KERNEL = 'lanczos3' satisfies Interpolation;

export type Triple = readonly [number, number, number];

/** What is subtracted: an image of the crop's size, or one number per channel; 0–255 scale. */
export type Mean =
  | { kind: 'pixel'; values: Float32Array /* [height, width, 3] of the crop */ }
  | { kind: 'channel'; values: Triple };

export interface Preprocessing {
  /** The filter, and whose sizes and centre crops; default: the usual ones. */
  resizing?: Resizing;
  /** Length in pixels that the shorter side is resized to, up or down, keeping the aspect ratio. */
  resize: number;
  /** Size of the crop: a side, or [height, width]; at most `resize`. */
  crop: number | readonly [number, number];
  mean: Mean;
  /** Divisor after the mean subtraction, 0–255 scale: one number or [r, g, b]. Default: none. */
  std?: number | Triple | null;
  /** Width times height of the largest image that is decoded; default 100 million. */
  maxPixels?: number;
}

/** Decoded pixels: 8-bit RGB, row by row, [height, width, 3]. */
export interface Pixels {
  data: Uint8Array;
  width: number;
  height: number;
  /** Does what `writeInput` does of them, to the same bits, in less time. @returns false if it cannot */
  write?(target: InputTarget): boolean;
}

/** Where a view of an image goes as numbers: (pixel + add) · scale of each channel. */
export interface InputTarget {
  out: Float32Array;
  offset: number;
  view: View;
  /** [height, width] of the crop. */
  size: readonly [number, number];
  add: Triple;
  scale: Triple;
}

/** What is cut out of the resized image, and how it is changed. */
export interface View {
  /** Offset of the crop's first row and column in the resized image. */
  top: number;
  left: number;
  /** Mirror the crop left to right. */
  flip: boolean;
  /** Added to every pixel of each channel, 0–255 scale. Not clipped. */
  shift: Triple;
}

/** [height, width] of the crop. */
export function cropSize(preprocessing: Pick<Preprocessing, 'crop'>): [number, number] {
  const { crop } = preprocessing;
  return typeof crop === 'number' ? [crop, crop] : [crop[0], crop[1]];
}

/** The divisors of red, green and blue. */
export function divisors({ std }: Pick<Preprocessing, 'std'>): Triple {
  return typeof std === 'number' ? [std, std, std] : (std ?? [1, 1, 1]);
}

/** The mean of each channel, also of a mean image. */
export function channelMean({ mean }: Pick<Preprocessing, 'mean'>): number[] {
  const { values } = mean;
  return [0, 1, 2].map((c) => {
    let sum = 0;
    for (let i = c; i < values.length; i += 3) sum += values[i]!;
    return sum / (values.length / 3);
  });
}

/**
 * The centre crop, offsets floor((H − crop) / 2), unchanged (paper, "single crop" testing). torchvision rounds as Python
 * does, halves to the even number: for a crop of 224 it begins at 0 of 225 and at 2 of 227.
 */
export function centreView(
  pixels: Pick<Pixels, 'height' | 'width'>,
  [h, w]: readonly [number, number],
  protocol: SizeProtocol = 'relaybp',
): View {
  const begin = protocol === 'torchvision' ? halfToEven : halfDown;
  const top = begin(pixels.height - h);
  const left = begin(pixels.width - w);
  return { top, left, flip: false, shift: [0, 0, 0] };
}

const halfDown = (rest: number): number => Math.floor(rest / 2);

const halfToEven = (rest: number): number =>
  rest % 4 === 3 ? (rest + 1) / 2 : Math.floor(rest / 2);

/**
 * Write one view as network input, (pixel + shift − mean) / std, into `out` from `offset` on.
 *
 * The mean image is aligned with the input after the flip: it is itself not mirrored.
 * @param out receives h·w·3 values, [h, w, 3]
 * @throws RangeError if the view does not lie in the image or the mean has another size
 */
export function writeInput(
  out: Float32Array,
  offset: number,
  pixels: Pixels,
  view: View,
  [h, w]: readonly [number, number],
  preprocessing: Pick<Preprocessing, 'mean' | 'std'>,
): void {
  const { top, left, flip, shift } = view;
  if (top < 0 || left < 0 || top + h > pixels.height || left + w > pixels.width) {
    throw new RangeError(
      `a ${h}×${w} crop at row ${top}, column ${left} does not lie in a ` +
        `${pixels.height}×${pixels.width} image: the crop must not exceed the resized shorter side`,
    );
  }
  const { mean, std } = preprocessing;
  if (mean.kind === 'pixel' && mean.values.length !== h * w * 3) {
    const has = mean.values.length;
    throw new RangeError(`the mean image has ${has} values; a ${h}×${w} crop needs ${h * w * 3}`);
  }
  const { data } = pixels;
  const scale = divisors({ std }).map((divisor) => 1 / divisor) as [number, number, number];
  const step = flip ? -3 : 3;
  const first = (y: number): number => ((top + y) * pixels.width + left + (flip ? w - 1 : 0)) * 3;
  if (mean.kind === 'channel') {
    const add: Triple = [
      shift[0] - mean.values[0],
      shift[1] - mean.values[1],
      shift[2] - mean.values[2],
    ];
    if (pixels.write?.({ out, offset, view, size: [h, w], add, scale })) return;
    // A channel has 256 values: each is computed once.
    const [red, green, blue] = ([0, 1, 2] as const).map((c) =>
      Float32Array.from(LEVELS, (value) => (value + add[c]) * scale[c]),
    ) as [Float32Array, Float32Array, Float32Array];
    for (let y = 0, to = offset; y < h; y++) {
      for (let x = 0, from = first(y); x < w; x++, to += 3, from += step) {
        out[to] = red[data[from]!]!;
        out[to + 1] = green[data[from + 1]!]!;
        out[to + 2] = blue[data[from + 2]!]!;
      }
    }
    return;
  }
  const { values } = mean;
  for (let y = 0, at = 0; y < h; y++) {
    for (let x = 0, from = first(y); x < w; x++, at += 3, from += step) {
      const to = offset + at;
      out[to] = (data[from]! + shift[0] - values[at]!) * scale[0];
      out[to + 1] = (data[from + 1]! + shift[1] - values[at + 1]!) * scale[1];
      out[to + 2] = (data[from + 2]! + shift[2] - values[at + 2]!) * scale[2];
    }
  }
}

const LEVELS = Uint8Array.from({ length: 256 }, (_, value) => value);

/**
 * Bilinear resize of a mean image, for tests at other input sizes than it was computed at.
 * Sample centres are aligned (the edges of both images coincide).
 * @returns a new [toHeight, toWidth, 3] array
 */
export function resizeMean(
  values: Float32Array,
  [fromHeight, fromWidth]: readonly [number, number],
  [toHeight, toWidth]: readonly [number, number],
): Float32Array {
  const out = new Float32Array(toHeight * toWidth * 3);
  const place = (i: number, to: number, from: number): [number, number, number] => {
    const at = Math.min(Math.max(((i + 0.5) * from) / to - 0.5, 0), from - 1);
    const low = Math.floor(at);
    return [low, Math.min(low + 1, from - 1), at - low];
  };
  for (let y = 0; y < toHeight; y++) {
    const [y0, y1, fy] = place(y, toHeight, fromHeight);
    for (let x = 0; x < toWidth; x++) {
      const [x0, x1, fx] = place(x, toWidth, fromWidth);
      for (let c = 0; c < 3; c++) {
        const value = (row: number, column: number) => values[(row * fromWidth + column) * 3 + c]!;
        const upper = value(y0, x0) * (1 - fx) + value(y0, x1) * fx;
        const lower = value(y1, x0) * (1 - fx) + value(y1, x1) * fx;
        out[(y * toWidth + x) * 3 + c] = upper * (1 - fy) + lower * fy;
      }
    }
  }
  return out;
}
