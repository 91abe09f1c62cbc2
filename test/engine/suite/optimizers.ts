import { expect } from 'vitest';
import { EngineError } from '../../../src/errors.js';
import { type Check, expectClose, expectCloseValues, expectExact } from './context.js';

export function optimizerChecks(check: Check): void {
  check('scale: in place', (context) => {
    const t = context.tensor([2, 2], [1, -2, 0, 4]);
    context.engine.scale(t, 0.5);
    expectExact(context, t, [2, 2], [0.5, -1, 0, 2]);
  });

  check('squaredNorm', (context) => {
    const { engine } = context;
    expect(engine.squaredNorm(context.tensor([3], [3, -4, 0.5]))).toBe(25.25);
    const values = context.random(10_000);
    const expected = values.reduce((sum, value) => sum + value * value, 0);
    expectCloseValues([engine.squaredNorm(context.tensor([100, 100], values))], [expected]);
  });

  check('lerp: in place', (context) => {
    const { engine } = context;
    const t = context.tensor([2], [1, -2]);
    const target = context.tensor([2], [3, 2]);
    engine.lerp(t, target, 0.25);
    expectExact(context, t, [2], [1.5, -1]);
    engine.lerp(t, target, 1);
    expectExact(context, t, [2], [3, 2]);
    expectExact(context, target, [2], [3, 2]);
    expect(() => engine.lerp(t, context.tensor([3]), 0.5)).toThrow(EngineError);
  });

  check('sgd: two Nesterov steps by hand', (context) => {
    const { engine } = context;
    const w = context.tensor([2], [1, -2]);
    const v = context.tensor([2], [0, 0.5]);
    const gradient = context.tensor([2], [0.5, 1]);
    const step = { lr: 0.5, momentum: 0.5, weightDecay: 0.25, nesterov: true };
    // v = 0.5 * (0, 0.5) + 0.5 * ((0.5, 1) + 0.25 * (1, -2)) = (0.375, 0.5)
    // w = (1, -2) - (1.5 * (0.375, 0.5) - 0.5 * (0, 0.5)) = (0.4375, -2.5)
    engine.sgd(w, v, gradient, step);
    expectExact(context, v, [2], [0.375, 0.5]);
    expectExact(context, w, [2], [0.4375, -2.5]);
    // v = 0.5 * (0.375, 0.5) + 0.5 * ((0.5, 1) + 0.25 * (0.4375, -2.5)) = (0.4921875, 0.4375)
    // w = (0.4375, -2.5) - (1.5 * (0.4921875, 0.4375) - 0.5 * (0.375, 0.5)) = (-0.11328125, -2.90625)
    engine.sgd(w, v, gradient, step);
    expectExact(context, v, [2], [0.4921875, 0.4375]);
    expectExact(context, w, [2], [-0.11328125, -2.90625]);
  });

  check("sgd: Nesterov's momentum as PyTorch at a constant rate", (context) => {
    const { engine } = context;
    const w = context.tensor([3], [1, -2, 0.5]);
    const v = context.tensor([3], [0, 0, 0]);
    const step = { lr: 0.1, momentum: 0.9, weightDecay: 0.01, nesterov: true };
    for (const gradient of GRADIENTS) engine.sgd(w, v, context.tensor([3], gradient), step);
    expectClose(context, w, [3], TORCH.nesterov);
  });

  check('adamw: one step by hand', (context) => {
    const { engine } = context;
    const w = context.tensor([2], [1, -2]);
    const [m, v] = [context.tensor([2], [0, 0]), context.tensor([2], [0, 0])];
    const step = { lr: 0.5, betas: [0.5, 0.75] as const, epsilon: 1, weightDecay: 0.5, step: 1 };
    engine.adamw(w, m, v, context.tensor([2], [3, -1]), step);
    // m = 0.5 g, v = 0.25 g^2; corrected they are g and g^2, so w = 0.75 w - 0.5 * g / (|g| + 1)
    expectClose(context, m, [2], [1.5, -0.5]);
    expectClose(context, v, [2], [2.25, 0.25]);
    expectClose(context, w, [2], [0.75 - 0.375, -1.5 + 0.25]);
  });

  check('adamw: as PyTorch', (context) => {
    const { engine } = context;
    const w = context.tensor([3], [1, -2, 0.5]);
    const [m, v] = [context.tensor([3], [0, 0, 0]), context.tensor([3], [0, 0, 0])];
    const options = { lr: 0.1, betas: [0.9, 0.99] as const, epsilon: 1e-3, weightDecay: 0.05 };
    GRADIENTS.forEach((gradient, i) => {
      engine.adamw(w, m, v, context.tensor([3], gradient), { ...options, step: i + 1 });
    });
    expectClose(context, w, [3], TORCH.adamw);
  });

  check('adamw: shapes that do not fit are an EngineError', (context) => {
    const { engine } = context;
    const [w, three] = [context.tensor([2]), context.tensor([3])];
    const step = { lr: 1, betas: [0, 0] as const, epsilon: 1, weightDecay: 0, step: 1 };
    expect(() => engine.adamw(w, three, context.tensor([2]), w, step)).toThrow(EngineError);
    expect(() => engine.adamw(w, context.tensor([2]), w, three, step)).toThrow(EngineError);
  });
}

const GRADIENTS = [
  [0.5, -1, 0.001],
  [-0.25, 2, -0.002],
  [1, 0.5, 0.003],
  [0.1, -0.3, 0.004],
];

/**
 * Weights after a step for each of GRADIENTS from [1, -2, 0.5], by PyTorch 2.13 in float64: scripts/reference-optimizers.py
 */
const TORCH = {
  nesterov: [0.580233053766337, -2.3323699363826744, 0.4926514451205393],
  adamw: [0.7316486998614379, -1.9656728090894193, 0.3946568521597166],
};
