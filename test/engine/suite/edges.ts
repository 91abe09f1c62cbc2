/** Float edge cases: what overflows, is infinite or no number must show on every engine, and in the same way. */
import { expect } from 'vitest';
import type { Tensor } from '../../../src/engine/engine.js';
import { EngineError } from '../../../src/errors.js';
import { type Check, type Context, expectCloseValues, expectExact } from './context.js';

const { NaN: NONE, POSITIVE_INFINITY: INF } = Number;
const WINDOW = { kernel: [1, 1], stride: [1, 1], padding: [0, 0, 0, 0] } as const;

export function edgeChecks(check: Check): void {
  check(
    'squaredNorm: in double precision, also where float32 would overflow or vanish',
    (context) => {
      const { engine } = context;
      const norm = (values: number[]) =>
        engine.squaredNorm(context.tensor([values.length], values));
      const near = (actual: number, expected: number): void =>
        expect(Math.abs(actual / expected - 1)).toBeLessThan(1e-6); // 1e25 itself is rounded to float32
      near(norm([1e25, -1e25]), 2e50);
      near(norm([1e-30, 0, 1e-30]), 2e-60);
      expect(norm([1, INF])).toBe(INF);
      expect(norm([1, NONE, 2])).toBeNaN();
      // 2^24 and as many ones as a float32 sum of them loses.
      expect(norm([4096, ...new Array<number>(4097).fill(1)])).toBe(2 ** 24 + 4097);
    },
  );

  check('squaredNorm: of more values than are widened at a time', (context) => {
    const size = 2 ** 22 + 1234;
    const values = context.random(size);
    const expected = values.reduce((sum, value) => sum + value * value, 0);
    const actual = context.engine.squaredNorm(context.tensor([2, size / 2], values));
    expect(Math.abs(actual / expected - 1)).toBeLessThan(1e-12);
  });

  check('allFinite: one value of one tensor is enough', (context) => {
    const { engine } = context;
    const plain = context.tensor([2, 3]);
    const large = context.tensor([4], [3.4e38, -3.4e38, 1e-45, 0]);
    expect(engine.allFinite([])).toBe(true);
    expect(engine.allFinite([plain])).toBe(true);
    expect(engine.allFinite([plain, large, plain])).toBe(true);
    for (const bad of [NONE, INF, -INF]) {
      for (const at of [0, 1, 40_000]) {
        const values = context.random(40_001);
        values[at] = bad;
        const broken = context.tensor([40_001], values);
        expect(engine.allFinite([broken])).toBe(false);
        expect(engine.allFinite([plain, large, broken])).toBe(false);
      }
    }
  });

  for (const soft of [false, true])
    check(
      `softmaxCrossEntropy: rows that do not count, whatever they hold, ${soft ? 'soft targets' : 'labels'}`,
      (context) => {
        const { engine } = context;
        const rows = [
          [NONE, 1, 2],
          [INF, INF, 0],
          [1, 2, 3],
          [-INF, -INF, -INF],
        ];
        const targets = soft
          ? Float32Array.of(0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0)
          : Int32Array.of(-1, -1, 2, -1);
        const result = engine.softmaxCrossEntropy(context.tensor([4, 3], rows.flat()), targets, 2);
        const gradient = engine.read(context.own(result.gradient));
        const sum = Math.exp(-2) + Math.exp(-1) + 1;
        expect([...result.losses].filter((_, row) => row !== 2)).toEqual([0, 0, 0]);
        expectCloseValues([result.losses[2]!], [Math.log(sum)]);
        const own = [Math.exp(-2) / sum, Math.exp(-1) / sum, 1 / sum - 1].map((value) => 2 * value);
        expectCloseValues(gradient, [0, 0, 0, 0, 0, 0, ...own, 0, 0, 0]);
      },
    );

  check('relu: infinities, alone and after conv, dense and batchNorm', (context) => {
    const { engine } = context;
    const values = [-INF, -1, INF, 2];
    const expected = [0, 0, INF, 2];
    const relu = engine.relu(context.tensor([1, 4, 1, 1], values));
    expect(read(context, relu)).toEqual(expected);
    const one = context.tensor([1, 1, 1, 1], [1]);
    const zero = context.tensor([1], [0]);
    for (const bias of [null, zero]) {
      const options = { window: WINDOW, relu: true };
      const conv = engine.conv(context.tensor([1, 4, 1, 1], values), one, bias, options);
      expect(read(context, conv)).toEqual(expected);
      const x = context.tensor([4, 1], values);
      const dense = engine.dense(x, context.tensor([1, 1], [1]), bias, { relu: true });
      expect(read(context, dense)).toEqual(expected);
    }
    const ones = () => context.tensor([1], [1]);
    const tensors = {
      weight: ones(),
      bias: zero,
      mean: context.tensor([1], [0]),
      variance: ones(),
    };
    const options = { training: false, momentum: 0.1, epsilon: 1e-5, relu: true };
    const norm = engine.batchNorm(context.tensor([4, 1], values), tensors, options);
    expect(read(context, norm).slice(0, 3)).toEqual(expected.slice(0, 3));
  });

  check(
    'a map that is no number makes the gradient of the weights that it meets none, also where no signal comes',
    (context) => {
      const { engine } = context;
      for (const bad of [NONE, INF]) {
        const window = { kernel: [3, 3], stride: [1, 1], padding: [1, 1, 1, 1] } as const;
        const map = new Float32Array(2 * 6 * 6 * 3).fill(1);
        map[50] = bad;
        const filter = context.tensor([3, 3, 3, 4]);
        const conv = context.ownForward(
          engine.conv(context.tensor([2, 6, 6, 3], map), filter, null, { window, relu: false }),
        );
        const nothing = context.own(engine.zeros([2, 6, 6, 4]));
        const { weight } = engine.convParameterGradient(conv.saved, nothing);
        expect(engine.allFinite([context.own(weight)])).toBe(false);

        const row = new Float32Array(2 * 8).fill(1);
        row[3] = bad;
        const x = context.tensor([2, 8], row);
        const dense = context.ownForward(
          engine.dense(x, context.tensor([8, 5]), null, { relu: false }),
        );
        const none = context.own(engine.zeros([2, 5]));
        const gradient = engine.denseParameterGradient(dense.saved, none);
        expect(engine.allFinite([context.own(gradient.weight)])).toBe(false);

        const [one, zero] = [
          () => context.tensor([3], [1, 1, 1]),
          () => context.tensor([3], [0, 0, 0]),
        ];
        const tensors = { weight: one(), bias: zero(), mean: zero(), variance: one() };
        const options = { training: true, momentum: 0.1, epsilon: 1e-5, relu: false };
        context.ownForward(engine.batchNorm(context.tensor([2, 6, 6, 3], map), tensors, options));
        expect(engine.allFinite([tensors.mean, tensors.variance])).toBe(false);
      }
    },
  );

  check('pool: windows in nothing but padding are an EngineError', (context) => {
    const { engine } = context;
    const x = context.tensor([1, 4, 4, 1]);
    for (const kind of ['max', 'average'] as const) {
      for (const padding of [
        [2, 0, 0, 0],
        [0, 2, 0, 0],
        [0, 0, 2, 0],
        [0, 0, 0, 2],
      ] as const) {
        const counted = [0, 0, 0, 0] as const;
        const window = { kind, kernel: [2, 2], stride: [2, 2], padding, counted } as const;
        expect(() => engine.pool(x, window)).toThrow(EngineError);
        expect(() => engine.pool(x, window)).toThrow(/less padding than the window/);
      }
    }
  });

  check(
    'sgd: a step that overflows is infinite, one too small to be held is next to nothing',
    (context) => {
      const { engine } = context;
      const w = context.tensor([3], [1, 1, 1]);
      const v = context.tensor([3], [0, 0, 1e-38]);
      const gradient = context.tensor([3], [1e30, -1e30, 0]);
      engine.sgd(w, v, gradient, { lr: 1e10, momentum: 0.5, weightDecay: 0 });
      expect([...engine.read(w)]).toEqual([-INF, INF, 1]);
      // 5e-39 is a denormal: some engines take it for zero.
      expect(Math.abs(engine.read(v)[2]! - 5e-39)).toBeLessThan(1.2e-38);
      expect(engine.allFinite([w])).toBe(false);
    },
  );

  check(
    'adamw: a second moment that overflows is infinite and moves its weight no more',
    (context) => {
      const { engine } = context;
      const [w, m, v] = [context.tensor([2], [1, 1]), ...zeros(context, 2)] as [
        Tensor,
        Tensor,
        Tensor,
      ];
      const options = { lr: 0.5, betas: [0.5, 0.75] as const, epsilon: 1e-8, weightDecay: 0.5 };
      engine.adamw(w, m, v, context.tensor([2], [1e22, 1]), { ...options, step: 1 });
      // Both decay to 0.75; the second goes on by the rate, as every first step of Adam's does.
      expectCloseValues(engine.read(w), [0.75, 0.25]);
      expect(engine.read(v)[0]).toBe(INF);
      expect(engine.allFinite([w, m])).toBe(true);
      expect(engine.allFinite([v])).toBe(false);
    },
  );

  check('adamw: gradients too small to be squared in float32', (context) => {
    const { engine } = context;
    const [w, m, v] = [context.tensor([1], [1]), ...zeros(context, 1)] as [Tensor, Tensor, Tensor];
    const step = { lr: 0.5, betas: [0.5, 0.75] as const, epsilon: 1e-8, weightDecay: 0, step: 1 };
    engine.adamw(w, m, v, context.tensor([1], [1e-25]), step);
    // m / (sqrt(v) + epsilon) is 1e-25 / 1e-8 whether or not the square, 1e-50, is held.
    expectExact(context, w, [1], [1]);
  });
}

function zeros(context: Context, size: number): [Tensor, Tensor] {
  return [context.own(context.engine.zeros([size])), context.own(context.engine.zeros([size]))];
}

/** The values of a forward pass, which the context owns from then on; -0 as 0. */
function read(context: Context, forward: { y: Tensor; saved: object }): number[] {
  const { y } = context.ownForward(forward);
  return Array.from(context.engine.read(y), (value) => value + 0);
}
