/**
 * The forward half of an engine in float64, by the naive loops of test/engine/reference.ts: losses so exact that
 * finite differences of them can judge a float32 engine's gradients. It goes forward only, and frees nothing.
 */
import type {
  BatchNormOptions,
  BatchNormTensors,
  Engine,
  Forward,
  LrnOptions,
  PoolWindow,
  Scale,
  Shape,
  Targets,
  Tensor,
  Window,
} from '../../src/engine/engine.js';
import { EngineError } from '../../src/errors.js';
import * as reference from '../engine/reference.js';
import * as normalization from '../engine/reference-normalization.js';

export class Float64Tensor implements Tensor {
  constructor(
    readonly values: Float64Array,
    readonly shape: Shape,
  ) {}
}

export class Float64Engine implements Engine {
  readonly info = {
    name: 'wasm',
    library: 'float64 loops',
    device: 'cpu',
    threads: 1,
    precision: 'float32',
  } as const;

  tensor(values: Float32Array, shape: Shape): Float64Tensor {
    return new Float64Tensor(Float64Array.from(values), shape);
  }
  zeros(shape: Shape): Float64Tensor {
    return new Float64Tensor(new Float64Array(size(shape)), shape);
  }
  read(t: Tensor): Float32Array {
    return Float32Array.from(values(t));
  }
  assign(t: Tensor, from: Float32Array): void {
    values(t).set(from);
  }
  retain(t: Tensor): Tensor {
    return t;
  }
  dispose(): void {}
  release(): void {}
  tensorCount(): number {
    return 0;
  }

  conv(
    x: Tensor,
    filter: Tensor,
    bias: Tensor | null,
    { window, relu }: { window: Window; relu: boolean },
  ): Forward {
    const shape = map(x);
    const out = filter.shape[3]!;
    const y = reference.conv(
      values(x),
      shape,
      values(filter),
      out,
      bias && values(bias),
      window,
      relu,
    );
    const [height, width] = reference.outputSize(shape[1], shape[2], window);
    return forward(y, [shape[0], height, width, out]);
  }

  dense(x: Tensor, weight: Tensor, bias: Tensor | null, { relu }: { relu: boolean }): Forward {
    const [inn, out] = [weight.shape[0]!, weight.shape[1]!];
    const y = reference.dense(values(x), values(weight), [inn, out], bias && values(bias), relu);
    return forward(y, [x.shape[0]!, out]);
  }

  relu(x: Tensor): Forward {
    return forward(
      values(x).map((value) => Math.max(0, value)),
      x.shape,
    );
  }

  /** Leaves the running statistics as they are. */
  batchNorm(x: Tensor, tensors: BatchNormTensors, options: BatchNormOptions): Forward {
    const [weight, bias] = [values(tensors.weight), values(tensors.bias)];
    const statistics = options.training
      ? normalization.statistics(values(x), weight.length)
      : { mean: values(tensors.mean), variance: values(tensors.variance) };
    const y = normalization.batchNorm(values(x), weight, bias, statistics, options.epsilon);
    return forward(options.relu ? y.map((value) => Math.max(0, value)) : y, x.shape);
  }

  lrn(x: Tensor, options: LrnOptions): Forward {
    return forward(normalization.lrn(values(x), x.shape[3]!, options).y, x.shape);
  }

  pool(x: Tensor, window: PoolWindow): Forward {
    const shape = map(x);
    const { y } = reference.pool(values(x), shape, window);
    const [height, width] = reference.outputSize(shape[1], shape[2], window);
    return forward(y, [shape[0], height, width, shape[3]]);
  }

  dropout(x: Tensor, mask: Float32Array): Forward {
    return forward(
      values(x).map((value, i) => value * mask[i]!),
      x.shape,
    );
  }

  concat(xs: readonly Tensor[]): Float64Tensor {
    const widths = xs.map((x) => x.shape.at(-1)!);
    const width = widths.reduce((sum, part) => sum + part, 0);
    const rows = size(xs[0]!.shape) / widths[0]!;
    const y = new Float64Array(rows * width);
    for (let row = 0, at = 0; row < rows; row++) {
      xs.forEach((x, i) => {
        y.set(values(x).subarray(row * widths[i]!, (row + 1) * widths[i]!), at);
        at += widths[i]!;
      });
    }
    return new Float64Tensor(y, [...xs[0]!.shape.slice(0, -1), width]);
  }

  add(xs: readonly Tensor[]): Float64Tensor {
    const all = xs.map(values);
    const sum = all[0]!.map((_, i) => all.reduce((total, x) => total + x[i]!, 0));
    return new Float64Tensor(sum, xs[0]!.shape);
  }

  reshape(x: Tensor, shape: Shape): Float64Tensor {
    return new Float64Tensor(values(x), shape);
  }

  softmaxCrossEntropy(logits: Tensor, targets: Targets, scale: Scale) {
    const found = reference.softmaxCrossEntropy(values(logits), logits.shape[1]!, targets, scale);
    return {
      losses: Float32Array.from(found.losses),
      gradient: new Float64Tensor(found.gradient, logits.shape),
    };
  }

  /** A layer from outside may compute with these. */
  accumulate(sum: Tensor, addend: Tensor): void {
    const from = values(addend);
    for (const i of from.keys()) values(sum)[i]! += from[i]!;
  }
  scale(t: Tensor, factor: number): void {
    const own = values(t);
    for (const i of own.keys()) own[i]! *= factor;
  }

  convParameterGradient = forwardOnly;
  convInputGradient = forwardOnly;
  denseParameterGradient = forwardOnly;
  denseInputGradient = forwardOnly;
  activationGradient = forwardOnly;
  poolGradient = forwardOnly;
  dropoutGradient = forwardOnly;
  split = forwardOnly;
  batchNormGradient = forwardOnly;
  lrnGradient = forwardOnly;
  lerp = forwardOnly;
  squaredNorm = forwardOnly;
  allFinite = forwardOnly;
  sgd = forwardOnly;
  adamw = forwardOnly;
}

/** A tensor of this engine: its values, which may be changed in place. */
export function values(t: Tensor): Float64Array {
  if (t instanceof Float64Tensor) return t.values;
  throw new EngineError('a tensor of another engine');
}

function forwardOnly(): never {
  throw new EngineError('this engine only goes forward');
}

const size = (shape: Shape): number => shape.reduce((product, length) => product * length, 1);

function map({ shape: [batch, height, width, channels] }: Tensor): reference.Shape4 {
  return [batch!, height!, width!, channels!];
}

function forward(y: Float64Array, shape: Shape): Forward {
  return { y: new Float64Tensor(y, shape), saved: {} };
}
