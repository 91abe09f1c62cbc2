/**
 * Blocks of float32 values on the WebAssembly heap, and the kernels that run on them.
 *
 * A block's values never change once a kernel has seen it: the convolution and matrix kernels keep a packed copy
 * of their weights for as long as the block lives. "In place" therefore means a new block in the same handle, and
 * a block serves as a matrix under one shape only.
 */
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { getKernel, type NamedAttrMap, type TensorInfo } from '@tensorflow/tfjs-core';
import { EngineError } from '../../errors.js';
import type { Shape } from '../engine.js';
import { checkWhole, heard, isBroken } from './full-heap.js';
import type { WinogradKernels } from './winograd-kernels.js';

/** A reference to values on the heap. Whoever made it or shared it frees it, once. */
export type Block = TensorInfo;

export function sizeOf(shape: Shape): number {
  return shape.reduce((size, length) => size * length, 1);
}

export type Four = readonly [number, number, number, number];

/** The four axes of an image, `[batch, height, width, channels]`, or of a filter, `[height, width, in, out]`. */
export function fourOf(shape: Shape): Four {
  const [a, b, c, d] = shape;
  if (
    shape.length === 4 &&
    a !== undefined &&
    b !== undefined &&
    c !== undefined &&
    d !== undefined
  )
    return [a, b, c, d];
  throw new EngineError(`wasm engine: expected four axes, got [${shape.join(', ')}]`);
}

export class Heap {
  #live = 0;

  /** @param winograd kernels of our own on its memory, where there are SIMD instructions */
  constructor(
    private readonly backend: BackendWasm,
    readonly winograd: WinogradKernels | null = null,
  ) {}

  /** References that have not been freed. */
  get live(): number {
    return this.#live;
  }

  /** A block with undefined values. @throws OutOfMemoryError if the heap is full. */
  alloc(shape: Shape): Block {
    checkWhole(this.backend);
    return this.#adopt(this.backend.makeOutput([...shape], 'float32'));
  }

  /** A block with a copy of these values, which must not lie on the heap themselves. */
  copy(values: Float32Array, shape: Shape): Block {
    const block = this.alloc(shape);
    this.values(block).set(values);
    return block;
  }

  /** Another reference to the same values. */
  share(block: Block): Block {
    this.backend.incRef(block.dataId);
    this.#live++;
    return { ...block };
  }

  /** Of a broken heap, counts only: what owns its tensors can still give them up in order. */
  free(block: Block): void {
    if (!isBroken(this.backend)) this.backend.disposeData(block.dataId);
    this.#live--;
  }

  /** The values where they lie. The view is dead after the next `alloc` or `run`: the heap may have moved. */
  values(block: Block): Float32Array {
    checkWhole(this.backend);
    const values = this.backend.typedArrayFromHeap(block);
    if (!(values instanceof Float32Array))
      throw new EngineError('wasm engine: not a float32 block');
    return values;
  }

  /** Where the values lie in the memory, in bytes: for kernels of our own. */
  address(block: Block): number {
    checkWhole(this.backend);
    return this.backend.getMemoryOffset(block.dataId);
  }

  /**
   * Runs one of the backend's kernels that has one output. The caller owns it.
   *
   * @throws OutOfMemoryError if the heap is full; after a trap in a kernel, nothing can be run any more
   */
  run(kernel: string, inputs: Record<string, Block>, attrs: NamedAttrMap): Block {
    checkWhole(this.backend);
    const config = getKernel(kernel, 'wasm');
    if (!config) throw new EngineError(`wasm engine: the backend has no kernel ${kernel}`);
    const out = heard(this.backend, kernel, () =>
      config.kernelFunc({ inputs, attrs, backend: this.backend }),
    );
    if (Array.isArray(out)) throw new EngineError(`wasm engine: ${kernel} has several outputs`);
    return this.#adopt(out);
  }

  /** `block` with its axes in the order `perm`. The caller owns the result. */
  transpose(block: Block, perm: number[]): Block {
    return this.run('Transpose', { x: block }, { perm });
  }

  /** `a` `[m, k]` times `b` `[k, n]`, plus `bias` `[n]`. The caller owns the result `[m, n]`. */
  matMul(a: Block, b: Block, bias: Block | null = null): Block {
    const [m, n] = [a.shape[0] ?? 0, b.shape[1] ?? 0];
    const matrices = {
      a: { ...a, shape: [1, ...a.shape] },
      b: { ...b, shape: [1, ...b.shape] },
    };
    const out = this.run('_FusedMatMul', bias ? { ...matrices, bias } : matrices, {
      transposeA: false,
      transposeB: false,
      activation: 'linear',
    });
    return { ...out, shape: [m, n] };
  }

  #adopt(block: Block): Block {
    this.#live++;
    return block;
  }
}
