/**
 * Convolutions of 3x3 windows with stride 1 in Winograd's form, forward and for the filter's gradient (Lavin and Gray,
 * arXiv 1509.09308; docs/decisions/winograd-wasm.md). The input's gradient is a forward one with the filter turned.
 */
import type { Shape, Window } from '../engine.js';
import type { Block, Heap } from './heap.js';
import type { WinogradKernels } from './winograd-kernels.js';
import { WinogradWork } from './winograd-work.js';

type Padding = Window['padding'];

/**
 * `x` `[b, h, w, in]` convolved with `filter` `[3, 3, in, out]`, plus bias, then ReLU. The caller owns the result.
 *
 * @throws OutOfMemoryError if the heap is full
 */
export function winogradForward(
  heap: Heap,
  kernels: WinogradKernels,
  { x, filter, bias }: { x: Block; filter: Block; bias: Block | null },
  { output, padding, relu }: { output: Shape; padding: Padding; relu: boolean },
): Block {
  return filled(heap, output, (y) => {
    const work = new WinogradWork(heap, kernels, x, y, padding);
    const [filterAt, biasAt] = [heap.address(filter), bias && heap.address(bias)];
    for (const { k, count } of work.outputBlocks()) {
      work.transformFilters(filterAt + 4 * k, count);
      const biasFrom = biasAt === null ? 0 : biasAt + 4 * k;
      for (const group of work.groups()) {
        work.padInput(x, group);
        const maps = work.wholeTiles(y, group, k, count);
        for (const part of work.parts(group)) {
          work.transformInputs(part);
          work.multiply(part, count);
          work.transformOutputs(maps, part, count, biasFrom, relu);
        }
        if (!work.exact) work.cropOutput(y, group, k, count);
      }
    }
    work.end();
  });
}

/**
 * `dL/dfilter` `[3, 3, in, out]` from `dz` `[b, oh, ow, out]`. The caller owns it.
 *
 * @throws OutOfMemoryError if the heap is full
 */
export function winogradFilterGradient(
  heap: Heap,
  kernels: WinogradKernels,
  { x, dz }: { x: Block; dz: Block },
  { filter, padding }: { filter: Shape; padding: Padding },
): Block {
  return filled(heap, filter, (gradient) => {
    const work = new WinogradWork(heap, kernels, x, dz, padding);
    for (const { k, count } of work.outputBlocks()) {
      work.values('filters').fill(0);
      work.values('maps').fill(0); // each block of outputs leaves other pixels free
      for (const group of work.groups()) {
        work.padInput(x, group);
        if (!work.exact) work.padSignal(dz, group, k, count);
        const maps = work.wholeTiles(dz, group, k, count);
        for (const part of work.parts(group)) {
          work.transformInputs(part);
          work.transformSignals(maps, part, count);
          work.accumulate(part, count);
        }
      }
      work.transformSums(heap.address(gradient) + 4 * k, count);
    }
    work.end();
  });
}

/** A block that `fill` fills, and that is free again if it fails. The caller owns it. */
function filled(heap: Heap, shape: Shape, fill: (block: Block) => void): Block {
  const block = heap.alloc(shape);
  try {
    fill(block);
  } catch (error) {
    heap.free(block);
    throw error;
  }
  return block;
}
