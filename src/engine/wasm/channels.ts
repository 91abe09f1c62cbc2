/** Joining and cutting along the last axis. */
import type { Shape, Tensor } from '../engine.js';
import { copyColumns } from './elementwise.js';
import { demand, sameShape, show, tensorOf } from './handles.js';
import type { Block, Heap } from './heap.js';

/** All of `xs` side by side. The caller owns the result. @throws EngineError if their other axes differ. */
export function concat(heap: Heap, xs: readonly Tensor[]): Block {
  const [first] = xs;
  demand(first !== undefined, () => 'concat of nothing');
  const outer = first.shape.slice(0, -1);
  const fits = xs.every((x) => sameShape(x.shape.slice(0, -1), outer));
  demand(fits, () => `concat of ${xs.map((x) => show(x.shape)).join(', ')}: other axes differ`);
  const total = xs.reduce((sum, x) => sum + lastOf(x.shape), 0);
  const joined = heap.alloc([...outer, total]);
  let column = 0;
  for (const x of xs) {
    const width = lastOf(x.shape);
    copyColumns(tensorOf(x).values, [0, width], heap.values(joined), [column, total], width);
    column += width;
  }
  return joined;
}

/** The parts of `x`, of these sizes. The caller owns them. @throws EngineError if they do not add up. */
export function split(heap: Heap, x: Tensor, sizes: readonly number[]): Block[] {
  const total = lastOf(x.shape);
  const sum = sizes.reduce((a, b) => a + b, 0);
  demand(sum === total, () => `split of ${show(x.shape)} into ${sizes.join(' + ')} = ${sum}`);
  let column = 0;
  return sizes.map((width) => {
    const part = heap.alloc([...x.shape.slice(0, -1), width]);
    copyColumns(tensorOf(x).values, [column, total], heap.values(part), [0, width], width);
    column += width;
    return part;
  });
}

function lastOf(shape: Shape): number {
  return shape.at(-1) ?? 0;
}
