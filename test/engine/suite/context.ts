/** What the tests of the engine suite share: seeded values, ownership bookkeeping, comparison. */
import { expect } from 'vitest';
import type { Engine, Forward, Saved, Shape, Tensor } from '../../../src/engine/engine.js';
import type { Values } from '../reference.js';

/** Relative L2 distance to the float64 reference that an engine must keep, forward and backward. */
export const TOLERANCE = {
  float32: 1e-5,
  /** A rounding to eight bits is off by up to 2^-9: of input, weights, signal and result. */
  bf16: 2 ** -7,
} as const;

/** One test's view of the engine: whatever it passes through `own` is given up after the test. */
export class Context {
  readonly #tensors: Tensor[] = [];
  readonly #saved: Saved[] = [];
  #seed = 1;

  readonly tolerance: number;

  constructor(readonly engine: Engine) {
    this.tolerance = TOLERANCE[engine.info.precision];
  }

  /** Values in [-1, 1), the same for every run of a test. */
  random(size: number): Float32Array {
    return Float32Array.from({ length: size }, () => {
      this.#seed = (Math.imul(this.#seed, 1664525) + 1013904223) >>> 0;
      return this.#seed / 2 ** 31 - 1;
    });
  }

  /** A tensor of the given values, or of random ones, given up after the test. */
  tensor(shape: Shape, values: Values = this.random(sizeOf(shape))): Tensor {
    return this.own(this.engine.tensor(Float32Array.from(values), shape));
  }

  own<T extends Tensor>(t: T): T {
    this.#tensors.push(t);
    return t;
  }

  /** Owns both halves of a forward result. */
  ownForward(forward: Forward): Forward {
    this.#saved.push(forward.saved);
    this.own(forward.y);
    return forward;
  }

  /** Gives up everything at once, before the test ends. */
  giveUp(): void {
    for (const t of this.#tensors.splice(0)) this.engine.dispose(t);
    for (const saved of this.#saved.splice(0)) this.engine.release(saved);
  }

  /** Gives up all tensors but keeps what forward operations saved: those must stand on their own. */
  giveUpTensors(): void {
    for (const t of this.#tensors.splice(0)) this.engine.dispose(t);
  }
}

export type Body = (context: Context) => void;
/** Registers one test of the suite. */
export type Check = (title: string, body: Body) => void;

export function sizeOf(shape: Shape): number {
  return shape.reduce((size, length) => size * length, 1);
}

/** Expects a tensor of this shape whose values are within the engine's tolerance (relative L2) of `values`. */
export function expectClose(context: Context, t: Tensor, shape: Shape, values: Values): void {
  expect([...t.shape]).toEqual([...shape]);
  expectCloseValues(context.engine.read(t), values, context.tolerance);
}

export function expectCloseValues(
  actual: Values,
  expected: Values,
  tolerance: number = TOLERANCE.float32,
): void {
  expect(actual.length).toBe(expected.length);
  let error = 0;
  let norm = 0;
  for (let i = 0; i < expected.length; i++) {
    error += (actual[i]! - expected[i]!) ** 2;
    norm += expected[i]! ** 2;
  }
  const distance = norm === 0 ? Math.sqrt(error) : Math.sqrt(error / norm);
  expect(distance, 'relative L2 distance to the reference').toBeLessThanOrEqual(tolerance);
}

/** Expects exactly these values (they must be float32 numbers). */
export function expectExact(context: Context, t: Tensor, shape: Shape, values: number[]): void {
  expect([...t.shape]).toEqual([...shape]);
  // Adding 0 turns -0 into 0: the sign of zero is no matter here.
  expect(Array.from(context.engine.read(t), (value) => value + 0)).toEqual(values);
}

/** `dy` where `y` is positive, else 0: the activation gradient, from the engine's own output. */
export function masked(dy: Values, y: Values): Float64Array {
  return Float64Array.from(dy, (value, i) => (y[i]! > 0 ? value : 0));
}
