/**
 * Batch and local response normalization as loops over the heap, in double precision. Values are read as rows of
 * `channels`, whatever axes they have.
 */
import type { BatchNormOptions, LrnOptions } from '../engine.js';
import { WasmSaved } from './handles.js';
import type { Block } from './heap.js';

/** What the gradients of a batch normalization need. The blocks are owned by the `BatchNormSaved` around it. */
export interface BatchNormFacts {
  x: Block;
  weight: Block;
  /** What was subtracted, and what was multiplied by: `1 / sqrt(variance + epsilon)`. */
  mean: Float64Array;
  inverse: Float64Array;
  /** The statistics are the batch's own. */
  training: boolean;
}

export class BatchNormSaved extends WasmSaved<BatchNormFacts> {}

export interface Moments {
  mean: Float64Array;
  /** Divided by the number of values. */
  variance: Float64Array;
}

/** Mean and variance of each channel. */
export function moments(x: Float32Array, channels: number): Moments {
  const rows = x.length / channels;
  const mean = new Float64Array(channels);
  const variance = new Float64Array(channels);
  for (let i = 0; i < x.length; )
    for (let c = 0; c < channels; c++, i++) mean[c] = (mean[c] as number) + (x[i] as number);
  for (let c = 0; c < channels; c++) mean[c] = (mean[c] as number) / rows;
  for (let i = 0; i < x.length; )
    for (let c = 0; c < channels; c++, i++) {
      const off = (x[i] as number) - (mean[c] as number);
      variance[c] = (variance[c] as number) + off * off;
    }
  for (let c = 0; c < channels; c++) variance[c] = (variance[c] as number) / rows;
  return { mean, variance };
}

/** `(1 - momentum) * running + momentum * batch`, written to `next`. */
export function follow(
  running: Float32Array,
  batch: Float64Array,
  momentum: number,
  next: Float32Array,
): void {
  for (let c = 0; c < next.length; c++)
    next[c] = (1 - momentum) * (running[c] as number) + momentum * (batch[c] as number);
}

/** The unbiased variance of `rows` values; of a single value it is 0. */
export function unbiased(variance: Float64Array, rows: number): Float64Array {
  return variance.map((value) => (value * rows) / Math.max(rows - 1, 1));
}

/** Fills `y`. */
export function normalize(
  x: Float32Array,
  { weight, bias }: { weight: Float32Array; bias: Float32Array },
  { mean, inverse }: Pick<BatchNormFacts, 'mean' | 'inverse'>,
  { relu }: Pick<BatchNormOptions, 'relu'>,
  y: Float32Array,
): void {
  const channels = mean.length;
  const slope = inverse.map((value, c) => value * (weight[c] as number));
  const shift = slope.map((value, c) => (bias[c] as number) - value * (mean[c] as number));
  for (let i = 0; i < x.length; )
    for (let c = 0; c < channels; c++, i++) {
      const value = (x[i] as number) * (slope[c] as number) + (shift[c] as number);
      y[i] = relu ? Math.max(value, 0) : value;
    }
}

/** Sums over the rows of `dz`, and of `dz` times the normalized input: the gradients of bias and weight. */
export function batchNormSums(
  x: Float32Array,
  dz: Float32Array,
  { mean, inverse }: Pick<BatchNormFacts, 'mean' | 'inverse'>,
): { weight: Float64Array; bias: Float64Array } {
  const channels = mean.length;
  const [weight, bias] = [new Float64Array(channels), new Float64Array(channels)];
  for (let i = 0; i < x.length; )
    for (let c = 0; c < channels; c++, i++) {
      const signal = dz[i] as number;
      bias[c] = (bias[c] as number) + signal;
      weight[c] = (weight[c] as number) + signal * ((x[i] as number) - (mean[c] as number));
    }
  for (let c = 0; c < channels; c++) weight[c] = (weight[c] as number) * (inverse[c] as number);
  return { weight, bias };
}

/**
 * Fills `dx = weight * inverse * (dz - sum(dz) / n - normalized * sum(dz * normalized) / n)`; the last two terms are
 * the statistics' own dependence on the input, and fall away outside of training.
 */
export function batchNormInput(
  { x, dz, weight }: { x: Float32Array; dz: Float32Array; weight: Float32Array },
  sums: { weight: Float64Array; bias: Float64Array },
  { mean, inverse, training }: Pick<BatchNormFacts, 'mean' | 'inverse' | 'training'>,
  dx: Float32Array,
): void {
  const channels = mean.length;
  const share = training ? channels / x.length : 0;
  const slope = inverse.map((value, c) => value * (weight[c] as number));
  const curve = slope.map(
    (v, c) => -v * (inverse[c] as number) * (sums.weight[c] as number) * share,
  );
  const shift = slope.map((value, c) => {
    return -value * (sums.bias[c] as number) * share - (curve[c] as number) * (mean[c] as number);
  });
  for (let i = 0; i < x.length; )
    for (let c = 0; c < channels; c++, i++) {
      const linear = (dz[i] as number) * (slope[c] as number) + (shift[c] as number);
      dx[i] = linear + (x[i] as number) * (curve[c] as number);
    }
}

/** What the gradient of a local response normalization needs; `x` is owned by the `LrnSaved` around it. */
export interface LrnFacts {
  x: Block;
  options: LrnOptions;
}

export class LrnSaved extends WasmSaved<LrnFacts> {}

/** `k + alpha / size * s` for each channel of the row that begins at `at`. */
function denominators(
  x: Float32Array,
  at: number,
  { size, alpha, k }: LrnOptions,
  result: Float64Array,
): void {
  for (let c = 0; c < result.length; c++) {
    const [from, to] = around(c, size, result.length);
    let sum = 0;
    for (let i = from; i < to; i++) sum += (x[at + i] as number) ** 2;
    result[c] = k + (alpha / size) * sum;
  }
}

/** The first neighbour of channel `c`, and the one after the last. */
function around(c: number, size: number, channels: number): [number, number] {
  const reach = (size - 1) / 2;
  return [Math.max(0, c - reach), Math.min(channels, c + reach + 1)];
}

/** Fills `y`. */
export function lrn(x: Float32Array, channels: number, options: LrnOptions, y: Float32Array): void {
  const base = new Float64Array(channels);
  for (let at = 0; at < x.length; at += channels) {
    denominators(x, at, options, base);
    for (let c = 0; c < channels; c++)
      y[at + c] = (x[at + c] as number) * (base[c] as number) ** -options.beta;
  }
}

/**
 * Fills `dx`: with `d` the denominators before the power, a channel gets `dy * d^-beta`, and of each channel it is a
 * neighbour of `-2 * beta * alpha / size * x * (dy * y / d)`.
 */
export function lrnGradient(
  x: Float32Array,
  dy: Float32Array,
  channels: number,
  options: LrnOptions,
  dx: Float32Array,
): void {
  const { size, alpha, beta } = options;
  const base = new Float64Array(channels);
  const sent = new Float64Array(channels);
  for (let at = 0; at < x.length; at += channels) {
    denominators(x, at, options, base);
    for (let c = 0; c < channels; c++)
      sent[c] = (dy[at + c] as number) * (x[at + c] as number) * (base[c] as number) ** (-beta - 1);
    for (let c = 0; c < channels; c++) {
      const [from, to] = around(c, size, channels);
      let sum = 0;
      for (let i = from; i < to; i++) sum += sent[i] as number;
      const own = (dy[at + c] as number) * (base[c] as number) ** -beta;
      dx[at + c] = own - ((2 * beta * alpha) / size) * (x[at + c] as number) * sum;
    }
  }
}
