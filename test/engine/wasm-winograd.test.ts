/** Winograd's form of 3x3 convolutions in the wasm engine: its bits, its errors, what is not finite, and what it leaves. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { Window } from '../../src/engine/engine.js';
import { openEngine } from '../../src/engine/select.js';
import { startBackend } from '../../src/engine/wasm/backend.js';
import { type Block, Heap } from '../../src/engine/wasm/heap.js';
import {
  winogradFilterGradient,
  winogradForward,
} from '../../src/engine/wasm/winograd-convolution.js';
import { blocksOf, takesWinograd } from '../../src/engine/wasm/winograd-form.js';
import {
  loadWinogradKernels,
  type WinogradKernels,
} from '../../src/engine/wasm/winograd-kernels.js';
import { OutOfMemoryError } from '../../src/errors.js';
import * as reference from './reference.js';

const padding = [1, 1, 1, 1] as const;
const window: Window = { kernel: [3, 3], stride: [1, 1], padding };
/** ‖difference‖ over ‖reference‖ that an operation may have. */
const BOUND = 2e-5;

let backend: Awaited<ReturnType<typeof startBackend>>;
let heap: Heap;
let kernels: WinogradKernels;

beforeAll(async () => {
  backend = await startBackend();
  heap = new Heap(backend);
  kernels = loadWinogradKernels(backend);
});

/** Values of about a normal distribution, the same in every run. */
function normal(size: number, seed = 1): Float32Array {
  let state = seed;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  return Float32Array.from({ length: size }, () => 3.46 * (next() + next() + next() - 1.5));
}

interface Operands {
  shape: reference.Shape4;
  out: number;
  x: Float32Array;
  filter: Float32Array;
  dz: Float32Array;
}

function operands(shape: reference.Shape4, out: number): Operands {
  const [batch, height, width, channels] = shape;
  return {
    shape,
    out,
    x: normal(batch * height * width * channels),
    filter: normal(9 * channels * out, 2),
    dz: normal(batch * height * width * out, 3),
  };
}

/** Both operations on the heap; nothing else stays there. */
function compute({ shape, out, x, filter, dz }: Operands) {
  const [batch, height, width, channels] = shape;
  const output = [batch, height, width, out];
  const blocks = {
    x: heap.copy(x, shape),
    filter: heap.copy(filter, [3, 3, channels, out]),
    dz: heap.copy(dz, output),
  };
  const taken = (block: Block): Float32Array => {
    const values = heap.values(block).slice();
    heap.free(block);
    return values;
  };
  const options = { output, padding, relu: false };
  const y = taken(winogradForward(heap, kernels, { ...blocks, bias: null }, options));
  const filterShape = { filter: blocks.filter.shape, padding };
  const gradient = taken(winogradFilterGradient(heap, kernels, blocks, filterShape));
  for (const block of Object.values(blocks)) heap.free(block);
  expect(heap.live).toBe(0);
  return { y, gradient };
}

function distance(actual: reference.Values, expected: reference.Values): number {
  let [error, norm] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    error += (actual[i]! - expected[i]!) ** 2;
    norm += expected[i]! ** 2;
  }
  return Math.sqrt(error / norm);
}

describe('Winograd in wasm', () => {
  test.each([
    [[1, 56, 56, 32], 32],
    [[2, 14, 14, 128], 64],
    [[4, 7, 7, 256], 64],
  ] as [reference.Shape4, number][])(`%j to %i: within ${BOUND} of float64`, (shape, out) => {
    const values = operands(shape, out);
    const { y, gradient } = compute(values);
    const { x, filter, dz } = values;
    const expected = reference.conv(x, shape, filter, out, null, window, false);
    expect(distance(y, expected)).toBeLessThan(BOUND);
    const sums = reference.convFilterGradient(x, shape, dz, out, window);
    expect(distance(gradient, sums)).toBeLessThan(BOUND);
  });

  test('the same bits in every run, and of an image in every batch', () => {
    const values = operands([7, 10, 9, 16], 24);
    const [a, b] = [compute(values), compute(values)];
    expect(b).toEqual(a);
    const [input, output] = [10 * 9 * 16, 10 * 9 * 24];
    const { y } = compute({
      ...values,
      shape: [2, 10, 9, 16],
      x: values.x.subarray(4 * input, 6 * input),
      dz: values.dz.subarray(4 * output, 6 * output),
    });
    expect(y).toEqual(a.y.subarray(4 * output, 6 * output));
  });

  test('what is not finite shows in all outputs that it reaches, and in no other image', () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const values = operands([3, 8, 8, 8], 8);
      const [row, column] = [3, 4];
      values.x[(64 + row * 8 + column) * 8 + 5] = bad; // of image 1
      const { y, gradient } = compute(values);
      const image = 64 * 8;
      expect(y.subarray(0, image).every(Number.isFinite)).toBe(true);
      expect(y.subarray(2 * image).every(Number.isFinite)).toBe(true);
      for (let dy = -1; dy <= 1; dy++)
        for (let dx = -1; dx <= 1; dx++)
          for (let o = 0; o < 8; o++) {
            const at = image + ((row + dy) * 8 + column + dx) * 8 + o;
            expect(Number.isFinite(y[at]), `${bad} at ${dy}, ${dx}`).toBe(false);
          }
      expect(gradient.some(Number.isFinite)).toBe(true); // of the other channels
      expect(
        [...gradient].filter((_, i) => Math.floor(i / 8) % 8 === 5).some(Number.isFinite),
      ).toBe(false);
    }
  });

  test('NaN passes through ReLU', () => {
    const x = heap.copy(new Float32Array(16 * 8).fill(Number.NaN), [1, 4, 4, 8]);
    const filter = heap.copy(normal(9 * 64), [3, 3, 8, 8]);
    const options = { output: [1, 4, 4, 8], padding, relu: true };
    const y = winogradForward(heap, kernels, { x, filter, bias: null }, options);
    expect(heap.values(y).every(Number.isNaN)).toBe(true);
    for (const block of [x, filter, y]) heap.free(block);
  });

  test('where there is no memory for its work space, its output is freed as well', () => {
    const full = new (class extends Heap {
      #left = 3; // x, the filter and the output

      override alloc(shape: readonly number[]): Block {
        if (this.#left-- === 0) throw new OutOfMemoryError('full', '');
        return super.alloc(shape);
      }
    })(backend);
    const x = full.copy(normal(64 * 8), [1, 8, 8, 8]);
    const filter = full.copy(normal(9 * 64), [3, 3, 8, 8]);
    const options = { output: [1, 8, 8, 8], padding, relu: true };
    const convolve = () => winogradForward(full, kernels, { x, filter, bias: null }, options);
    expect(convolve).toThrow(OutOfMemoryError);
    for (const block of [x, filter]) full.free(block);
    expect(full.live).toBe(0);
  });
});

describe('which form', () => {
  test('the engine says, and convolution: direct switches it off', async () => {
    const output = [1, 8, 8, 32];
    const [auto, direct] = [
      await openEngine('wasm', { convolution: 'auto' }),
      await openEngine('wasm', { convolution: 'direct' }),
    ];
    expect(auto.takesWinograd?.(window, 16, output)).toBe(true);
    expect(direct.takesWinograd?.(window, 16, output)).toBe(false);
    const values = operands([1, 8, 8, 16], 32);
    const expected = compute(values).y;
    for (const engine of [auto, direct]) {
      const [x, filter] = [
        engine.tensor(values.x, values.shape),
        engine.tensor(values.filter, [3, 3, 16, 32]),
      ];
      const { y, saved } = engine.conv(x, filter, null, { window, relu: false });
      const same = Buffer.from(engine.read(y).buffer).equals(Buffer.from(expected.buffer));
      expect(same).toBe(engine === auto);
      for (const tensor of [x, filter, y]) engine.dispose(tensor);
      engine.release(saved);
    }
  });

  test('depends on window, channels and map', () => {
    const takes = (
      channels: number,
      size: number,
      outputs: number,
      changed: Partial<Window> = {},
    ) => takesWinograd('output', { ...window, ...changed }, channels, [size, size], outputs);
    expect(takes(16, 16, 32)).toBe(true);
    expect(takes(512, 7, 512)).toBe(true);
    expect(takes(3, 32, 16)).toBe(false);
    expect(takes(64, 1, 64)).toBe(false);
    expect(takes(64, 8, 66)).toBe(false);
    expect(takes(64, 8, 64, { stride: [2, 2] })).toBe(false);
    expect(takes(64, 8, 64, { kernel: [1, 3] })).toBe(false);
    expect(takesWinograd('filterGradient', window, 3, [32, 32], 16)).toBe(true);
  });

  test('filters or sums in work take 16 MiB at most, tiles as much as stays in a cache', () => {
    for (const [channels, outputs] of [
      [3, 16],
      [64, 64],
      [512, 512],
      [2048, 2048],
    ] as const) {
      const blocks = blocksOf(32, 16, channels, outputs);
      const columns = Math.ceil(blocks.outputs / 8) * 8;
      expect(4 * 36 * channels * columns).toBeLessThanOrEqual(2 ** 24);
      expect(blocks.tiles % 4).toBe(0);
      if (channels <= 64)
        expect(4 * 36 * blocks.tiles * (channels + columns)).toBeLessThanOrEqual(2 ** 19);
    }
  });
});
