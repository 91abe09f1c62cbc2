/** Fully connected layers: matrix products. */
import type { Shape } from '../engine.js';
import { demand, show, WasmSaved } from './handles.js';
import type { Block, Heap } from './heap.js';

/** What the gradients of a fully connected layer need. The blocks are owned by the `DenseSaved` around it. */
export interface DenseFacts {
  x: Block;
  weight: Block;
  y: Shape;
  bias: boolean;
}

export class DenseSaved extends WasmSaved<DenseFacts> {}

/** @throws EngineError if the shapes do not fit each other. */
export function checkDense(x: Shape, weight: Shape, bias: Shape | undefined): void {
  const fits = x.length === 2 && weight.length === 2 && x[1] === weight[0];
  demand(fits, () => `dense of ${show(x)} does not fit weights of ${show(weight)}`);
  demand(!bias || (bias.length === 1 && bias[0] === weight[1]), () => {
    return `dense with weights of ${show(weight)} does not fit a bias of ${show(bias ?? [])}`;
  });
}

/** `dL/dweight` = `x^T dz`, `[in, out]`. The caller owns it. */
export function weightGradient(heap: Heap, { x }: DenseFacts, dz: Block): Block {
  const transposed = heap.transpose(x, [1, 0]);
  const gradient = heap.matMul(transposed, dz);
  heap.free(transposed);
  return gradient;
}

/** `dL/dx` = `dz weight^T`, `[b, in]`. The caller owns it. */
export function denseInputGradient(heap: Heap, { weight }: DenseFacts, dz: Block): Block {
  const transposed = heap.transpose(weight, [1, 0]);
  const gradient = heap.matMul(dz, transposed);
  heap.free(transposed);
  return gradient;
}
