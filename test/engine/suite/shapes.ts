import { expect } from 'vitest';
import { EngineError } from '../../../src/errors.js';
import { type Check, expectClose, expectExact } from './context.js';

export function shapeChecks(check: Check): void {
  check('concat: along channels', (context) => {
    const { engine } = context;
    const a = context.tensor([2, 1, 2, 1], [1, 2, 3, 4]);
    const b = context.tensor([2, 1, 2, 2], [5, 6, 7, 8, 9, 10, 11, 12]);
    const y = context.own(engine.concat([a, b]));
    expectExact(context, y, [2, 1, 2, 3], [1, 5, 6, 2, 7, 8, 3, 9, 10, 4, 11, 12]);
  });

  check('concat: of one, and of matrices', (context) => {
    const { engine } = context;
    const a = context.tensor([2, 2], [1, 2, 3, 4]);
    expectExact(context, context.own(engine.concat([a])), [2, 2], [1, 2, 3, 4]);
    const b = context.tensor([2, 1], [5, 6]);
    expectExact(context, context.own(engine.concat([a, b])), [2, 3], [1, 2, 5, 3, 4, 6]);
  });

  check('split: undoes concat', (context) => {
    const { engine } = context;
    const sizes = [3, 1, 4];
    const parts = sizes.map((size) => context.tensor([2, 3, 2, size]));
    const joined = context.own(engine.concat(parts));
    const back = engine.split(joined, sizes);
    expect(back.length).toBe(3);
    back.forEach((part, i) => {
      context.own(part);
      expectClose(context, part, [2, 3, 2, sizes[i]!], engine.read(parts[i]!));
    });
  });

  check('split: hand-written, and into one part', (context) => {
    const { engine } = context;
    const x = context.tensor([2, 3], [1, 2, 3, 4, 5, 6]);
    const [a, b] = engine.split(x, [2, 1]);
    expectExact(context, context.own(a!), [2, 2], [1, 2, 4, 5]);
    expectExact(context, context.own(b!), [2, 1], [3, 6]);
    const [whole] = engine.split(x, [3]);
    expectExact(context, context.own(whole!), [2, 3], [1, 2, 3, 4, 5, 6]);
  });

  check('reshape: the same values, and a life of its own', (context) => {
    const { engine } = context;
    const x = context.tensor([2, 3], [1, 2, 3, 4, 5, 6]);
    const y = context.own(engine.reshape(x, [3, 1, 2]));
    engine.assign(x, new Float32Array(6));
    expectExact(context, y, [3, 1, 2], [1, 2, 3, 4, 5, 6]);
    expectExact(context, x, [2, 3], [0, 0, 0, 0, 0, 0]);
    const same = context.own(engine.reshape(y, [3, 1, 2]));
    engine.accumulate(y, y);
    expectExact(context, same, [3, 1, 2], [1, 2, 3, 4, 5, 6]);
  });

  check('add: of two, three and four', (context) => {
    const { engine } = context;
    const a = context.tensor([2, 2], [1, 2, 3, 4]);
    const b = context.tensor([2, 2], [0.5, 0.25, -3, 1]);
    expectExact(context, context.own(engine.add([a, b])), [2, 2], [1.5, 2.25, 0, 5]);
    expectExact(context, context.own(engine.add([a, b, a])), [2, 2], [2.5, 4.25, 3, 9]);
    expectExact(context, context.own(engine.add([a, a, a, b])), [2, 2], [3.5, 6.25, 6, 13]);
    expectExact(context, a, [2, 2], [1, 2, 3, 4]);
  });

  check('add: of one is that one, retained', (context) => {
    const a = context.tensor([2], [1, 2]);
    expect(context.own(context.engine.add([a]))).toBe(a);
  });

  check('sizes that do not fit are an EngineError', (context) => {
    const { engine } = context;
    const x = context.tensor([2, 3]);
    expect(() => engine.split(x, [2, 2])).toThrow(EngineError);
    expect(() => engine.reshape(x, [5])).toThrow(EngineError);
    expect(() => engine.add([x, context.tensor([3, 2])])).toThrow(EngineError);
    expect(() => engine.add([x, context.tensor([3])])).toThrow(EngineError);
    expect(() => engine.add([])).toThrow(EngineError);
    expect(() => engine.concat([x, context.tensor([3, 3])])).toThrow(EngineError);
    expect(() => engine.concat([])).toThrow(EngineError);
  });
}
