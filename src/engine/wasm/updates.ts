/** The part of the engine that changes tensors in place; see `Engine`. */
import { allFinite } from '../../finite.js';
import type { AdamWStep, SgdStep, Tensor } from '../engine.js';
import * as loops from './elementwise.js';
import { tensorOf } from './handles.js';
import { checkSameShape, WasmMemory } from './memory.js';
import * as steps from './steps.js';

export class WasmUpdates extends WasmMemory {
  accumulate(sum: Tensor, addend: Tensor): void {
    checkSameShape('accumulate', sum.shape, addend.shape);
    this.rewrite([sum], ([next]) => {
      loops.add(tensorOf(sum).values, tensorOf(addend).values, next);
    });
  }

  scale(t: Tensor, factor: number): void {
    this.rewrite([t], ([next]) => loops.scale(tensorOf(t).values, factor, next));
  }

  lerp(t: Tensor, target: Tensor, share: number): void {
    checkSameShape('lerp', t.shape, target.shape);
    this.rewrite([t], ([next]) => {
      loops.lerp(tensorOf(t).values, tensorOf(target).values, share, next);
    });
  }

  squaredNorm(t: Tensor): number {
    return loops.squaredNorm(tensorOf(t).values);
  }

  allFinite(ts: readonly Tensor[]): boolean {
    return ts.every((t) => allFinite(tensorOf(t).values));
  }

  sgd(w: Tensor, v: Tensor, gradient: Tensor, step: SgdStep): void {
    for (const t of [v, gradient]) checkSameShape('sgd', w.shape, t.shape);
    this.rewrite([w, v], ([nextW, nextV]) => {
      steps.sgd(valuesOf({ w, v, gradient }), { w: nextW, v: nextV }, step);
    });
  }

  adamw(w: Tensor, m: Tensor, v: Tensor, gradient: Tensor, step: AdamWStep): void {
    for (const t of [m, v, gradient]) checkSameShape('adamw', w.shape, t.shape);
    this.rewrite([w, m, v], ([nextW, nextM, nextV]) => {
      steps.adamw(valuesOf({ w, m, v, gradient }), { w: nextW, m: nextM, v: nextV }, step);
    });
  }

  /**
   * Puts new values into tensors. `write` fills one array of undefined values for each; until it is done the tensors
   * hold the old ones. It must not allocate: the heap may move.
   */
  protected rewrite<Tensors extends readonly Tensor[]>(
    tensors: readonly [...Tensors],
    write: (next: { [K in keyof Tensors]: Float32Array }) => void,
  ): void {
    const blocks = tensors.map((t) => this.heap.alloc(t.shape));
    const next = blocks.map((block) => this.heap.values(block));
    write(next as { [K in keyof Tensors]: Float32Array });
    tensors.forEach((t, i) => {
      tensorOf(t).replace(blocks[i]!);
    });
  }
}

function valuesOf<Name extends string>(tensors: Record<Name, Tensor>): Record<Name, Float32Array> {
  const entries = Object.entries<Tensor>(tensors).map(([name, t]) => [name, tensorOf(t).values]);
  return Object.fromEntries(entries) as Record<Name, Float32Array>;
}
