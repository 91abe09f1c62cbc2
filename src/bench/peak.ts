import type { Engine } from '../engine/engine.js';
import { waitFor } from './wait.js';

/** The fastest that an engine multiplies on this machine, in GFLOP/s; a multiply-add is two operations. */
export interface MatmulPeak {
  readonly gflops: number;
  /** What reached it. */
  readonly by: string;
}

/** Rows and columns of the largest product, images of the largest convolution. */
const LARGEST = { product: 4096, convolution: 16 };
/** What takes at least so long is large enough to be measured. */
const ENOUGH_MS = 60;
const REPEATS = 5;

/** Measures square matrix products and 3x3 convolutions, each growing until one takes long enough. */
export function matmulPeak(engine: Engine): MatmulPeak {
  const products = growing(256, LARGEST.product, (n) => product(engine, n));
  const convolutions = growing(1, LARGEST.convolution, (images) => convolution(engine, images));
  const [best] = [...products, ...convolutions].sort((a, b) => b.gflops - a.gflops);
  const { gflops, by } = best!;
  return { gflops, by };
}

function growing(smallest: number, largest: number, run: (size: number) => Measured): Measured[] {
  const all: Measured[] = [];
  for (let size = smallest; size <= largest; size *= 2) {
    const next = run(size);
    all.push(next);
    if (next.ms >= ENOUGH_MS) break;
  }
  return all;
}

interface Measured extends MatmulPeak {
  readonly ms: number;
}

/** The second product's input is what the first gave: of the type that the engine computes in. */
function product(engine: Engine, n: number): Measured {
  const x = engine.tensor(new Float32Array(n * n).fill(0.5), [n, n]);
  const w = engine.tensor(new Float32Array(n * n).fill(1 / n), [n, n]);
  const first = engine.dense(x, w, null, { relu: false });
  const ms = fastest(engine, () => {
    const { y, saved } = engine.dense(first.y, w, null, { relu: false });
    engine.dispose(y);
    engine.release(saved);
  });
  engine.release(first.saved);
  for (const tensor of [first.y, x, w]) engine.dispose(tensor);
  return { ms, gflops: (2 * n ** 3) / ms / 1e6, by: `matrix product ${n}x${n}` };
}

function convolution(engine: Engine, images: number): Measured {
  const [side, channels] = [28, 256];
  const shape = [images, side, side, channels];
  const values = images * side * side * channels;
  const x = engine.tensor(new Float32Array(values).fill(0.5), shape);
  const filter = engine.tensor(new Float32Array(9 * channels * channels).fill(0.01), [
    3,
    3,
    channels,
    channels,
  ]);
  const options = {
    window: { kernel: [3, 3], stride: [1, 1], padding: [1, 1, 1, 1] },
    relu: false,
  } as const;
  const first = engine.conv(x, filter, null, options);
  const ms = fastest(engine, () => {
    const { y, saved } = engine.conv(first.y, filter, null, options);
    engine.dispose(y);
    engine.release(saved);
  });
  engine.release(first.saved);
  for (const tensor of [first.y, x, filter]) engine.dispose(tensor);
  const operations = 2 * values * 9 * channels;
  const winograd = engine.takesWinograd?.(options.window, channels, shape) ?? false;
  const by = `convolution 3x3${winograd ? " by Winograd's filtering" : ''}, ${channels} channels, ${images}x${side}x${side}`;
  return { ms, gflops: operations / ms / 1e6, by };
}

function fastest(engine: Engine, work: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i <= REPEATS; i++) {
    const start = performance.now();
    work();
    waitFor(engine);
    if (i > 0) best = Math.min(best, performance.now() - start);
  }
  return best;
}
