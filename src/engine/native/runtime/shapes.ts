/** Checks of shapes, made before TensorFlow is called: its own messages name neither the layer nor the rule. */
import { EngineError } from '../../../errors.js';
import type { Shape, Tensor } from '../../engine.js';

const text = (shape: readonly (number | null)[]) =>
  `[${shape.map((size) => size ?? 'any').join(', ')}]`;

/** @throws EngineError if `t` does not have this shape; `null` stands for any size */
export function expectShape(what: string, t: Tensor, shape: readonly (number | null)[]): void {
  const fits =
    t.shape.length === shape.length &&
    shape.every((size, axis) => size === null || size === t.shape[axis]);
  if (!fits) throw new EngineError(`${what} is ${text(t.shape)}, expected ${text(shape)}`);
}

export function sizeOf(shape: Shape): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}

/** @throws EngineError if so many values do not fill `shape` */
export function expectSize(count: number, shape: Shape): void {
  if (count === sizeOf(shape)) return;
  throw new EngineError(`${count} values do not fit the shape ${text(shape)} = ${sizeOf(shape)}`);
}
