/**
 * A network whose signal to noise is known by hand: the error at the logits is always the same, and all noise is that
 * of dropout in the heads, on its way down through two matrices.
 */
import { expect, test } from 'vitest';
import type { Estimate } from '../../src/run/signal-row.js';
import type { NamedTensor } from '../../src/safetensors.js';
import { planOf } from '../model/planning.js';
import { onEveryEngine } from '../relay/engines.js';
import { measured } from './measuring.js';

const IMAGES = 4;
const BATCHES = 600;

const plan = planOf({
  size: 1,
  segments: [
    '[fc: {units: 2, relu: false, bias: false}]',
    '[fc: {units: 2, relu: false, bias: false}]',
  ],
  losses: [
    '{name: primary, after: seg2, range: {downTo: seg2}, head: [dropout: 0.5, fc: {units: classes}]}',
    '{name: auxiliary, after: seg1, weight: 0.3, head: [dropout: 0.8, fc: {units: classes}]}',
  ],
  batchSize: IMAGES,
});

/** `[in, out]`, row by row. */
const matrix = (...rows: number[][]): NamedTensor => ({
  shape: [rows.length, rows[0]!.length],
  values: Float32Array.from(rows.flat()),
});
/** Class 0 by so much that softmax gives 1 and 0 to all digits, whatever else is added. */
const sure: NamedTensor = { shape: [2], values: Float32Array.of(50, 0) };

const weights = new Map<string, NamedTensor>([
  ['fc1_1.weight', matrix([1, 0], [0, 1], [0, 0])],
  ['fc2_1.weight', matrix([1, 1], [1, 0])],
  ['primary.fc1.weight', matrix([2, 0], [0, 1])],
  ['primary.fc1.bias', sure],
  ['auxiliary.fc1.weight', matrix([1, 0], [0, 0])],
  ['auxiliary.fc1.bias', sure],
]);

/**
 * All images are x = (1, 2, 2), |x|² = 9, and fc1_1 makes z = (1, 2) of them, |z|² = 5. All labels are 1, so the error is
 * e = (1, -1), and what comes out of the primary head's matrix is v = (2, -1), of the auxiliary's w = (1, 0). Dropout
 * multiplies each value by 0 or 2 (by 0 or 5 at rate 0.8): mean 1, variance 1 (4), a quarter of it in a batch of 4.
 *
 * - fc2_1, primary: z vᵀ. |mean|² = 5 · 5 = 25, noise 5 · 5 / 4 = 6.25.
 * - fc1_1, primary: x (M v)ᵀ, M = (1 1; 1 0). M v = (1, 2), |mean|² = 9 · 5 = 45; M's columns have squared norms 2 and 1,
 *   noise 9 · (2² · 2 + 1² · 1) / 4 = 20.25: the two values of v cancel out in part, their noise does not.
 * - fc1_1, auxiliary: x wᵀ. |mean|² = 9, noise 9 · 4 / 4 = 9; mean |gradient| (1 + 2 + 2) / 6, times the weight.
 * - Between the two in fc1_1: (1, 2) · (1, 0) / √5.
 */
const known = {
  fc2_1: { primary: { mean: 5, spread: 2.5, signalToNoise: 2 } },
  fc1_1: {
    primary: { mean: Math.sqrt(45), spread: 4.5, signalToNoise: Math.sqrt(45 / 20.25) },
    auxiliary: { mean: 3, spread: 3, signalToNoise: 1 },
  },
};

const data = {
  images: Float32Array.from({ length: 3 * IMAGES }, (_, i) => [1, 2, 2][i % 3]!),
  labels: new Int32Array(IMAGES).fill(1),
};

function expectNear({ value, low, high }: Estimate, truth: number): void {
  expect(Math.abs(value! - truth)).toBeLessThan(0.06 * Math.max(1, truth));
  expect(low!).toBeLessThanOrEqual(truth);
  expect(high!).toBeGreaterThanOrEqual(truth);
  expect(high! - low!).toBeLessThan(0.3 * Math.max(1, truth));
}

onEveryEngine((engine) => {
  test('what the dropout of the heads makes of each signal, layer by layer', async () => {
    const row = await measured(plan, engine(), weights, data, BATCHES, { dropout: true });
    expect(row.layers.map(({ layer }) => layer)).toEqual(['fc1_1', 'fc2_1']);
    const [lower, upper] = row.layers;
    expect(Object.keys(upper!.byLoss)).toEqual(['primary']);
    for (const [layer, losses] of Object.entries(known)) {
      const { byLoss } = row.layers.find((one) => one.layer === layer)!;
      for (const [loss, { mean, spread, signalToNoise }] of Object.entries(losses)) {
        const own = byLoss[loss]!;
        expectNear(own.signalToNoise, signalToNoise);
        expect(own.mean / mean).toBeCloseTo(1, 1);
        expect(own.spread / spread).toBeCloseTo(1, 1);
      }
    }
    expect(lower!.byLoss.primary!.inRange).toBe(false);
    expect(lower!.byLoss.auxiliary!.inRange).toBe(true);
    expectNear(lower!.byLoss.auxiliary!.magnitude, (0.3 * 5) / 6);
    expect(lower!.weight).toBeCloseTo(2 / 6, 6);
    const [pair] = lower!.pairs;
    expect(pair!.losses).toEqual(['primary', 'auxiliary']);
    expectNear(pair!.cosine, 1 / Math.sqrt(5));
    expectNear(pair!.difference, Math.sqrt(45 / 20.25) - 1);
  });
});
