import { expect } from 'vitest';
import type { Window } from '../../../src/engine/engine.js';
import { EngineError } from '../../../src/errors.js';
import { type Check, Context, expectExact } from './context.js';

const window: Window = { kernel: [3, 3], stride: [1, 1], padding: [1, 1, 1, 1] };

/** A conv, a pool, a dense and a loss, forward and backward; every tensor is given up. */
function smallStep(context: Context): Float32Array[] {
  const { engine } = context;
  const conv = context.ownForward(
    engine.conv(context.tensor([4, 8, 8, 3]), context.tensor([3, 3, 3, 8]), context.tensor([8]), {
      window,
      relu: true,
    }),
  );
  const flat = context.own(engine.reshape(conv.y, [4, 512]));
  const dense = context.ownForward(
    engine.dense(flat, context.tensor([512, 10]), context.tensor([10]), { relu: false }),
  );
  const loss = engine.softmaxCrossEntropy(dense.y, Int32Array.of(1, 2, 3, 4), 0.25);
  context.own(loss.gradient);
  const flatSignal = context.own(engine.denseInputGradient(dense.saved, loss.gradient));
  const signal = context.own(engine.reshape(flatSignal, [4, 8, 8, 8]));
  const dz = context.own(engine.activationGradient(conv.saved, signal));
  const gradient = engine.convParameterGradient(conv.saved, dz);
  const dx = context.own(engine.convInputGradient(conv.saved, dz));
  const tensors = [context.own(gradient.weight), context.own(gradient.bias!), dx];
  const values = [loss.losses, ...tensors.map((t) => engine.read(t))];
  context.giveUp();
  return values;
}

export function memoryChecks(check: Check): void {
  check('tensor and read: copies both ways', (context) => {
    const { engine } = context;
    const values = Float32Array.of(1, 2, 3, 4, 5, 6);
    const t = context.own(engine.tensor(values, [3, 2]));
    values.fill(0);
    const copy = engine.read(t);
    expect([...copy]).toEqual([1, 2, 3, 4, 5, 6]);
    copy.fill(0);
    expectExact(context, t, [3, 2], [1, 2, 3, 4, 5, 6]);
  });

  check('zeros', (context) => {
    expectExact(context, context.own(context.engine.zeros([2, 2])), [2, 2], [0, 0, 0, 0]);
  });

  check('assign: overwrites in place with a copy', (context) => {
    const { engine } = context;
    const t = context.tensor([2], [1, 2]);
    const values = Float32Array.of(3, 4);
    engine.assign(t, values);
    values.fill(0);
    expectExact(context, t, [2], [3, 4]);
  });

  check('values that do not fit the shape are an EngineError', (context) => {
    const { engine } = context;
    expect(() => engine.tensor(new Float32Array(5), [2, 3])).toThrow(EngineError);
    const t = context.tensor([2, 3]);
    expect(() => engine.assign(t, new Float32Array(7))).toThrow(EngineError);
  });

  check('a subarray of a larger buffer is read where it lies', (context) => {
    const { engine } = context;
    const buffer = Float32Array.of(9, 1, 2, 9);
    const t = context.own(engine.tensor(buffer.subarray(1, 3), [2]));
    expectExact(context, t, [2], [1, 2]);
    engine.assign(t, buffer.subarray(2, 4));
    expectExact(context, t, [2], [2, 9]);
  });

  check('the last dispose frees; one more is an EngineError', (context) => {
    const { engine } = context;
    const before = engine.tensorCount();
    const t = engine.tensor(new Float32Array(4), [2, 2]);
    expect(engine.tensorCount()).toBe(before + 1);
    expect(engine.retain(t)).toBe(t);
    expect(engine.tensorCount()).toBe(before + 1);
    engine.dispose(t);
    expect([...engine.read(t)]).toEqual([0, 0, 0, 0]);
    engine.dispose(t);
    expect(engine.tensorCount()).toBe(before);
    expect(() => engine.dispose(t)).toThrow(EngineError);
    expect(() => engine.read(t)).toThrow(EngineError);
    expect(() => engine.retain(t)).toThrow(EngineError);
    expect(engine.tensorCount()).toBe(before);
  });

  check('an in-place change is seen by every owner', (context) => {
    const { engine } = context;
    const t = context.tensor([2], [1, 2]);
    const other = context.own(engine.retain(t));
    engine.assign(t, Float32Array.of(5, 6));
    expectExact(context, other, [2], [5, 6]);
  });

  check('saved is released without a backward pass', (context) => {
    const { engine } = context;
    const before = engine.tensorCount();
    const forwards = [
      engine.conv(context.tensor([1, 4, 4, 2]), context.tensor([3, 3, 2, 2]), context.tensor([2]), {
        window,
        relu: true,
      }),
      engine.dense(context.tensor([2, 3]), context.tensor([3, 2]), null, { relu: true }),
      engine.relu(context.tensor([3])),
      engine.pool(context.tensor([1, 4, 4, 2]), {
        ...window,
        kind: 'max',
        counted: [0, 0, 0, 0],
      }),
      engine.pool(context.tensor([1, 4, 4, 2]), {
        ...window,
        kind: 'average',
        counted: [0, 0, 0, 0],
      }),
      engine.dropout(context.tensor([3]), Float32Array.of(0, 2, 2)),
    ];
    context.giveUp();
    for (const { y, saved } of forwards) {
      engine.dispose(y);
      engine.release(saved);
    }
    expect(engine.tensorCount()).toBe(before);
  });

  check('the same step twice: bit-identical results, no tensor left', (context) => {
    const { engine } = context;
    const before = engine.tensorCount();
    const first = smallStep(new Context(engine));
    expect(engine.tensorCount()).toBe(before);
    const second = smallStep(new Context(engine));
    expect(engine.tensorCount()).toBe(before);
    expect(second).toEqual(first);
  });
}
