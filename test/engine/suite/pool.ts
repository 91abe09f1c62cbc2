import type { PoolWindow } from '../../../src/engine/engine.js';
import * as reference from '../reference.js';
import { type Check, expectClose, expectExact, sizeOf } from './context.js';

type Four = [number, number, number, number];

interface PoolCase {
  title: string;
  x: reference.Shape4;
  window: PoolWindow;
  /** Added to the random values of [-1, 1): -2 makes them all negative. */
  offset?: number;
}

function pooling(
  kind: 'max' | 'average',
  kernel: [number, number],
  stride: [number, number],
  padding: Four = [0, 0, 0, 0],
  counted: Four = [0, 0, 0, 0],
): PoolWindow {
  return { kind, kernel, stride, padding, counted };
}

const cases: PoolCase[] = [
  { title: '2x2 stride 2', x: [2, 6, 8, 3], window: pooling('max', [2, 2], [2, 2]) },
  { title: '2x2 stride 2, remainder', x: [2, 7, 9, 3], window: pooling('max', [2, 2], [2, 2]) },
  { title: '3x3 stride 2, overlapping', x: [2, 7, 9, 3], window: pooling('max', [3, 3], [2, 2]) },
  {
    title: '3x3 stride 2, ceil padding at the end',
    x: [2, 8, 6, 3],
    window: pooling('max', [3, 3], [2, 2], [0, 1, 0, 1]),
  },
  {
    title: '3x3 stride 1, padding, all-negative inputs',
    x: [2, 5, 4, 3],
    window: pooling('max', [3, 3], [1, 1], [1, 1, 1, 1]),
    offset: -2,
  },
  {
    title: '3x2 stride 2x1, asymmetric padding, all-negative inputs',
    x: [2, 6, 5, 3],
    window: pooling('max', [3, 2], [2, 1], [1, 2, 0, 1]),
    offset: -2,
  },
  { title: '1x1 stride 2, gaps', x: [2, 5, 6, 3], window: pooling('max', [1, 1], [2, 2]) },
  { title: '2x2 stride 3, gaps', x: [2, 8, 9, 2], window: pooling('max', [2, 2], [3, 3]) },
  { title: 'global', x: [3, 5, 4, 6], window: pooling('max', [5, 4], [1, 1]) },
  { title: '2x2 stride 2', x: [2, 6, 8, 3], window: pooling('average', [2, 2], [2, 2]) },
  { title: '3x3 stride 2, remainder', x: [2, 8, 9, 3], window: pooling('average', [3, 3], [2, 2]) },
  {
    title: '3x3 stride 1, padding not counted',
    x: [2, 5, 6, 3],
    window: pooling('average', [3, 3], [1, 1], [1, 1, 1, 1]),
  },
  {
    title: '3x3 stride 1, padding counted',
    x: [2, 5, 6, 3],
    window: pooling('average', [3, 3], [1, 1], [1, 1, 1, 1], [1, 1, 1, 1]),
  },
  {
    title: '3x3 stride 2, declared padding counted, ceil padding not',
    x: [2, 6, 8, 3],
    window: pooling('average', [3, 3], [2, 2], [1, 2, 1, 2], [1, 1, 1, 1]),
  },
  {
    title: '3x3 stride 2, ceil padding only, not counted',
    x: [2, 8, 6, 3],
    window: pooling('average', [3, 3], [2, 2], [0, 1, 0, 1]),
  },
  {
    title: '3x2, asymmetric padding, some of it counted',
    x: [2, 6, 5, 3],
    window: pooling('average', [3, 2], [2, 1], [1, 2, 0, 1], [1, 0, 0, 1]),
  },
  { title: '2x2 stride 3, gaps', x: [2, 8, 9, 2], window: pooling('average', [2, 2], [3, 3]) },
  { title: 'global', x: [3, 5, 4, 6], window: pooling('average', [5, 4], [1, 1]) },
];

/** Of many pixels some are equal once they are rounded to bfloat16: compared where equal ones are meant to be there. */
const LARGE: PoolCase = {
  title: 'more than 255 pixels',
  x: [2, 17, 18, 2],
  window: pooling('max', [16, 16], [1, 1]),
};

const isMaximum = ({ window }: PoolCase): boolean => window.kind === 'max';

export function poolChecks(check: Check): void {
  for (const { title, x: shape, window, offset = 0 } of cases)
    check(`${window.kind} pool: ${title}`, (context) => {
      const { engine } = context;
      const x = context.random(sizeOf(shape)).map((value) => value + offset);
      const outShape = [shape[0], ...reference.outputSize(shape[1], shape[2], window), shape[3]];
      const expected = reference.pool(x, shape, window);
      const { y, saved } = context.ownForward(engine.pool(context.tensor(shape, x), window));
      expectClose(context, y, outShape, expected.y);
      context.giveUpTensors();
      const dy = context.random(sizeOf(outShape));
      const dx = context.own(engine.poolGradient(saved, context.tensor(outShape, dy)));
      expectClose(context, dx, shape, expected.gradient(dy));
    });

  for (const { title, x: shape, window } of [...cases.filter(isMaximum), LARGE])
    check(`max pool: many equal maxima, ${title}`, (context) => {
      const { engine } = context;
      // Zeros of either sign are equal, too.
      const x = context.random(sizeOf(shape)).map((value) => Math.round(value) * 2);
      const outShape = [shape[0], ...reference.outputSize(shape[1], shape[2], window), shape[3]];
      const expected = reference.pool(x, shape, window);
      const { y, saved } = context.ownForward(engine.pool(context.tensor(shape, x), window));
      expectExact(
        context,
        y,
        outShape,
        Array.from(expected.y, (value) => value + 0),
      );
      const dy = Float32Array.from({ length: sizeOf(outShape) }, (_, i) => (i % 7) + 1);
      const dx = context.own(engine.poolGradient(saved, context.tensor(outShape, dy)));
      expectExact(
        context,
        dx,
        shape,
        Array.from(expected.gradient(dy), (value) => value + 0),
      );
    });

  check('max pool: of equal maxima the first in row-major order takes the gradient', (context) => {
    const { engine } = context;
    const x = context.tensor([1, 2, 4, 1], [5, 5, 1, 2, 5, 5, 2, 0]);
    const { y, saved } = context.ownForward(engine.pool(x, pooling('max', [2, 2], [2, 2])));
    expectExact(context, y, [1, 1, 2, 1], [5, 2]);
    const dx = context.own(engine.poolGradient(saved, context.tensor([1, 1, 2, 1], [3, 4])));
    expectExact(context, dx, [1, 2, 4, 1], [3, 0, 0, 4, 0, 0, 0, 0]);
  });

  check('max pool: ties of zeros under padding, as after a ReLU', (context) => {
    const { engine } = context;
    const window = pooling('max', [3, 3], [2, 2], [1, 1, 1, 1]);
    const { y, saved } = context.ownForward(
      engine.pool(context.tensor([1, 3, 3, 1], new Float32Array(9)), window),
    );
    expectExact(context, y, [1, 2, 2, 1], [0, 0, 0, 0]);
    const dy = context.tensor([1, 2, 2, 1], [1, 2, 3, 4]);
    // First real pixels of the four windows: (0,0), (0,1), (1,0), (1,1).
    const dx = context.own(engine.poolGradient(saved, dy));
    expectExact(context, dx, [1, 3, 3, 1], [1, 2, 0, 3, 4, 0, 0, 0, 0]);
  });

  check('average pool: hand-written divisors', (context) => {
    const { engine } = context;
    const ones = () => context.tensor([1, 2, 2, 1], [1, 1, 1, 1]);
    const run = (counted: Four) => {
      const window = pooling('average', [2, 2], [2, 2], [1, 1, 1, 1], counted);
      return context.ownForward(engine.pool(ones(), window)).y;
    };
    expectExact(context, run([0, 0, 0, 0]), [1, 2, 2, 1], [1, 1, 1, 1]);
    expectExact(context, run([1, 1, 1, 1]), [1, 2, 2, 1], [0.25, 0.25, 0.25, 0.25]);
    expectExact(context, run([1, 0, 1, 0]), [1, 2, 2, 1], [0.25, 0.5, 0.5, 1]);
  });
}
