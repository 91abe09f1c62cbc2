/**
 * Small layers, run forward and backward, for comparing two ways to compute them.
 *
 * The values are exact in bfloat16, and no two in a channel of a map are equal: a kernel that rounds partial sums as well
 * as its result, or takes another of two maxima, gives other numbers.
 */
import type { Forward, PoolWindow, Shape, Tensor, Window } from '../../engine.js';
import { inScope, type Scope } from '../../scope.js';
import { NativeEngine } from '../native-engine.js';
import { DataType } from '../runtime/binding.js';
import type { Runtime } from '../runtime/runtime.js';
import { sizeOf } from '../runtime/shapes.js';

/** Runs something in a runtime and gives all that comes out of it, as float32. */
export type Probe = (runtime: Runtime) => Float32Array[];

/** An engine on one runtime, and what a probe makes and finds out with it. */
class Bench {
  readonly found: Float32Array[] = [];

  constructor(
    readonly engine: NativeEngine,
    private readonly runtime: Runtime,
    private readonly scope: Scope,
  ) {}

  /** Takes over `t`, given up at the end. */
  keep<T extends Tensor>(t: T): T {
    return this.scope.temporary(t);
  }

  /** Values from `lowest` up to 2 more, all different in each channel of less than 127 positions. */
  values(shape: Shape, step = 37, lowest = -0.5): Tensor {
    const values = Float32Array.from(
      { length: sizeOf(shape) },
      (_, i) => (((i + 1) * step) % 127) / 64 + lowest,
    );
    return this.keep(this.engine.tensor(values, shape));
  }

  /** The same in the type in which this runtime stores maps. */
  maps(shape: Shape, step?: number): Tensor {
    const { runtime } = this;
    const wide = this.values(shape, step);
    const { maps } = runtime.mode;
    if (maps === DataType.float) return wide;
    const id = runtime.cast(runtime.value(wide), DataType.float, maps);
    return this.keep(runtime.own(id, shape, maps));
  }

  /** Takes over tensors whose values are results. */
  result<T extends Tensor>(t: T): T {
    this.found.push(this.engine.read(this.keep(t)));
    return t;
  }

  /** Takes over a forward pass whose output is a result, and lets `backward` use what it saved. */
  layer({ y, saved }: Forward, backward: (saved: Forward['saved']) => void): void {
    try {
      this.result(y);
      backward(saved);
    } finally {
      this.engine.release(saved);
    }
  }
}

const probe =
  (body: (bench: Bench, engine: NativeEngine) => void): Probe =>
  (runtime) => {
    const engine = new NativeEngine(runtime);
    return inScope(engine, (scope) => {
      const bench = new Bench(engine, runtime, scope);
      body(bench, engine);
      return bench.found;
    });
  };

/** Convolutions with a bias, of 3x3 pixels and of one, without or with a ReLU. */
const convolutions = (bench: Bench, engine: NativeEngine, relu: boolean): void => {
  const [inputs, outputs] = [64, 32];
  const x = bench.maps([2, 6, 6, inputs]);
  const dy = bench.maps([2, 6, 6, outputs], 29);
  const bias = bench.values([outputs], 11);
  for (const size of [3, 1]) {
    // In the second as many sums are below zero as above.
    const filter = bench.values([size, size, inputs, outputs], 53, size === 1 ? -1 : -0.5);
    const edge = (size - 1) / 2;
    const window: Window = {
      kernel: [size, size],
      stride: [1, 1],
      padding: [edge, edge, edge, edge],
    };
    bench.layer(engine.conv(x, filter, bias, { window, relu }), (saved) => {
      const dz = bench.keep(engine.activationGradient(saved, dy));
      const { weight, bias: dBias } = engine.convParameterGradient(saved, dz);
      bench.result(weight);
      bench.result(dBias!);
      bench.result(engine.convInputGradient(saved, dz));
    });
  }
};

/** Convolutions and their gradients. */
export const convolution = probe((bench, engine) => convolutions(bench, engine, false));

/** The same with a ReLU; of infinities too, of which it must not make NaN. */
export const rectifiedConvolution = probe((bench, engine) => {
  convolutions(bench, engine, true);
  const x = bench.keep(engine.tensor(Float32Array.of(-Infinity, -1, Infinity, 2), [1, 4, 1, 1]));
  const filter = bench.keep(engine.tensor(Float32Array.of(1), [1, 1, 1, 1]));
  const bias = bench.keep(engine.tensor(Float32Array.of(0.5), [1]));
  const window: Window = { kernel: [1, 1], stride: [1, 1], padding: [0, 0, 0, 0] };
  bench.layer(engine.conv(x, filter, bias, { window, relu: true }), () => {});
});

/** 3x3 pixels, one apart: all padding that there is, sizes that fill no tile or block, with a ReLU and without a bias. */
export const winogradConvolution = probe((bench, engine) => {
  const [inputs, outputs] = [35, 50];
  for (const [padding, relu] of [
    [[1, 1, 1, 1], true],
    [[0, 2, 3, 0], false],
  ] as const) {
    const x = bench.maps([2, 6, 7, inputs]);
    const filter = bench.values([3, 3, inputs, outputs], 53, -1);
    const bias = relu ? bench.values([outputs], 11) : null;
    const size = [4 + padding[0] + padding[1], 5 + padding[2] + padding[3]];
    const dy = bench.maps([2, ...size, outputs], 29);
    const window: Window = { kernel: [3, 3], stride: [1, 1], padding };
    bench.layer(engine.conv(x, filter, bias, { window, relu }), (saved) => {
      const { weight, bias: ofBias } = engine.convParameterGradient(saved, dy);
      bench.result(weight);
      if (ofBias) bench.result(ofBias);
      bench.result(engine.convInputGradient(saved, dy));
    });
  }
});

const pooling = (kind: PoolWindow['kind'], size: number): Probe =>
  probe((bench, engine) => {
    const window: PoolWindow = {
      kind,
      kernel: [size, size],
      stride: [2, 2],
      padding: [0, 0, 0, 0],
      counted: [0, 0, 0, 0],
    };
    const x = bench.maps([2, 7, 7, 16]);
    bench.layer(engine.pool(x, window), (saved) => {
      const side = Math.floor((7 - size) / 2) + 1;
      const dy = bench.maps([2, side, side, 16], 29);
      bench.result(engine.poolGradient(saved, dy));
    });
  });
export const maxPooling = pooling('max', 3);
export const averagePooling = pooling('average', 5);

/** In training and with running statistics. */
export const batchNormalization = probe((bench, engine) => {
  const channels = 16;
  const x = bench.maps([6, 4, 5, channels]);
  const dz = bench.maps([6, 4, 5, channels], 29);
  for (const training of [true, false]) {
    const [weight, bias, mean] = [11, 17, 23].map((step) => bench.values([channels], step));
    const variance = bench.keep(engine.tensor(new Float32Array(channels).fill(0.7), [channels]));
    const tensors = { weight: weight!, bias: bias!, mean: mean!, variance };
    const options = { training, momentum: 0.5, epsilon: 1e-5, relu: false };
    bench.layer(engine.batchNorm(x, tensors, options), (saved) => {
      for (const t of Object.values(engine.batchNormGradient(saved, dz))) bench.result(t);
    });
    for (const t of [tensors.mean, variance]) bench.found.push(engine.read(t));
  }
});

/** All that `cpp/kernels.cc` does in the place of other operations: ReLU gradients with sums, casts, updates. */
export const ownOperations = probe((bench, engine) => {
  const shape = [9, 33];
  const [x, dy, w, v, m] = [37, 29, 53, 11, 17].map((step) => bench.values(shape, step));
  bench.layer(engine.relu(x!), (saved) => bench.result(engine.activationGradient(saved, dy!)));
  engine.sgd(w!, v!, dy!, { lr: 0.5, momentum: 0.75, weightDecay: 0.25 });
  const squares = bench.keep(engine.tensor(new Float32Array(9 * 33).fill(0.5), shape));
  const betas = [0.5, 0.75] as const;
  const step = { lr: 0.5, betas, epsilon: 1e-3, weightDecay: 0.25, step: 2 };
  engine.adamw(x!, m!, squares, dy!, step);
  engine.accumulate(dy!, x!);
  for (const t of [w, v, m, x, squares, dy]) bench.found.push(engine.read(t!));
});

/** What of that deals with maps in bfloat16. */
export const ownNarrowOperations = probe((bench, engine) => {
  const x = bench.maps([2, 3, 3, 33]);
  const dy = bench.maps([2, 3, 3, 33], 29);
  bench.found.push(engine.read(x));
  bench.layer(engine.relu(x), (saved) => bench.result(engine.activationGradient(saved, dy)));
  // Not exact in bfloat16: the sum is of what is left of them.
  const wide = bench.keep(engine.tensor(Float32Array.of(1 / 3, -2 / 3, 1e-3, 257), [1, 1, 1, 4]));
  bench.result(engine.add([bench.maps([1, 1, 1, 4]), wide]));
});
