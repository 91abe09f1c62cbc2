/** Loops over plain float32 arrays: they read and write the WebAssembly heap where it lies. */

/** `max(0, x)`; keeps NaN, so that a broken loss shows. */
export function relu(x: Float32Array, y: Float32Array): void {
  for (let i = 0; i < x.length; i++) y[i] = Math.max(x[i] as number, 0);
}

export function reluInPlace(y: Float32Array): void {
  relu(y, y);
}

/**
 * `dz = dy` where `y` is positive, else 0. Works on the bits, because a branch on random signs costs four times as
 * much: seen as an integer, a float is positive exactly where both `~bits` and `-bits` have their sign bit set.
 */
export function mask(dy: Float32Array, y: Float32Array, dz: Float32Array): void {
  const [signal, output, result] = [bitsOf(dy), bitsOf(y), bitsOf(dz)];
  for (let i = 0; i < signal.length; i++) {
    const bits = output[i] as number;
    result[i] = (signal[i] as number) & ((~bits & -bits) >> 31);
  }
}

function bitsOf(values: Float32Array): Int32Array {
  return new Int32Array(values.buffer, values.byteOffset, values.length);
}

export function add(a: Float32Array, b: Float32Array, sum: Float32Array): void {
  for (let i = 0; i < a.length; i++) sum[i] = (a[i] as number) + (b[i] as number);
}

export function multiply(a: Float32Array, b: Float32Array, product: Float32Array): void {
  for (let i = 0; i < a.length; i++) product[i] = (a[i] as number) * (b[i] as number);
}

/** `t + share * (target - t)`, written to `next`. */
export function lerp(
  t: Float32Array,
  target: Float32Array,
  share: number,
  next: Float32Array,
): void {
  for (let i = 0; i < t.length; i++) {
    const value = t[i] as number;
    next[i] = value + share * ((target[i] as number) - value);
  }
}

export function scale(t: Float32Array, factor: number, next: Float32Array): void {
  for (let i = 0; i < t.length; i++) next[i] = (t[i] as number) * factor;
}

/** In double precision. */
export function squaredNorm(t: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < t.length; i++) sum += (t[i] as number) ** 2;
  return sum;
}

/** Sums `x` `[rows, sums.length]` over its rows, in double precision; eight columns at a time, in registers. */
export function sumRows(x: Float32Array, sums: Float32Array): void {
  const width = sums.length;
  let column = 0;
  for (; column + 8 <= width; column += 8) {
    let [a, b, c, d, e, f, g, h] = [0, 0, 0, 0, 0, 0, 0, 0];
    for (let i = column; i < x.length; i += width) {
      a += x[i] as number;
      b += x[i + 1] as number;
      c += x[i + 2] as number;
      d += x[i + 3] as number;
      e += x[i + 4] as number;
      f += x[i + 5] as number;
      g += x[i + 6] as number;
      h += x[i + 7] as number;
    }
    sums.set([a, b, c, d, e, f, g, h], column);
  }
  for (; column < width; column++) {
    let sum = 0;
    for (let i = column; i < x.length; i += width) sum += x[i] as number;
    sums[column] = sum;
  }
}

/** Copies a band of columns: `width` columns from column `fromColumn` of `from` to `toColumn` of `to`. */
export function copyColumns(
  from: Float32Array,
  [fromColumn, fromWidth]: readonly [number, number],
  to: Float32Array,
  [toColumn, toWidth]: readonly [number, number],
  width: number,
): void {
  let source = fromColumn;
  for (let target = toColumn; target < to.length; target += toWidth, source += fromWidth)
    for (let i = 0; i < width; i++) to[target + i] = from[source + i] as number;
}
