/** Resizes 8-bit RGB and makes numbers of it: the passes of resample.wat over a memory of its own. */
import { readFileSync } from 'node:fs';
import { compiled } from '../../compiled.js';
import type { FilterWeights } from './filter-weights.js';
import type { Region } from './image-part.js';
import type { InputTarget } from './preprocessing.js';

/** What of it is used: the types of Node.js leave it to those of browsers. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { exports: unknown };
};

interface Passes {
  memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  vertical(
    from: number,
    stride: number,
    weights: number,
    pairs: number,
    to: number,
    bytes: number,
  ): void;
  paired(from: number, bytes: number, to: number): void;
  horizontal(
    row: number,
    starts: number,
    weights: number,
    pairs: number,
    to: number,
    count: number,
  ): void;
  normalized(
    from: number,
    step: number,
    mirrored: number,
    constants: number,
    to: number,
    fours: number,
  ): void;
}

const PAGE = 1 << 16;
/** Bytes that are read or written beyond what is asked for, at most. */
const BEYOND = 64;
/** Where what lies in the memory: constants to normalize by, numbers on their way out, then images. */
const CONSTANTS = 0;
const NUMBERS = 256;
const MOST_NUMBERS = 1 << 14;
const IMAGES = NUMBERS + 4 * MOST_NUMBERS;

let assembled: object | null = null;

function instantiate(): Passes {
  assembled ??= new WebAssembly.Module(readFileSync(compiled('data/images/resample.wasm')));
  return new WebAssembly.Instance(assembled).exports as Passes;
}

/** One at a time may use it; whoever resizes several images at once has several. */
export class Resampler {
  readonly #passes = instantiate();

  /** Bytes that it holds; they never become fewer. */
  get bytes(): number {
    return this.#passes.memory.buffer.byteLength;
  }

  /** Room for the source, `[height, width, 3]`, to be written by the caller; valid until the next call of anything. */
  source(height: number, width: number): Uint8Array {
    // A row more, as rows are taken two at a time.
    this.#make(IMAGES + 3 * width * (height + 1) + BEYOND);
    return new Uint8Array(this.#passes.memory.buffer, IMAGES, 3 * width * height);
  }

  /**
   * @param source the part of the source that `source` holds, in pixels of the source; `left` an even number
   * @param wanted the part of the result
   * @returns `[wanted.height, wanted.width, 3]`, valid until the next call of `source` or `resize`
   */
  resize(source: Region, down: FilterWeights, across: FilterWeights, wanted: Region): Uint8Array {
    const { width, height } = wanted;
    const stride = 3 * source.width;
    const row = aligned(IMAGES + stride * (source.height + 1) + BEYOND);
    const paired = row + aligned(stride + BEYOND);
    const downWeights = paired + 32 * Math.ceil(source.width / 4) + 16 * (across.taps / 2);
    const acrossWeights = downWeights + aligned(2 * down.taps * height);
    const starts = acrossWeights + aligned(2 * across.taps * width);
    const result = starts + aligned(4 * width);
    const bytes = 3 * width * height;
    this.#make(result + bytes + BEYOND);
    const passes = this.#passes;
    const { buffer } = passes.memory;
    copy(down, wanted.top, height, new Int16Array(buffer, downWeights));
    copy(across, wanted.left, width, new Int16Array(buffer, acrossWeights));
    const places = new Int32Array(buffer, starts, width);
    for (let x = 0; x < width; x++) {
      places[x] = 8 * (across.starts[wanted.left + x]! - source.left);
    }
    for (let y = 0, to = result; y < height; y++, to += 3 * width) {
      const from = IMAGES + stride * (down.starts[wanted.top + y]! - source.top);
      passes.vertical(from, stride, downWeights + 2 * down.taps * y, down.taps / 2, row, stride);
      passes.paired(row, stride, paired);
      passes.horizontal(paired, starts, acrossWeights, across.taps / 2, to, width);
    }
    return new Uint8Array(buffer, result, bytes);
  }

  /**
   * Writes a view of pixels that `source` or `resize` has given as `writeInput` does, to the same bits.
   *
   * @param pixels of so many columns
   * @returns false if a row is too short or too long for that
   */
  normalize(pixels: Uint8Array, columns: number, target: InputTarget): boolean {
    const { out, offset, view, size, add, scale } = target;
    const [h, w] = size;
    if (w < 4 || 3 * w > MOST_NUMBERS) return false;
    const { memory, normalized } = this.#passes;
    const constants = new Float64Array(memory.buffer, CONSTANTS, 24);
    for (let i = 0; i < 12; i++) {
      constants[i] = add[i % 3]!;
      constants[12 + i] = scale[i % 3]!;
    }
    const numbers = new Float32Array(memory.buffer, NUMBERS, MOST_NUMBERS);
    const most = Math.floor(MOST_NUMBERS / (3 * w));
    const [step, mirrored, before] = view.flip ? [-12, 1, w - 4] : [12, 0, 0];
    for (let y = 0; y < h; y += most) {
      const rows = Math.min(most, h - y);
      for (let row = 0; row < rows; row++) {
        const first = (view.top + y + row) * columns + view.left;
        const from = pixels.byteOffset + 3 * (first + before);
        const to = NUMBERS + 12 * w * row;
        normalized(from, step, mirrored, CONSTANTS, to, w >> 2);
        // The last four, some of them again.
        const last = pixels.byteOffset + 3 * (view.flip ? first : first + w - 4);
        if (w % 4 > 0) normalized(last, step, mirrored, CONSTANTS, to + 12 * (w - 4), 1);
      }
      out.set(numbers.subarray(0, 3 * w * rows), offset + 3 * w * y);
    }
    return true;
  }

  #make(bytes: number): void {
    const missing = bytes - this.bytes;
    if (missing > 0) this.#passes.memory.grow(Math.ceil(missing / PAGE));
  }
}

const aligned = (bytes: number): number => Math.ceil(bytes / 16) * 16;

/** The weights of `count` pixels from `first` on. */
function copy(
  { taps, weights }: FilterWeights,
  first: number,
  count: number,
  to: Int16Array,
): void {
  to.set(weights.subarray(first * taps, (first + count) * taps));
}
