/** Resizes 8-bit RGB as Pillow's Image.resize does, to the bit: the passes of pillow-resample.wat over a memory of their own. */
import { readFileSync } from 'node:fs';
import { compiled } from '../../compiled.js';
import type { Interpolation } from '../../config/resizing.js';
import { once } from '../../once.js';
import type { Region } from './image-part.js';
import { type PillowWeights, pillowWeights } from './pillow-weights.js';
import type { Pixels } from './preprocessing.js';
import type { Size } from './resized-size.js';

/** What of it is used: the types of Node.js leave it to those of browsers. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { exports: unknown };
};

interface Passes {
  memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  across(
    row: number,
    starts: number,
    weights: number,
    taps: number,
    to: number,
    count: number,
  ): void;
  down(
    from: number,
    stride: number,
    weights: number,
    taps: number,
    to: number,
    bytes: number,
  ): void;
}

const PAGE = 1 << 16;
/** Bytes that are read or written beyond what is asked for, at most. */
const BEYOND = 64;

const assembled = once(
  () => new WebAssembly.Module(readFileSync(compiled('data/images/pillow-resample.wasm'))),
);
const instantiate = () => new WebAssembly.Instance(assembled()).exports as Passes;

/** Of each thread: nothing waits within `resizeAsPillow`. A memory that has become large is not kept. */
let passes: Passes | null = null;
const MOST_KEPT = 2 ** 25;

/**
 * A part of an image of the size `to`. Whatever part is asked for, its pixels are the same.
 *
 * Rounding between the passes makes their order seen, by many levels where a cubic is clipped. Pillow 13 resizes down
 * first where that takes away more than twice as many pixels as across does; older ones always across first.
 *
 * @returns a new `[wanted.height, wanted.width, 3]`
 */
export function resizeAsPillow(
  pixels: Pixels,
  to: Size,
  wanted: Region,
  interpolation: Interpolation,
): Uint8Array {
  const { width, height } = pixels;
  const task = {
    pixels,
    wanted,
    columns: pillowWeights(interpolation, width, to.width),
    rows: pillowWeights(interpolation, height, to.height),
  };
  const isDownFirst = height - to.height > 2 * Math.max(0, width - to.width);
  const out = new Uint8Array(3 * wanted.width * wanted.height);
  const memory = isDownFirst ? downThenAcross(task, out) : acrossThenDown(task, out);
  if (memory.buffer.byteLength > MOST_KEPT) passes = null;
  return out;
}

interface Task {
  readonly pixels: Pixels;
  readonly wanted: Region;
  readonly columns: PillowWeights;
  readonly rows: PillowWeights;
}

function acrossThenDown({ pixels, wanted, columns, rows }: Task, out: Uint8Array) {
  const { data, width } = pixels;
  const first = rows.starts[wanted.top]!;
  const count = rows.ends[wanted.top + wanted.height - 1]! - first;
  const stride = 3 * wanted.width;
  const [row, starts, acrossWeights, downWeights, narrowed, result, end] = memoryPlaces([
    3 * width,
    4 * wanted.width,
    4 * wanted.width * columns.taps,
    4 * wanted.height * rows.taps,
    // What has the weight 0 may lie behind the last row.
    stride * (count + rows.taps),
    stride,
  ]);
  const { memory, across, down } = room(end);
  writeColumns(columns, wanted, 0, { memory, starts, weights: acrossWeights });
  copyWeights(rows, wanted.top, wanted.height, new Int32Array(memory.buffer, downWeights));
  const bytes = new Uint8Array(memory.buffer);
  for (let y = 0; y < count; y++) {
    const from = 3 * width * (first + y);
    bytes.set(data.subarray(from, from + 3 * width), row);
    const target = narrowed + stride * y;
    across(row, starts, acrossWeights, columns.taps, target, wanted.width);
  }
  for (let y = 0; y < wanted.height; y++) {
    const from = narrowed + stride * (rows.starts[wanted.top + y]! - first);
    down(from, stride, downWeights + 4 * rows.taps * y, rows.taps, result, stride);
    out.set(bytes.subarray(result, result + stride), stride * y);
  }
  return memory;
}

function downThenAcross({ pixels, wanted, columns, rows }: Task, out: Uint8Array) {
  const { data, width } = pixels;
  const left = columns.starts[wanted.left]!;
  const stride = 3 * (columns.ends[wanted.left + wanted.width - 1]! - left);
  const [source, starts, acrossWeights, downWeights, row, result, end] = memoryPlaces([
    stride * rows.taps,
    4 * wanted.width,
    4 * wanted.width * columns.taps,
    4 * wanted.height * rows.taps,
    // What has the weight 0 may lie behind the last column.
    stride + 3 * columns.taps,
    3 * wanted.width,
  ]);
  const { memory, across, down } = room(end);
  writeColumns(columns, wanted, left, { memory, starts, weights: acrossWeights });
  copyWeights(rows, wanted.top, wanted.height, new Int32Array(memory.buffer, downWeights));
  const bytes = new Uint8Array(memory.buffer);
  for (let y = 0; y < wanted.height; y++) {
    const start = rows.starts[wanted.top + y]!;
    for (let k = 0; start + k < rows.ends[wanted.top + y]!; k++) {
      const from = 3 * (width * (start + k) + left);
      bytes.set(data.subarray(from, from + stride), source + stride * k);
    }
    down(source, stride, downWeights + 4 * rows.taps * y, rows.taps, row, stride);
    across(row, starts, acrossWeights, columns.taps, result, wanted.width);
    out.set(bytes.subarray(result, result + 3 * wanted.width), 3 * wanted.width * y);
  }
  return memory;
}

/** Of the wanted columns, where each begins in a row whose first pixel is the source's number `left`, and its weights. */
function writeColumns(
  columns: PillowWeights,
  wanted: Region,
  left: number,
  to: { memory: Passes['memory']; starts: number; weights: number },
): void {
  const { buffer } = to.memory;
  copyWeights(columns, wanted.left, wanted.width, new Int32Array(buffer, to.weights));
  const starts = columns.starts.subarray(wanted.left, wanted.left + wanted.width);
  new Int32Array(buffer, to.starts).set(starts.map((start) => 3 * (start - left)));
}

/** Where each of several parts of the memory begins, and where the last one ends. */
function memoryPlaces(
  lengths: readonly [number, number, number, number, number, number],
): [number, number, number, number, number, number, number] {
  let at = 0;
  const next = (length: number): number => {
    const start = at;
    at = Math.ceil((at + length + BEYOND) / 16) * 16;
    return start;
  };
  const [a, b, c, d, e, f] = lengths;
  return [next(a), next(b), next(c), next(d), next(e), next(f), at];
}

function room(bytes: number): Passes {
  passes ??= instantiate();
  const missing = bytes - passes.memory.buffer.byteLength;
  if (missing > 0) passes.memory.grow(Math.ceil(missing / PAGE));
  return passes;
}

/** The weights of `count` pixels from `first` on. */
function copyWeights(
  { taps, weights }: PillowWeights,
  first: number,
  count: number,
  to: Int32Array,
): void {
  to.set(weights.subarray(first * taps, (first + count) * taps));
}
