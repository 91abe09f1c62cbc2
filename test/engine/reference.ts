/**
 * The operations of `Engine` as naive float64 loops: the truth that engines are tested against.
 * Values are row-major; shapes as in `Engine`.
 */
import type { PoolWindow, Scale, Targets, Window } from '../../src/engine/engine.js';

export type Values = ArrayLike<number>;
export type Shape2 = readonly [number, number];
export type Shape4 = readonly [number, number, number, number];

/** `floor((in + padding - kernel) / stride) + 1` for height and width. */
export function outputSize(height: number, width: number, window: Window): Shape2 {
  const { kernel, stride, padding } = window;
  return [
    Math.floor((height + padding[0] + padding[1] - kernel[0]) / stride[0]) + 1,
    Math.floor((width + padding[2] + padding[3] - kernel[1]) / stride[1]) + 1,
  ];
}

type Visit = (input: number, output: number, tap: number) => void;

/**
 * Calls `visit` for every real pixel under every window, in row-major order of output, then of tap:
 * pixel numbers in `[b, h, w]`, in `[b, oh, ow]` and in `[kh, kw]`.
 */
function eachTap(shape: Shape4, window: Window, visit: Visit): void {
  const [batch, height, width] = shape;
  const { kernel, stride, padding } = window;
  const [outHeight, outWidth] = outputSize(height, width, window);
  for (let b = 0; b < batch; b++)
    for (let oy = 0; oy < outHeight; oy++)
      for (let ox = 0; ox < outWidth; ox++)
        for (let ky = 0; ky < kernel[0]; ky++)
          for (let kx = 0; kx < kernel[1]; kx++) {
            const y = oy * stride[0] - padding[0] + ky;
            const x = ox * stride[1] - padding[2] + kx;
            if (y < 0 || y >= height || x < 0 || x >= width) continue;
            visit(
              (b * height + y) * width + x,
              (b * outHeight + oy) * outWidth + ox,
              ky * kernel[1] + kx,
            );
          }
}

/** Cross-correlation of `x` with `filter` `[kh, kw, in, out]`, plus bias, then ReLU where asked for. */
export function conv(
  x: Values,
  shape: Shape4,
  filter: Values,
  out: number,
  bias: Values | null,
  window: Window,
  relu: boolean,
): Float64Array {
  const inn = shape[3];
  const [outHeight, outWidth] = outputSize(shape[1], shape[2], window);
  const y = new Float64Array(shape[0] * outHeight * outWidth * out);
  eachTap(shape, window, (input, output, tap) => {
    for (let i = 0; i < inn; i++)
      for (let o = 0; o < out; o++)
        y[output * out + o]! += x[input * inn + i]! * filter[(tap * inn + i) * out + o]!;
  });
  return activate(y, bias, relu);
}

/** Adds a bias `[out]` along the last axis and applies ReLU, in place. */
function activate(y: Float64Array, bias: Values | null, relu: boolean): Float64Array {
  for (let i = 0; i < y.length; i++) {
    if (bias) y[i]! += bias[i % bias.length]!;
    if (relu) y[i] = Math.max(0, y[i]!);
  }
  return y;
}

/** `dL/dfilter` from `x` and `dz` `[b, oh, ow, out]`. */
export function convFilterGradient(
  x: Values,
  shape: Shape4,
  dz: Values,
  out: number,
  window: Window,
): Float64Array {
  const inn = shape[3];
  const gradient = new Float64Array(window.kernel[0] * window.kernel[1] * inn * out);
  eachTap(shape, window, (input, output, tap) => {
    for (let i = 0; i < inn; i++)
      for (let o = 0; o < out; o++)
        gradient[(tap * inn + i) * out + o]! += x[input * inn + i]! * dz[output * out + o]!;
  });
  return gradient;
}

/** `dL/dx` from `filter` and `dz` `[b, oh, ow, out]`. */
export function convInputGradient(
  shape: Shape4,
  filter: Values,
  dz: Values,
  out: number,
  window: Window,
): Float64Array {
  const inn = shape[3];
  const gradient = new Float64Array(shape[0] * shape[1] * shape[2] * inn);
  eachTap(shape, window, (input, output, tap) => {
    for (let i = 0; i < inn; i++)
      for (let o = 0; o < out; o++)
        gradient[input * inn + i]! += dz[output * out + o]! * filter[(tap * inn + i) * out + o]!;
  });
  return gradient;
}

/** Sums over all axes but the last, which has `size` elements. */
export function sumRows(values: Values, size: number): Float64Array {
  const sums = new Float64Array(size);
  for (let i = 0; i < values.length; i++) sums[i % size]! += values[i]!;
  return sums;
}

/** `a` `[rows, inner]` times `b` `[inner, columns]`. */
export function matMul(a: Values, b: Values, inner: number, columns: number): Float64Array {
  const rows = a.length / inner;
  const y = new Float64Array(rows * columns);
  for (let r = 0; r < rows; r++)
    for (let k = 0; k < inner; k++)
      for (let c = 0; c < columns; c++)
        y[r * columns + c]! += a[r * inner + k]! * b[k * columns + c]!;
  return y;
}

export function transpose(a: Values, rows: number, columns: number): Float64Array {
  return Float64Array.from({ length: rows * columns }, (_, i) => {
    return a[(i % rows) * columns + Math.floor(i / rows)]!;
  });
}

export function dense(
  x: Values,
  weight: Values,
  [inn, out]: Shape2,
  bias: Values | null,
  relu: boolean,
): Float64Array {
  return activate(matMul(x, weight, inn, out), bias, relu);
}

/** The divisor of average pooling for output pixel `(oy, ox)`: positions that are real or counted padding. */
function divisor(shape: Shape4, window: PoolWindow, oy: number, ox: number): number {
  const { kernel, stride, padding, counted } = window;
  let count = 0;
  for (let ky = 0; ky < kernel[0]; ky++)
    for (let kx = 0; kx < kernel[1]; kx++) {
      const y = oy * stride[0] - padding[0] + ky;
      const x = ox * stride[1] - padding[2] + kx;
      const inHeight = y >= -counted[0] && y < shape[1] + counted[1];
      if (inHeight && x >= -counted[2] && x < shape[2] + counted[3]) count++;
    }
  return count;
}

/** Pools; also gives, for every tap of every window, the share of the output's gradient its pixel receives. */
export function pool(
  x: Values,
  shape: Shape4,
  window: PoolWindow,
): { y: Float64Array; gradient: (dy: Values) => Float64Array } {
  const channels = shape[3];
  const [outHeight, outWidth] = outputSize(shape[1], shape[2], window);
  const y = new Float64Array(shape[0] * outHeight * outWidth * channels);
  const winner = new Int32Array(y.length).fill(-1);
  const divide = (output: number) =>
    divisor(shape, window, Math.floor(output / outWidth) % outHeight, output % outWidth);
  eachTap(shape, window, (input, output) => {
    for (let c = 0; c < channels; c++) {
      const to = output * channels + c;
      const from = input * channels + c;
      if (window.kind === 'average') y[to]! += x[from]! / divide(output);
      else if (winner[to]! < 0 || x[from]! > x[winner[to]!]!) {
        winner[to] = from;
        y[to] = x[from]!;
      }
    }
  });
  const gradient = (dy: Values) => {
    const dx = new Float64Array(x.length);
    eachTap(shape, window, (input, output) => {
      for (let c = 0; c < channels; c++) {
        const to = output * channels + c;
        const from = input * channels + c;
        if (window.kind === 'average') dx[from]! += dy[to]! / divide(output);
        else if (winner[to] === from) dx[from]! += dy[to]!;
      }
    });
    return dx;
  };
  return { y, gradient };
}

export function softmaxCrossEntropy(
  logits: Values,
  classes: number,
  targets: Targets,
  scale: Scale,
): { losses: Float64Array; gradient: Float64Array } {
  const rows = logits.length / classes;
  const losses = new Float64Array(rows);
  const gradient = new Float64Array(logits.length);
  for (let b = 0; b < rows; b++) {
    const wanted = Array.from({ length: classes }, (_, c) =>
      targets instanceof Float32Array ? targets[b * classes + c]! : Number(targets[b] === c),
    );
    if (!wanted.some((share) => share > 0)) continue;
    const row = Array.from({ length: classes }, (_, c) => logits[b * classes + c]!);
    const top = Math.max(...row);
    const sum = row.reduce((total, value) => total + Math.exp(value - top), 0);
    losses[b] = row.reduce(
      (total, value, c) => total + wanted[c]! * (Math.log(sum) + top - value),
      0,
    );
    row.forEach((value, c) => {
      const probability = Math.exp(value - top) / sum;
      const own = typeof scale === 'number' ? scale : scale[b]!;
      gradient[b * classes + c] = own * (probability - wanted[c]!);
    });
  }
  return { losses, gradient };
}
