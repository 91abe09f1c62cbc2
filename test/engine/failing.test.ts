/** Whichever of its TensorFlow operations fails, an operation of the native engine leaves no tensor behind. */
import { describe, expect, test } from 'vitest';
import type { Engine, Forward, Tensor } from '../../src/engine/engine.js';
import { locateNative } from '../../src/engine/locate.js';
import { NativeEngine } from '../../src/engine/native/native-engine.js';
import { findAbilities } from '../../src/engine/native/opening/abilities.js';
import { Trials } from '../../src/engine/native/opening/trials.js';
import { loadBinding } from '../../src/engine/native/runtime/binding.js';
import { elementsFor } from '../../src/engine/native/runtime/mode.js';
import { Runtime } from '../../src/engine/native/runtime/runtime.js';
import { inScope } from '../../src/engine/scope.js';
import { changedBinding } from './changed-binding.js';

const location = locateNative();
const needed = location || process.env.RELAYBP_REQUIRE_NATIVE === '1';

interface Inputs {
  engine: Engine;
  /** The values 0.01, 0.02 and so on, given up after the operation. */
  tensor(...shape: number[]): Tensor;
  /** Takes over a forward pass, for its backward. */
  forward(result: Forward): Forward['saved'];
}
const WINDOW = { kernel: [3, 3], stride: [2, 2], padding: [1, 0, 1, 0] } as const;
const max = { ...WINDOW, kind: 'max', counted: [0, 0, 0, 0] } as const;
const average = { ...max, kind: 'average', counted: [1, 0, 1, 0] } as const;
const SGD = { lr: 0.1, momentum: 0.9, weightDecay: 0.1 };
const ADAMW = { lr: 0.1, betas: [0.9, 0.99] as const, epsilon: 1e-8, weightDecay: 0.1, step: 1 };

/** Each prepares inputs and returns the operation. What an operation returns is given up. */
const OPERATIONS: Record<string, (i: Inputs) => () => Tensor[] | Forward> = {
  tensor:
    ({ engine }) =>
    () => [engine.tensor(Float32Array.of(1, 2), [2])],
  zeros:
    ({ engine }) =>
    () => [engine.zeros([2, 3])],
  read: ({ engine, tensor }) => {
    const t = tensor(2, 3, 3, 2);
    return () => {
      engine.read(t);
      return [];
    };
  },
  assign: ({ engine, tensor }) => {
    const t = tensor(1, 1, 1, 2);
    return () => {
      engine.assign(t, Float32Array.of(1, 2));
      return [];
    };
  },
  conv: ({ engine, tensor }) => {
    const [x, filter, bias] = [tensor(2, 6, 6, 2), tensor(3, 3, 2, 4), tensor(4)];
    return () => engine.conv(x, filter, bias, { window: WINDOW, relu: true });
  },
  'conv backward': ({ engine, tensor, forward }) => {
    const [x, filter, bias] = [tensor(2, 6, 6, 2), tensor(3, 3, 2, 4), tensor(4)];
    const saved = forward(engine.conv(x, filter, bias, { window: WINDOW, relu: true }));
    const dy = tensor(2, 3, 3, 4);
    return () =>
      inScope(engine, (scope) => {
        const dz = scope.result(engine.activationGradient(saved, dy));
        const { weight, bias } = engine.convParameterGradient(saved, dz);
        for (const t of [weight, bias!]) scope.result(t);
        return [dz, weight, bias!, engine.convInputGradient(saved, dz)];
      });
  },
  dense: ({ engine, tensor }) => {
    const [x, weight, bias] = [tensor(2, 6), tensor(6, 4), tensor(4)];
    return () => engine.dense(x, weight, bias, { relu: true });
  },
  'dense backward': ({ engine, tensor, forward }) => {
    const saved = forward(engine.dense(tensor(2, 6), tensor(6, 4), tensor(4), { relu: true }));
    const dy = tensor(2, 4);
    return () =>
      inScope(engine, (scope) => {
        const dz = scope.result(engine.activationGradient(saved, dy));
        const { weight, bias } = engine.denseParameterGradient(saved, dz);
        for (const t of [weight, bias!]) scope.result(t);
        return [dz, weight, bias!, engine.denseInputGradient(saved, dz)];
      });
  },
  relu: ({ engine, tensor }) => {
    const x = tensor(2, 3, 3, 2);
    return () => engine.relu(x);
  },
  ...Object.fromEntries(
    [true, false].flatMap((training) =>
      [
        [2, 3, 3, 4],
        [6, 4],
      ].map((shape) => [
        `batchNorm, ${training ? 'training' : 'running'}, ${shape.length} axes`,
        ({ engine, tensor }: Inputs) => {
          const [x, weight, bias, mean] = [tensor(...shape), tensor(4), tensor(4), tensor(4)];
          const tensors = { weight, bias, mean, variance: tensor(4) };
          const options = { training, momentum: 0.1, epsilon: 1e-5, relu: true };
          return () => engine.batchNorm(x, tensors, options);
        },
      ]),
    ),
  ),
  'batchNorm backward': ({ engine, tensor, forward }) => {
    const tensors = { weight: tensor(4), bias: tensor(4), mean: tensor(4), variance: tensor(4) };
    const options = { training: true, momentum: 0.1, epsilon: 1e-5, relu: false };
    const saved = forward(engine.batchNorm(tensor(6, 4), tensors, options));
    const dz = tensor(6, 4);
    return () => Object.values(engine.batchNormGradient(saved, dz));
  },
  lrn: ({ engine, tensor }) => {
    const x = tensor(2, 3, 3, 4);
    return () => engine.lrn(x, { size: 3, alpha: 1, beta: 0.5, k: 1 });
  },
  'lrn backward': ({ engine, tensor, forward }) => {
    const saved = forward(engine.lrn(tensor(2, 3, 3, 4), { size: 3, alpha: 1, beta: 0.5, k: 1 }));
    const dy = tensor(2, 3, 3, 4);
    return () => [engine.lrnGradient(saved, dy)];
  },
  ...Object.fromEntries(
    [max, average].flatMap((window) => [
      [
        `${window.kind} pool`,
        ({ engine, tensor }: Inputs) => {
          const x = tensor(2, 6, 6, 2);
          return () => engine.pool(x, window);
        },
      ],
      [
        `${window.kind} pool backward`,
        ({ engine, tensor, forward }: Inputs) => {
          const saved = forward(engine.pool(tensor(2, 6, 6, 2), window));
          const dy = tensor(2, 3, 3, 2);
          return () => [engine.poolGradient(saved, dy)];
        },
      ],
    ]),
  ),
  'max pool after a ReLU, backward': ({ engine, tensor, forward }) => {
    const relu = engine.relu(tensor(2, 6, 6, 2));
    const saved = forward(engine.pool(relu.y, { ...max, padding: [0, 0, 0, 0] }));
    forward(relu);
    const dy = tensor(2, 2, 2, 2);
    return () => [engine.poolGradient(saved, dy)];
  },
  dropout: ({ engine, tensor }) => {
    const x = tensor(2, 3, 3, 2);
    return () => engine.dropout(x, new Float32Array(36).fill(2));
  },
  'concat and split': ({ engine, tensor }) => {
    const [a, b] = [tensor(2, 3, 3, 2), tensor(2, 3, 3, 4)];
    return () =>
      inScope(engine, (scope) => {
        const joined = scope.result(engine.concat([a, b]));
        return [joined, ...engine.split(joined, [3, 3])];
      });
  },
  reshape: ({ engine, tensor }) => {
    const x = tensor(2, 3, 3, 2);
    return () => [engine.reshape(x, [2, 18])];
  },
  add: ({ engine, tensor }) => {
    const [a, b] = [tensor(2, 3, 3, 2), tensor(2, 3, 3, 2)];
    return () => [engine.add([a, b])];
  },
  'cross-entropy': ({ engine, tensor }) => {
    const logits = tensor(2, 4);
    return () => [engine.softmaxCrossEntropy(logits, Int32Array.of(1, -1), 0.5).gradient];
  },
  'cross-entropy with shares': ({ engine, tensor }) => {
    const logits = tensor(2, 4);
    const shares = new Float32Array(8).fill(0.25);
    return () => [engine.softmaxCrossEntropy(logits, shares, 0.5).gradient];
  },
  ...Object.fromEntries(
    [SGD, { ...SGD, nesterov: true }, { ...SGD, momentum: 0 }].map((step) => [
      `sgd ${JSON.stringify(step)}`,
      ({ engine, tensor }: Inputs) => {
        const [w, v, gradient] = [tensor(6), tensor(6), tensor(6)];
        return () => {
          engine.sgd(w, v, gradient, step);
          return [];
        };
      },
    ]),
  ),
  adamw: ({ engine, tensor }) => {
    const [w, m, v, gradient] = [tensor(6), tensor(6), tensor(6), tensor(6)];
    return () => {
      engine.adamw(w, m, v, gradient, ADAMW);
      return [];
    };
  },
  'accumulate, scale, lerp, norm': ({ engine, tensor }) => {
    const [a, b] = [tensor(6), tensor(6)];
    return () => {
      engine.accumulate(a, b);
      engine.scale(a, 0.5);
      engine.lerp(a, b, 0.5);
      engine.squaredNorm(a);
      engine.allFinite([a, b]);
      return [];
    };
  },
};

describe.runIf(needed).each([
  ['float32', false],
  ['float32', true],
  ['bf16', false],
  ['bf16', true],
] as const)('the native engine in %s, portable operations: %s', (precision, portable) => {
  test.each(Object.entries(OPERATIONS))('%s', (_name, prepare) => {
    const binding = loadBinding(location!.binding);
    const elements = elementsFor(precision, false);
    const mode = { ...elements, ...findAbilities(new Trials(binding), elements, portable) };
    /** TensorFlow operations until one fails. */
    let left = Number.POSITIVE_INFINITY;
    const failing = changedBinding(binding, (...call) => {
      if (left-- === 0) throw new Error('this one fails');
      return binding.executeOp(...call);
    });

    /** Whether the operation came to its end before the one that fails. */
    const succeeds = (at: number): boolean => {
      const runtime = new Runtime(failing, mode);
      const engine = new NativeEngine(runtime);
      const before = binding.getNumOfTensors();
      let done = false;
      inScope(engine, (scope) => {
        const saved: Forward['saved'][] = [];
        const tensor = (...shape: number[]) => {
          const size = shape.reduce((product, length) => product * length, 1);
          const values = Float32Array.from({ length: size }, (_, i) => (i + 1) / 100);
          const wide = scope.temporary(engine.tensor(values, shape));
          if (shape.length !== 4 || shape[0] === 3) return wide;
          return scope.temporary(
            runtime.own(runtime.cast(runtime.value(wide), 1, elements.maps), shape, elements.maps),
          );
        };
        const forward = (result: Forward) => {
          scope.temporary(result.y);
          saved.push(result.saved);
          return result.saved;
        };
        try {
          const operation = prepare({ engine, tensor, forward });
          const handles = engine.tensorCount();
          left = at;
          try {
            const result = operation();
            done = true;
            if (Array.isArray(result)) for (const t of result) engine.dispose(t);
            else {
              engine.dispose(result.y);
              engine.release(result.saved);
            }
          } catch (error) {
            expect(String(error)).toContain('this one fails');
          } finally {
            left = Number.POSITIVE_INFINITY;
          }
          expect(engine.tensorCount(), `handles, operation ${at} failed`).toBe(handles);
        } finally {
          for (const one of saved) engine.release(one);
        }
      });
      runtime.close();
      expect(binding.getNumOfTensors(), `in TensorFlow, operation ${at} failed`).toBe(before);
      return done;
    };

    let count = 0;
    while (!succeeds(count)) count++;
    expect(count).toBeLessThan(30);
  });
});
