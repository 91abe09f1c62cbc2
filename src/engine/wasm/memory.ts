/** The memory half of the engine: tensors in, out and changed. */
import type { Saved, Shape, Tensor } from '../engine.js';
import { demand, sameShape, show, tensorOf, WasmSaved, WasmTensor } from './handles.js';
import { type Block, type Heap, sizeOf } from './heap.js';

export class WasmMemory {
  constructor(protected readonly heap: Heap) {}

  tensor(values: Float32Array, shape: Shape): Tensor {
    checkCount(values, shape);
    return this.own(this.heap.copy(values, shape));
  }

  zeros(shape: Shape): Tensor {
    return this.fill(shape, (values) => values.fill(0));
  }

  read(t: Tensor): Float32Array {
    return tensorOf(t).values.slice();
  }

  assign(t: Tensor, values: Float32Array): void {
    checkCount(values, t.shape);
    const target = tensorOf(t);
    target.replace(this.heap.copy(values, t.shape));
  }

  retain(t: Tensor): Tensor {
    return tensorOf(t).retain();
  }

  dispose(t: Tensor): void {
    tensorOf(t).dispose();
  }

  release(saved: Saved): void {
    demand(saved instanceof WasmSaved, () => 'released what is not a Saved of this engine');
    saved.release();
  }

  tensorCount(): number {
    return this.heap.live;
  }

  /** A handle that takes over the reference `block`. */
  protected own(block: Block): Tensor {
    return new WasmTensor(this.heap, block);
  }

  /** A new tensor whose values `write` fills. `write` must not allocate: the heap may move. */
  protected fill(shape: Shape, write: (values: Float32Array) => void): Tensor {
    const block = this.heap.alloc(shape);
    write(this.heap.values(block));
    return this.own(block);
  }
}

function checkCount(values: Float32Array, shape: Shape): void {
  demand(values.length === sizeOf(shape), () => {
    return `${values.length} values do not fill a tensor of shape ${show(shape)}`;
  });
}

/** @throws EngineError unless both shapes are the same. */
export function checkSameShape(what: string, a: Shape, b: Shape): void {
  demand(sameShape(a, b), () => `${what} needs equal shapes, got ${show(a)} and ${show(b)}`);
}
