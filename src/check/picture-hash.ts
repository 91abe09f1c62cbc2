/**
 * What a picture looks like, in 63 bits that renderings of it (smaller, compressed more, another format) share: the
 * signs of its lowest frequencies (Zauner 2010, "pHash"). And the means of its 12 x 12 fields, by which two pictures
 * with nearly the same bits are compared before they are called alike.
 */
import type { Pixels } from '../data/images/preprocessing.js';

/** Side of the gray picture that frequencies are taken of, and frequencies in each direction. */
const SIDE = 32;
const FREQUENCIES = 8;
/** Below this deviation, in gray levels, there is nothing to tell apart: blank pages, night. */
const EVEN = 4;
/** Fields in each direction. */
const FIELDS = 12;

export type PictureHash = readonly [high: number, low: number];

/** @returns null if it is too even to be told from others */
export function pictureHash(pixels: Pixels): PictureHash | null {
  const gray = grayOf(fieldMeans(pixels, SIDE));
  if (deviation(gray) < EVEN) return null;
  const values = lowFrequencies(gray).subarray(1); // without the mean
  const median = values.slice().sort()[values.length >> 1]!;
  let [high, low] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    if (values[i]! <= median) continue;
    if (i < 32) low |= 1 << i;
    else high |= 1 << (i - 32);
  }
  return [high >>> 0, low >>> 0];
}

/** Red, green and blue in gray. */
const LUMA = [0.299, 0.587, 0.114] as const;

/** `[n, 3]` → `[n]` */
function grayOf(colors: Float64Array): Float64Array {
  const [red, green, blue] = LUMA;
  const gray = new Float64Array(colors.length / 3);
  for (let i = 0, at = 0; i < gray.length; i++, at += 3) {
    gray[i] = colors[at]! * red + colors[at + 1]! * green + colors[at + 2]! * blue;
  }
  return gray;
}

/** `[fields, fields, 3]`: the mean of each field of a grid over the whole picture, whatever its proportions. */
function fieldMeans({ data, width, height }: Pixels, fields: number): Float64Array {
  const means = new Float64Array(fields * fields * 3);
  for (let fy = 0; fy < fields; fy++) {
    const [top, bottom] = extent(fy, fields, height);
    for (let fx = 0; fx < fields; fx++) {
      const [left, right] = extent(fx, fields, width);
      const at = (fy * fields + fx) * 3;
      let [red, green, blue] = [0, 0, 0];
      for (let y = top; y < bottom; y++) {
        for (let from = (y * width + left) * 3, x = left; x < right; x++, from += 3) {
          red += data[from]!;
          green += data[from + 1]!;
          blue += data[from + 2]!;
        }
      }
      const pixels = (bottom - top) * (right - left);
      means[at] = red / pixels;
      means[at + 1] = green / pixels;
      means[at + 2] = blue / pixels;
    }
  }
  return means;
}

/** First pixel of a field, and the one behind its last; at least one pixel. */
function extent(field: number, fields: number, size: number): [number, number] {
  const from = Math.min(size - 1, Math.floor((field * size) / fields));
  return [from, Math.max(from + 1, Math.floor(((field + 1) * size) / fields))];
}

/** `COSINES[u * SIDE + x]`: cos((2x + 1) u π / 2 SIDE), of the discrete cosine transform. */
const COSINES = Float64Array.from({ length: FREQUENCIES * SIDE }, (_, i) =>
  Math.cos(((2 * (i % SIDE) + 1) * Math.floor(i / SIDE) * Math.PI) / (2 * SIDE)),
);

/** `[FREQUENCIES, FREQUENCIES]` @param gray `[SIDE, SIDE]` */
function lowFrequencies(gray: Float64Array): Float64Array {
  const rows = new Float64Array(SIDE * FREQUENCIES);
  for (let y = 0; y < SIDE; y++) {
    for (let u = 0; u < FREQUENCIES; u++) {
      let sum = 0;
      for (let x = 0; x < SIDE; x++) sum += gray[y * SIDE + x]! * COSINES[u * SIDE + x]!;
      rows[y * FREQUENCIES + u] = sum;
    }
  }
  const out = new Float64Array(FREQUENCIES * FREQUENCIES);
  for (let v = 0; v < FREQUENCIES; v++) {
    for (let u = 0; u < FREQUENCIES; u++) {
      for (let y = 0; y < SIDE; y++) {
        out[v * FREQUENCIES + u]! += rows[y * FREQUENCIES + u]! * COSINES[v * SIDE + y]!;
      }
    }
  }
  return out;
}

/** The fields of a picture, to compare it by. */
export interface Fields {
  /** `[FIELDS, FIELDS, 3]` */
  means: Float32Array;
  /** Their standard deviation within a channel, so that a colour cast is no contrast. */
  contrast: number;
}

export function fieldsOf(pixels: Pixels): Fields {
  const means = fieldMeans(pixels, FIELDS);
  const channels = [0, 1, 2].map((c) => means.filter((_, i) => i % 3 === c));
  const contrast = channels.reduce((sum, values) => sum + deviation(values), 0) / 3;
  return { means: Float32Array.from(means), contrast };
}

/** Mean difference of two pictures' fields, 0–255 scale. */
export function difference(a: Fields, b: Fields): number {
  return a.means.reduce((sum, value, i) => sum + Math.abs(value - b.means[i]!), 0) / a.means.length;
}

/** Whether two pictures differ by no more than renderings of one do; the less contrast, the less they may. */
export const looksAlike = (a: Fields, b: Fields): boolean =>
  difference(a, b) <= 3 + 0.18 * Math.min(a.contrast, b.contrast);

function deviation(values: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  const mean = sum / values.length;
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += (values[i]! - mean) ** 2;
  return Math.sqrt(squares / values.length);
}

export function bitsApart(highs: number, lows: number): number {
  return ones(highs) + ones(lows);
}

/** Number of bits that are set. */
function ones(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555);
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
