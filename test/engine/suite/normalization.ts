import { expect } from 'vitest';
import type { LrnOptions, Shape } from '../../../src/engine/engine.js';
import { EngineError } from '../../../src/errors.js';
import * as reference from '../reference-normalization.js';
import {
  type Check,
  type Context,
  expectClose,
  expectCloseValues,
  expectExact,
  masked,
  sizeOf,
} from './context.js';

interface Case {
  shape: Shape;
  training: boolean;
  relu: boolean;
  momentum?: number;
  /** Added to the input: statistics must not suffer from a mean far from zero. */
  offset?: number;
}

/** Forward, running statistics, and the gradients of two signals, each by itself. */
function checkBatchNorm(context: Context, options: Case): void {
  const { engine } = context;
  const { shape, training, relu, momentum = 0.1, offset = 0 } = options;
  const channels = shape.at(-1)!;
  const epsilon = 1e-3;
  const x = context.random(sizeOf(shape)).map((value) => value + offset);
  const [weight, bias, mean] = [0, 1, 2].map(() => context.random(channels)) as Float32Array[];
  const variance = context.random(channels).map((value) => 1.5 + value);
  const tensors = {
    weight: context.tensor([channels], weight),
    bias: context.tensor([channels], bias),
    mean: context.tensor([channels], mean),
    variance: context.tensor([channels], variance),
  };
  const { y, saved } = context.ownForward(
    engine.batchNorm(context.tensor(shape, x), tensors, { training, momentum, epsilon, relu }),
  );
  const used = training ? reference.statistics(x, channels) : { mean: mean!, variance };
  const plain = reference.batchNorm(x, weight!, bias!, used, epsilon);
  expectClose(context, y, shape, relu ? plain.map((value) => Math.max(0, value)) : plain);

  const rows = x.length / channels;
  const follow = (old: Float32Array, batch: ArrayLike<number>, factor: number) =>
    training ? [...old].map((v, c) => (1 - momentum) * v + momentum * batch[c]! * factor) : old;
  expectClose(context, tensors.mean, [channels], follow(mean!, used.mean, 1));
  const unbiased = follow(variance, used.variance, rows / (rows - 1));
  expectClose(context, tensors.variance, [channels], unbiased);

  const yValues = engine.read(y);
  context.giveUpTensors();
  for (const scale of [1, -3]) {
    const dy = context.random(x.length).map((value) => scale * value);
    const dz = context.own(engine.activationGradient(saved, context.tensor(shape, dy)));
    const signal = relu ? masked(dy, yValues) : dy;
    expectClose(context, dz, shape, signal);
    const found = engine.batchNormGradient(saved, dz);
    for (const t of Object.values(found)) context.own(t);
    const expected = reference.batchNormGradient(x, weight!, signal, used, epsilon, training);
    expectClose(context, found.weight, [channels], expected.weight);
    expectClose(context, found.bias, [channels], expected.bias);
    expectClose(context, found.input, shape, expected.input);
  }
}

function checkLrn(context: Context, shape: Shape, options: LrnOptions): void {
  const { engine } = context;
  const x = context.random(sizeOf(shape)).map((value) => 3 * value);
  const dy = context.random(x.length);
  const expected = reference.lrn(x, shape[3]!, options);
  const { y, saved } = context.ownForward(engine.lrn(context.tensor(shape, x), options));
  expectClose(context, y, shape, expected.y);
  context.giveUpTensors();
  const dx = context.own(engine.lrnGradient(saved, context.tensor(shape, dy)));
  expectClose(context, dx, shape, expected.gradient(dy));
}

export function normalizationChecks(check: Check): void {
  const maps = [3, 4, 5, 6];
  const cases: [string, Case][] = [
    ['in training', { shape: maps, training: true, relu: false }],
    ['in training, ReLU', { shape: maps, training: true, relu: true }],
    ['running statistics', { shape: maps, training: false, relu: false }],
    ['running statistics, ReLU', { shape: maps, training: false, relu: true }],
    ['matrices, in training', { shape: [9, 5], training: true, relu: true }],
    ['matrices, running statistics', { shape: [9, 5], training: false, relu: true }],
    ['momentum 1', { shape: maps, training: true, relu: false, momentum: 1 }],
    ['many channels, large maps', { shape: [2, 9, 7, 33], training: true, relu: true }],
    ['mean away from zero', { shape: maps, training: true, relu: false, offset: 4 }],
  ];
  for (const [title, options] of cases) {
    check(`batchNorm: ${title}`, (context) => checkBatchNorm(context, options));
  }

  check('batchNorm: hand-written, and the unbiased running variance', (context) => {
    const { engine } = context;
    const tensors = {
      weight: context.tensor([1], [2]),
      bias: context.tensor([1], [1]),
      mean: context.tensor([1], [0]),
      variance: context.tensor([1], [1]),
    };
    const x = context.tensor([2, 1], [-3, 3]);
    const options = { training: true, momentum: 0.5, epsilon: 0, relu: false };
    const { y } = context.ownForward(engine.batchNorm(x, tensors, options));
    expectClose(context, y, [2, 1], [-1, 3]);
    expectExact(context, tensors.mean, [1], [0]);
    // Variance 9, unbiased 18: 0.5 * 1 + 0.5 * 18
    expectExact(context, tensors.variance, [1], [9.5]);
  });

  check('batchNorm: the input gradients of two signals add up to that of their sum', (context) => {
    const { engine } = context;
    const shape = [2, 3, 3, 4];
    const four = () => context.tensor([4]);
    const tensors = { weight: four(), bias: four(), mean: four(), variance: four() };
    const options = { training: true, momentum: 0.1, epsilon: 1e-5, relu: true };
    const { saved } = context.ownForward(engine.batchNorm(context.tensor(shape), tensors, options));
    const [a, b] = [context.tensor(shape), context.tensor(shape)];
    const input = (dz: typeof a) => {
      const gradient = engine.batchNormGradient(saved, dz);
      for (const t of Object.values(gradient)) context.own(t);
      return engine.read(gradient.input);
    };
    const [one, other] = [input(a), input(b)];
    const together = input(context.own(engine.add([a, b])));
    expectCloseValues(
      one.map((value, i) => value + other[i]!),
      together,
    );
  });

  check('batchNorm: shapes that do not fit are an EngineError', (context) => {
    const { engine } = context;
    const [three, two] = [context.tensor([3]), context.tensor([2])];
    const options = { training: true, momentum: 0.1, epsilon: 1e-5, relu: false };
    const tensors = { weight: three, bias: three, mean: three, variance: three };
    const x = context.tensor([2, 2, 2, 3]);
    expect(() => engine.batchNorm(x, { ...tensors, bias: two }, options)).toThrow(EngineError);
    const cube = context.tensor([2, 2, 3]);
    expect(() => engine.batchNorm(cube, tensors, options)).toThrow(EngineError);
    const running = { ...options, training: false };
    const { saved } = context.ownForward(engine.batchNorm(x, tensors, running));
    const wrong = context.tensor([2, 2, 2, 2]);
    expect(() => engine.batchNormGradient(saved, wrong)).toThrow(EngineError);
  });

  check("lrn: AlexNet's", (context) => {
    checkLrn(context, [2, 3, 4, 12], { size: 5, alpha: 1e-4, beta: 0.75, k: 1 });
  });
  check('lrn: strong', (context) => {
    checkLrn(context, [2, 3, 4, 7], { size: 3, alpha: 2, beta: 0.6, k: 2 });
  });
  check('lrn: wider than the channels', (context) => {
    checkLrn(context, [2, 2, 2, 3], { size: 9, alpha: 1, beta: 0.75, k: 1.5 });
  });

  check('lrn: hand-written, alpha is divided by the size', (context) => {
    const { engine } = context;
    const x = context.tensor([1, 1, 1, 3], [1, 2, 3]);
    const { y } = context.ownForward(engine.lrn(x, { size: 3, alpha: 3, beta: 1, k: 1 }));
    expectClose(context, y, [1, 1, 1, 3], [1 / 6, 2 / 15, 3 / 14]);
  });
}
