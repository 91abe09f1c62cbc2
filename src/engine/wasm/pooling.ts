/** Max and average pooling as loops over the heap: the backend has neither argmax nor these divisors. */
import type { PoolWindow, Shape } from '../engine.js';
import { outputSize } from './convolution.js';
import { WasmSaved } from './handles.js';
import { fourOf } from './heap.js';

/** What the gradient of a pooling needs. */
export interface PoolFacts {
  x: Shape;
  y: Shape;
  window: PoolWindow;
  /** Max only: for every output, the number of the input that won. */
  winners: Int32Array | null;
}

export class PoolSaved extends WasmSaved<PoolFacts> {}

/** For each output position along one axis: its first and last real pixel, and how many positions count. */
interface Span {
  from: Int32Array;
  to: Int32Array;
  count: Int32Array;
}

/** `padding` and `counted` are those before and after the axis. */
function spans(
  size: number,
  outputs: number,
  kernel: number,
  stride: number,
  before: number,
  counted: readonly [number, number],
): Span {
  const span: Span = {
    from: new Int32Array(outputs),
    to: new Int32Array(outputs),
    count: new Int32Array(outputs),
  };
  for (let o = 0; o < outputs; o++) {
    const start = o * stride - before;
    span.from[o] = Math.max(0, start);
    span.to[o] = Math.min(size, start + kernel);
    span.count[o] = Math.min(size + counted[1], start + kernel) - Math.max(-counted[0], start);
  }
  return span;
}

function windowSpans(x: Shape, y: Shape, window: PoolWindow): [rows: Span, columns: Span] {
  const { kernel, stride, padding, counted } = window;
  const [, height, width] = fourOf(x);
  const [, outHeight, outWidth] = fourOf(y);
  const [top, bottom, left, right] = counted;
  return [
    spans(height, outHeight, kernel[0], stride[0], padding[0], [top, bottom]),
    spans(width, outWidth, kernel[1], stride[1], padding[2], [left, right]),
  ];
}

/** Output shape for an input `[b, h, w, c]`. */
export function pooledShape(x: Shape, window: PoolWindow): number[] {
  const [batch, , , channels] = fourOf(x);
  return [batch, ...outputSize(x, window), channels];
}

/** Calls `visit` for each real pixel under each window, row-major: first channel's index in `x` and in `y`. */
function eachPixel(
  { x, y, window }: PoolFacts,
  visit: (from: number, to: number, first: boolean, share: number) => void,
): void {
  const [batch, height, width, channels] = fourOf(x);
  const [, outHeight, outWidth] = fourOf(y);
  const [rows, columns] = windowSpans(x, y, window);
  for (let b = 0, to = 0; b < batch; b++)
    for (let oy = 0; oy < outHeight; oy++)
      for (let ox = 0; ox < outWidth; ox++, to += channels) {
        const [yFrom, yTo] = [rows.from[oy] as number, rows.to[oy] as number];
        const [xFrom, xTo] = [columns.from[ox] as number, columns.to[ox] as number];
        const share = 1 / ((rows.count[oy] as number) * (columns.count[ox] as number));
        for (let iy = yFrom; iy < yTo; iy++)
          for (let ix = xFrom; ix < xTo; ix++)
            visit(
              ((b * height + iy) * width + ix) * channels,
              to,
              iy === yFrom && ix === xFrom,
              share,
            );
      }
}

/** Fills `y`; for max pooling also `facts.winners`, the first of equal maxima. */
export function poolForward(x: Float32Array, y: Float32Array, facts: PoolFacts): void {
  const [, , , channels] = fourOf(facts.x);
  const { winners } = facts;
  if (!winners) {
    y.fill(0);
    eachPixel(facts, (from, to, _first, share) => {
      for (let c = 0; c < channels; c++)
        y[to + c] = (y[to + c] as number) + share * (x[from + c] as number);
    });
    return;
  }
  eachPixel(facts, (from, to, first) => {
    for (let c = 0; c < channels; c++) {
      const value = x[from + c] as number;
      if (!first && !(value > (y[to + c] as number))) continue;
      y[to + c] = value;
      winners[to + c] = from + c;
    }
  });
}

/** Fills `dx`. */
export function poolBackward(dy: Float32Array, dx: Float32Array, facts: PoolFacts): void {
  const [, , , channels] = fourOf(facts.x);
  const { winners } = facts;
  dx.fill(0);
  if (winners) {
    for (let i = 0; i < dy.length; i++) {
      const winner = winners[i] as number;
      dx[winner] = (dx[winner] as number) + (dy[i] as number);
    }
    return;
  }
  eachPixel(facts, (from, to, _first, share) => {
    for (let c = 0; c < channels; c++)
      dx[from + c] = (dx[from + c] as number) + share * (dy[to + c] as number);
  });
}
