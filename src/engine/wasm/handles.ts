/** The handles that the engine gives out: tensors, and what forward operations save. */
import { EngineError } from '../../errors.js';
import type { Saved, Shape, Tensor } from '../engine.js';
import { type Block, type Heap, sizeOf } from './heap.js';

export class WasmTensor implements Tensor {
  #owners = 1;
  #block: Block;

  /** Takes over the reference `block`. */
  constructor(
    private readonly heap: Heap,
    block: Block,
  ) {
    this.#block = block;
    this.shape = Object.freeze([...block.shape]);
  }

  readonly shape: Shape;

  get size(): number {
    return sizeOf(this.shape);
  }

  /** The values' block, borrowed. @throws EngineError if the tensor has been disposed of. */
  get block(): Block {
    this.#checkAlive('used');
    return this.#block;
  }

  /** The values where they lie, for reading; see `Heap.values`. */
  get values(): Float32Array {
    return this.heap.values(this.block);
  }

  /** Puts another block of the same shape in place of the old one, and takes it over. */
  replace(block: Block): void {
    this.#checkAlive('changed');
    this.heap.free(this.#block);
    this.#block = block;
  }

  retain(): this {
    this.#checkAlive('retained');
    this.#owners++;
    return this;
  }

  dispose(): void {
    this.#checkAlive('disposed of');
    if (--this.#owners === 0) this.heap.free(this.#block);
  }

  #checkAlive(verb: string): void {
    if (this.#owners > 0) return;
    throw new EngineError(
      `wasm engine: a tensor of shape [${this.shape.join(', ')}] is ${verb} after its last dispose`,
    );
  }
}

/** `Saved` is opaque, so a class gets its brand by inheritance. */
const OpaqueSaved: new () => Saved = class {};

/** What a forward operation keeps: facts, and references to blocks that `release` frees. */
export class WasmSaved<Facts> extends OpaqueSaved {
  #released = false;

  /**
   * Takes over the references `blocks`, those in `facts` included.
   * @param active the output, if a ReLU was applied: positive where the signal passes. One of `blocks`.
   */
  constructor(
    private readonly heap: Heap,
    private readonly facts: Facts,
    private readonly active: Block | null,
    private readonly blocks: readonly Block[],
  ) {
    super();
  }

  /** @throws EngineError after `release`, like the others. */
  get(): Facts {
    this.#checkHeld();
    return this.facts;
  }

  /** The output of a fused or separate ReLU, borrowed; null where there was none. */
  activation(): Block | null {
    this.#checkHeld();
    return this.active;
  }

  release(): void {
    this.#checkHeld();
    this.#released = true;
    for (const block of this.blocks) this.heap.free(block);
  }

  #checkHeld(): void {
    if (this.#released)
      throw new EngineError('wasm engine: what a layer saved was already released');
  }
}

/** The facts that an operation of this kind saved. @throws EngineError if another kind did, or after `release`. */
export function factsOf<Facts>(
  saved: Saved,
  kind: new (...parts: ConstructorParameters<typeof WasmSaved<Facts>>) => WasmSaved<Facts>,
): Facts {
  if (saved instanceof kind) return saved.get();
  throw new EngineError(`wasm engine: a gradient needs ${kind.name}, what its own forward saved`);
}

/** @throws EngineError for another engine's tensor. */
export function tensorOf(t: Tensor): WasmTensor {
  if (t instanceof WasmTensor) return t;
  throw new EngineError('wasm engine: this tensor belongs to another engine');
}

/** @throws EngineError with this message, unless `condition` holds. */
export function demand(condition: boolean, message: () => string): asserts condition {
  if (!condition) throw new EngineError(`wasm engine: ${message()}`);
}

/** `[1, 2]` for an error message. */
export function show(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((length, i) => length === b[i]);
}
