import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Tensor } from '../../src/engine/engine.js';
import { engineRoot, locateNative } from '../../src/engine/locate.js';
import type { NativeEngine } from '../../src/engine/native/native-engine.js';
import { openNativeEngine } from '../../src/engine/native/opening/open.js';
import { bf16ProductsProblem } from './bf16-products.js';
import { engineSuite } from './suite.js';

const location = locateNative();
const missing = `the native engine is not installed in ${engineRoot()}: relaybp engine install`;

const COARSE = {
  reason: 'differences of nearly equal numbers, of which bfloat16 keeps eight bits',
  tests: [
    'batchNorm: mean away from zero',
    'batchNorm: the input gradients of two signals add up to that of their sum',
  ],
};

if (location) {
  engineSuite('native', () => openNativeEngine(location));
  engineSuite('native, Winograd wherever it can', () =>
    openNativeEngine(location, { convolution: 'winograd' }),
  );
  engineSuite('native, portable operations', () => openNativeEngine(location, { portable: true }));
  const problem = await bf16ProductsProblem(location);
  for (const bf16Products of [true, false]) {
    const products = bf16Products ? 'bfloat16' : 'float32';
    if (bf16Products && problem !== null) {
      test.skip(`engine native in bf16, products in bfloat16 (skipped: ${problem})`, () => {});
      continue;
    }
    for (const portable of [false, true]) {
      engineSuite(
        `native in bf16, products in ${products}${portable ? ', portable operations' : ''}`,
        async () =>
          narrowing(
            await openNativeEngine(location, { precision: 'bf16', bf16Products, portable }),
          ),
        [COARSE],
      );
    }
  }
  describe('native engine', () => nativeTests(location));
} else if (process.env.RELAYBP_REQUIRE_NATIVE === '1') {
  test('the native engine is installed', () => expect.fail(missing));
} else {
  test.skip(`native engine (skipped: ${missing})`, () => {});
}

/** Stores whatever has four axes as bfloat16, as between the layers of a network. */
function narrowing(engine: NativeEngine): NativeEngine {
  const { tensor, map } = engine;
  engine.tensor = (values, shape) =>
    (shape.length === 4 ? map : tensor).call(engine, values, shape);
  return engine;
}

function nativeTests(at: { binding: string }): void {
  let engine: NativeEngine;
  let before: number;

  beforeAll(async () => {
    engine = await openNativeEngine(at);
    before = engine.rawTensorCount();
  });
  afterAll(() => {
    expect(engine.tensorCount(), 'handles').toBe(0);
    expect(engine.rawTensorCount(), 'tensors inside TensorFlow').toBe(before);
  });

  test('in-place updates keep as many tensors inside TensorFlow, and disposal frees them all', () => {
    const raw = engine.rawTensorCount();
    const w = engine.tensor(Float32Array.of(1, 2), [2]);
    const v = engine.zeros([2]);
    const gradient = engine.tensor(Float32Array.of(0.5, -1), [2]);
    const step = { lr: 0.1, momentum: 0.9, weightDecay: 0.01 };
    engine.sgd(w, v, gradient, step);
    const after = engine.rawTensorCount();
    for (let i = 0; i < 3; i++) engine.sgd(w, v, gradient, step);
    expect(engine.rawTensorCount()).toBe(after);
    for (const t of [w, v, gradient]) engine.dispose(t);
    expect(engine.rawTensorCount()).toBe(raw);
  });

  test('a tensor cut from a parameter keeps its values when the parameter is updated in place', () => {
    const w = engine.tensor(Float32Array.of(1, 2), [2]);
    const v = engine.zeros([2]);
    const gradient = engine.tensor(Float32Array.of(1, 1), [2]);
    const step = { lr: 0.5, momentum: 0.5, weightDecay: 0 };
    engine.sgd(w, v, gradient, step); // v = [.5, .5], w = [.5, 1.5]
    const view = engine.reshape(w, [1, 2]);
    const momentum = engine.reshape(v, [1, 2]);
    engine.sgd(w, v, gradient, step); // v = [.75, .75], w = [-.25, .75]
    expect([...engine.read(view)]).toEqual([0.5, 1.5]);
    expect([...engine.read(momentum)]).toEqual([0.5, 0.5]);
    expect([...engine.read(w)]).toEqual([-0.25, 0.75]);
    expect([...engine.read(v)]).toEqual([0.75, 0.75]);
    for (const t of [w, v, gradient, view, momentum]) engine.dispose(t);
  });

  test('momentum assigned between updates is what the next update starts from', () => {
    const w = engine.tensor(Float32Array.of(1), [1]);
    const v = engine.zeros([1]);
    const gradient = engine.tensor(Float32Array.of(1), [1]);
    const step = { lr: 0.5, momentum: 0.5, weightDecay: 0 };
    engine.sgd(w, v, gradient, step); // v = .5, w = .5
    engine.assign(v, Float32Array.of(2));
    engine.assign(w, Float32Array.of(4));
    engine.sgd(w, v, gradient, step); // v = 1 + .5, w = 4 - 1.5
    expect([...engine.read(v), ...engine.read(w)]).toEqual([1.5, 2.5]);
    for (const t of [w, v, gradient]) engine.dispose(t);
  });

  test('rows of a weight and its momentum are updated in place, from rows of its gradient', () => {
    const raw = engine.rawTensorCount();
    const values = (size: number, factor: number) =>
      Float32Array.from({ length: size }, (_, i) => Math.sin(factor * (i + 1)));
    const x = engine.tensor(values(2 * 5, 0.7), [2, 5]);
    const dz = engine.tensor(values(2 * 3, 0.3), [2, 3]);
    const bias = engine.zeros([3]);
    const make = () => [engine.tensor(values(15, 0.9), [5, 3]), engine.zeros([5, 3])] as const;
    const [whole, parts] = [make(), make()];
    const step = { lr: 0.1, momentum: 0.9, weightDecay: 0.01 };
    const { y, saved } = engine.dense(x, whole[0], bias, { relu: false });
    const all = engine.denseParameterGradient(saved, dz);
    for (let i = 0; i < 2; i++) {
      engine.sgd(...whole, all.weight, step);
      for (const rows of [
        [0, 2],
        [2, 5],
      ] as const) {
        const part = engine.denseParameterGradient(saved, dz, rows);
        const views = [engine.rows!(parts[0], rows), engine.rows!(parts[1], rows)] as const;
        engine.sgd(...views, part.weight, step);
        for (const t of [part.weight, ...views]) engine.dispose(t);
        if (part.bias) {
          expect([...engine.read(part.bias)]).toEqual([...engine.read(all.bias!)]);
          engine.dispose(part.bias);
        }
        expect(part.bias === null).toBe(rows[0] > 0);
      }
    }
    for (const i of [0, 1] as const) expect(engine.read(parts[i])).toEqual(engine.read(whole[i]));
    engine.release(saved);
    for (const t of [x, dz, bias, y, all.weight, all.bias!, ...whole, ...parts]) engine.dispose(t);
    expect(engine.rawTensorCount()).toBe(raw);
  });

  test('weight decay without momentum', () => {
    const w = engine.tensor(Float32Array.of(2), [1]);
    const v = engine.tensor(Float32Array.of(8), [1]);
    const gradient = engine.tensor(Float32Array.of(1), [1]);
    engine.sgd(w, v, gradient, { lr: 0.5, momentum: 0, weightDecay: 0.25 }); // v = .5 (1 + .5)
    expect([...engine.read(v), ...engine.read(w)]).toEqual([0.75, 1.25]);
    for (const t of [w, v, gradient]) engine.dispose(t);
  });

  test('normalization and the steps of optimizers leave nothing inside TensorFlow', () => {
    const raw = engine.rawTensorCount();
    const four = () => engine.tensor(Float32Array.of(1, 2, 3, 4), [4]);
    const [weight, bias, mean, variance, m, v] = Array.from({ length: 6 }, four) as Tensor[];
    const tensors = { weight: weight!, bias: bias!, mean: mean!, variance: variance! };
    const step = { lr: 0.1, betas: [0.9, 0.99] as const, epsilon: 1e-8, weightDecay: 0.1 };
    const cycle = (t: number): void => {
      for (const training of [true, false])
        for (const shape of [
          [6, 4],
          [2, 3, 1, 4],
        ]) {
          const x = engine.tensor(new Float32Array(24).fill(t), shape);
          const options = { training, momentum: 0.1, epsilon: 1e-5, relu: true };
          const { y, saved } = engine.batchNorm(x, tensors, options);
          const gradient = engine.batchNormGradient(saved, y);
          engine.adamw(weight!, m!, v!, gradient.weight, { ...step, step: t });
          engine.lerp(bias!, weight!, 0.5);
          engine.scale(bias!, 0.5);
          engine.squaredNorm(bias!);
          engine.release(saved);
          for (const tensor of [x, y, ...Object.values(gradient)]) engine.dispose(tensor);
        }
      const x = engine.zeros([1, 1, 1, 4]);
      const { y, saved } = engine.lrn(x, { size: 3, alpha: 1, beta: 0.5, k: 1 });
      engine.dispose(engine.lrnGradient(saved, y));
      engine.release(saved);
      for (const tensor of [x, y]) engine.dispose(tensor);
    };
    cycle(1);
    const after = engine.rawTensorCount();
    cycle(2);
    cycle(3);
    expect(engine.rawTensorCount()).toBe(after);
    for (const t of [weight, bias, mean, variance, m, v]) engine.dispose(t!);
    expect(engine.rawTensorCount()).toBe(raw);
  });

  test('what one operation saved fits no other, and is released once', () => {
    const raw = engine.rawTensorCount();
    const x = engine.zeros([1, 2, 2, 1]);
    const { y, saved } = engine.relu(x);
    expect(() => engine.poolGradient(saved, y)).toThrow(/saved, got something of another/);
    engine.release(saved);
    expect(() => engine.release(saved)).toThrow(/already released/);
    for (const t of [x, y]) engine.dispose(t);
    expect(engine.rawTensorCount()).toBe(raw);
  });
}
