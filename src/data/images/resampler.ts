/** Resizes 8-bit RGB: the passes of resample.wat over a memory of its own. */
import { readFileSync } from 'node:fs';
import { compiled } from '../compiled.js';
import type { FilterWeights } from './filter-weights.js';

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
}

const PAGE = 1 << 16;
/** Bytes that are read or written beyond what is asked for, at most. */
const BEYOND = 64;

let assembled: object | null = null;

function instantiate(): Passes {
  assembled ??= new WebAssembly.Module(readFileSync(compiled('images/resample.wasm')));
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
    this.#make(3 * width * (height + 1) + BEYOND);
    return new Uint8Array(this.#passes.memory.buffer, 0, 3 * width * height);
  }

  /**
   * @param width of the source, in pixels, of which `source` has as many as are wanted
   * @returns `[vertical.count, horizontal.count, 3]`, the caller's
   */
  resize(height: number, width: number, down: FilterWeights, across: FilterWeights): Uint8Array {
    const stride = 3 * width;
    const row = aligned(stride * (height + 1) + BEYOND);
    const paired = row + aligned(stride + BEYOND);
    const downWeights = paired + 32 * Math.ceil(width / 4) + 16 * (across.taps / 2);
    const acrossWeights = downWeights + aligned(2 * down.weights.length);
    const starts = acrossWeights + aligned(2 * across.weights.length);
    const result = starts + aligned(4 * across.count);
    const bytes = 3 * across.count * down.count;
    this.#make(result + bytes + BEYOND);
    const passes = this.#passes;
    const { buffer } = passes.memory;
    new Int16Array(buffer, downWeights, down.weights.length).set(down.weights);
    new Int16Array(buffer, acrossWeights, across.weights.length).set(across.weights);
    const places = new Int32Array(buffer, starts, across.count);
    for (let x = 0; x < across.count; x++) places[x] = 8 * across.starts[x]!;
    for (let y = 0, to = result; y < down.count; y++, to += 3 * across.count) {
      const from = stride * down.starts[y]!;
      passes.vertical(from, stride, downWeights + 2 * down.taps * y, down.taps / 2, row, stride);
      passes.paired(row, stride, paired);
      passes.horizontal(paired, starts, acrossWeights, across.taps / 2, to, across.count);
    }
    return new Uint8Array(buffer, result, bytes).slice();
  }

  #make(bytes: number): void {
    const missing = bytes - this.bytes;
    if (missing > 0) this.#passes.memory.grow(Math.ceil(missing / PAGE));
  }
}

const aligned = (bytes: number): number => Math.ceil(bytes / 16) * 16;
