/** Batch and local response normalization as naive float64 loops over rows of channels; see `reference.ts`. */
import type { LrnOptions } from '../../src/engine/engine.js';
import type { Values } from './reference.js';

export interface Statistics {
  mean: Float64Array;
  variance: Float64Array;
}

/** Mean and biased variance of each channel. */
export function statistics(x: Values, channels: number): Statistics {
  const rows = x.length / channels;
  const column = (c: number) => Array.from({ length: rows }, (_, row) => x[row * channels + c]!);
  const means = Float64Array.from({ length: channels }, (_, c) => sum(column(c)) / rows);
  const variance = means.map((mean, c) => sum(column(c).map((v) => (v - mean) ** 2)) / rows);
  return { mean: means, variance };
}

export function batchNorm(
  x: Values,
  weight: Values,
  bias: Values,
  { mean, variance }: { mean: Values; variance: Values },
  epsilon: number,
): Float64Array {
  const channels = weight.length;
  return Float64Array.from(x, (value, i) => {
    const c = i % channels;
    return (weight[c]! * (value - mean[c]!)) / Math.sqrt(variance[c]! + epsilon) + bias[c]!;
  });
}

/** The gradient of `sum(dz * batchNorm(x))`, written with the full Jacobian of the normalization. */
export function batchNormGradient(
  x: Values,
  weight: Values,
  dz: Values,
  { mean, variance }: { mean: Values; variance: Values },
  epsilon: number,
  training: boolean,
): { weight: Float64Array; bias: Float64Array; input: Float64Array } {
  const channels = weight.length;
  const rows = x.length / channels;
  const deviation = Float64Array.from(variance, (value) => Math.sqrt(value + epsilon));
  const normal = Float64Array.from(
    x,
    (value, i) => (value - mean[i % channels]!) / deviation[i % channels]!,
  );
  const gradient = {
    weight: new Float64Array(channels),
    bias: new Float64Array(channels),
    input: new Float64Array(x.length),
  };
  for (let i = 0; i < x.length; i++) {
    const c = i % channels;
    gradient.weight[c]! += dz[i]! * normal[i]!;
    gradient.bias[c]! += dz[i]!;
    // d normal[j] / d x[i] = ((i == j) - 1 / n - normal[i] * normal[j] / n) / deviation
    for (let row = 0; row < rows; row++) {
      const j = row * channels + c;
      const own = i === j ? 1 : 0;
      const shared = training ? (1 + normal[i]! * normal[j]!) / rows : 0;
      gradient.input[i]! += (dz[j]! * weight[c]! * (own - shared)) / deviation[c]!;
    }
  }
  return gradient;
}

/** Local response normalization, and its gradient for a signal `dy`. */
export function lrn(
  x: Values,
  channels: number,
  { size, alpha, beta, k }: LrnOptions,
): { y: Float64Array; gradient: (dy: Values) => Float64Array } {
  const reach = (size - 1) / 2;
  const near = (i: number): number[] => {
    const c = i % channels;
    const first = Math.max(0, c - reach) - c;
    const last = Math.min(channels - 1, c + reach) - c;
    return Array.from({ length: last - first + 1 }, (_, n) => i + first + n);
  };
  const base = Float64Array.from(
    x,
    (_, i) => k + (alpha / size) * sum(near(i).map((j) => x[j]! ** 2)),
  );
  const y = base.map((value, i) => x[i]! * value ** -beta);
  const gradient = (dy: Values) =>
    base.map((value, i) => {
      const others = sum(near(i).map((j) => (dy[j]! * y[j]!) / base[j]!));
      return dy[i]! * value ** -beta - ((2 * alpha * beta) / size) * x[i]! * others;
    });
  return { y, gradient };
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
