/** The steps of optimizers as loops over plain arrays; see `Engine.sgd` and `Engine.adamw`. */
import type { AdamWStep, SgdStep } from '../engine.js';

/** Reads `w`, `v` and `gradient`, writes the new `w` and `v` to `next`. */
export function sgd(
  now: { w: Float32Array; v: Float32Array; gradient: Float32Array },
  next: { w: Float32Array; v: Float32Array },
  { lr, momentum, weightDecay, nesterov = false }: SgdStep,
): void {
  const { w, v, gradient } = now;
  for (let i = 0; i < w.length; i++) {
    const weight = w[i] as number;
    const push = lr * ((gradient[i] as number) + weightDecay * weight);
    const velocity = momentum * (v[i] as number) + push;
    next.v[i] = velocity;
    next.w[i] = weight - (nesterov ? momentum * velocity + push : velocity);
  }
}

/** Reads `w`, `m`, `v` and `gradient`, writes the new `w`, `m` and `v` to `next`. */
export function adamw(
  now: { w: Float32Array; m: Float32Array; v: Float32Array; gradient: Float32Array },
  next: { w: Float32Array; m: Float32Array; v: Float32Array },
  { lr, betas, epsilon, weightDecay, step }: AdamWStep,
): void {
  const { w, m, v, gradient } = now;
  const [b1, b2] = betas;
  const [c1, c2] = [1 - b1 ** step, 1 - b2 ** step];
  for (let i = 0; i < w.length; i++) {
    const g = gradient[i] as number;
    const first = b1 * (m[i] as number) + (1 - b1) * g;
    const second = b2 * (v[i] as number) + (1 - b2) * g * g;
    next.m[i] = first;
    next.v[i] = second;
    // By the moment as it is kept: one that overflows float32 moves its weight no more, from now on.
    const push = first / c1 / (Math.sqrt((next.v[i] as number) / c2) + epsilon);
    next.w[i] = (w[i] as number) * (1 - lr * weightDecay) - lr * push;
  }
}
