import { expect } from 'vitest';
import type { Window } from '../../../src/engine/engine.js';
import { EngineError } from '../../../src/errors.js';
import * as reference from '../reference.js';
import { type Check, type Context, expectClose, expectExact, masked, sizeOf } from './context.js';

interface ConvCase {
  title: string;
  x: reference.Shape4;
  out: number;
  window: Window;
  bias?: boolean;
  relu?: boolean;
}

function window(
  kernel: [number, number],
  stride: [number, number],
  padding: [number, number, number, number],
): Window {
  return { kernel, stride, padding };
}

const cases: ConvCase[] = [
  { title: '1x1', x: [2, 5, 7, 3], out: 4, window: window([1, 1], [1, 1], [0, 0, 0, 0]) },
  {
    title: '1x1 stride 2, larger than the kernel',
    x: [2, 5, 8, 3],
    out: 4,
    window: window([1, 1], [2, 2], [0, 0, 0, 0]),
  },
  {
    title: '1x1 with padding',
    x: [2, 4, 3, 3],
    out: 2,
    window: window([1, 1], [1, 1], [1, 0, 0, 2]),
  },
  {
    title: '3x3 same padding',
    x: [3, 6, 9, 5],
    out: 7,
    window: window([3, 3], [1, 1], [1, 1, 1, 1]),
  },
  { title: '3x3 valid', x: [2, 7, 6, 3], out: 5, window: window([3, 3], [1, 1], [0, 0, 0, 0]) },
  {
    title: '3x3 stride 2, remainder at the end',
    x: [2, 8, 10, 3],
    out: 4,
    window: window([3, 3], [2, 2], [0, 0, 0, 0]),
  },
  {
    title: '3x3 stride 2, asymmetric padding',
    x: [2, 8, 9, 3],
    out: 4,
    window: window([3, 3], [2, 2], [0, 1, 1, 0]),
  },
  {
    title: '3x4 stride 1, asymmetric padding, even kernel',
    x: [2, 6, 7, 3],
    out: 4,
    window: window([3, 4], [1, 1], [0, 2, 3, 1]),
  },
  {
    title: '3x3 stride 3, remainder in one axis',
    x: [2, 9, 11, 2],
    out: 3,
    window: window([3, 3], [3, 3], [0, 0, 0, 0]),
  },
  {
    title: '5x5 same padding',
    x: [2, 7, 9, 3],
    out: 4,
    window: window([5, 5], [1, 1], [2, 2, 2, 2]),
  },
  {
    title: '5x5 stride 3, remainder and asymmetric padding',
    x: [2, 12, 10, 2],
    out: 3,
    window: window([5, 5], [3, 3], [1, 0, 2, 1]),
  },
  {
    title: '7x7 stride 2 padding 3',
    x: [2, 15, 18, 3],
    out: 6,
    window: window([7, 7], [2, 2], [3, 3, 3, 3]),
  },
  {
    title: '7x7 stride 3, kernel larger than the map',
    x: [2, 5, 6, 2],
    out: 3,
    window: window([7, 7], [3, 3], [3, 3, 3, 3]),
  },
  { title: '1x7', x: [2, 6, 9, 3], out: 4, window: window([1, 7], [1, 1], [0, 0, 3, 3]) },
  { title: '7x1', x: [2, 9, 6, 3], out: 4, window: window([7, 1], [1, 1], [3, 3, 0, 0]) },
  {
    title: '3x1 stride 2x1, unequal strides',
    x: [2, 8, 5, 3],
    out: 4,
    window: window([3, 1], [2, 1], [1, 0, 0, 0]),
  },
  {
    title: 'padding larger than the kernel reaches',
    x: [1, 3, 4, 2],
    out: 2,
    window: window([2, 2], [1, 1], [2, 3, 3, 2]),
  },
  {
    title: '2x2 stride 3, gaps between windows',
    x: [2, 9, 8, 3],
    out: 4,
    window: window([2, 2], [3, 3], [0, 0, 0, 0]),
  },
  {
    title: 'kernel as large as the map',
    x: [2, 4, 3, 3],
    out: 5,
    window: window([4, 3], [1, 1], [0, 0, 0, 0]),
  },
  {
    title: 'no bias',
    x: [2, 6, 5, 3],
    out: 4,
    window: window([3, 3], [1, 1], [1, 1, 1, 1]),
    bias: false,
    relu: false,
  },
  {
    title: 'no bias, ReLU',
    x: [2, 6, 5, 3],
    out: 4,
    window: window([3, 3], [1, 1], [1, 1, 1, 1]),
    bias: false,
  },
  {
    title: 'bias, no ReLU',
    x: [2, 6, 5, 3],
    out: 4,
    window: window([3, 3], [1, 1], [1, 1, 1, 1]),
    relu: false,
  },
  {
    title: 'many channels',
    x: [2, 6, 6, 32],
    out: 48,
    window: window([3, 3], [1, 1], [1, 1, 1, 1]),
  },
  // Winograd's form: whole tiles of 4x4 pixels, and what is left over of tiles, of channels and of blocks.
  {
    title: '3x3, whole tiles',
    x: [3, 16, 12, 16],
    out: 32,
    window: window([3, 3], [1, 1], [1, 1, 1, 1]),
  },
  {
    title: '3x3, parts of tiles, no padding',
    x: [5, 13, 7, 16],
    out: 20,
    window: window([3, 3], [1, 1], [0, 0, 0, 0]),
  },
  {
    title: '3x3, asymmetric and large padding, no bias',
    x: [2, 9, 14, 12],
    out: 24,
    window: window([3, 3], [1, 1], [2, 0, 3, 1]),
    bias: false,
  },
  {
    title: '3x3, three channels to sixteen',
    x: [2, 20, 24, 3],
    out: 16,
    window: window([3, 3], [1, 1], [1, 1, 1, 1]),
  },
  {
    title: '3x3, a map larger than a block of tiles',
    x: [2, 50, 61, 32],
    out: 36,
    window: window([3, 3], [1, 1], [1, 1, 1, 1]),
  },
  {
    title: '3x3, more channels than a block of filters',
    x: [2, 5, 6, 520],
    out: 236,
    window: window([3, 3], [1, 1], [1, 1, 1, 1]),
  },
];

function checkConv(context: Context, convCase: ConvCase): void {
  const { x: shape, out, window, bias: hasBias = true, relu = true } = convCase;
  const { engine } = context;
  const filterShape = [...window.kernel, shape[3], out];
  const outShape = [shape[0], ...reference.outputSize(shape[1], shape[2], window), out];
  const x = context.random(sizeOf(shape));
  const filter = context.random(sizeOf(filterShape));
  const bias = hasBias ? context.random(out) : null;
  const dy = context.random(sizeOf(outShape));

  const { y, saved } = context.ownForward(
    engine.conv(
      context.tensor(shape, x),
      context.tensor(filterShape, filter),
      bias && context.tensor([out], bias),
      { window, relu },
    ),
  );
  expectClose(context, y, outShape, reference.conv(x, shape, filter, out, bias, window, relu));
  const yValues = engine.read(y);
  context.giveUpTensors();

  const dz = context.own(engine.activationGradient(saved, context.tensor(outShape, dy)));
  const dzValues = relu ? masked(dy, yValues) : dy;
  expectClose(context, dz, outShape, dzValues);
  const gradient = engine.convParameterGradient(saved, dz);
  context.own(gradient.weight);
  const weight = reference.convFilterGradient(x, shape, dzValues, out, window);
  expectClose(context, gradient.weight, filterShape, weight);
  if (gradient.bias) {
    context.own(gradient.bias);
    expectClose(context, gradient.bias, [out], reference.sumRows(dzValues, out));
  }
  expect(gradient.bias !== null).toBe(hasBias);
  const dx = context.own(engine.convInputGradient(saved, dz));
  expectClose(
    context,
    dx,
    shape,
    reference.convInputGradient(shape, filter, dzValues, out, window),
  );
}

export function convChecks(check: Check): void {
  for (const convCase of cases)
    check(`conv: ${convCase.title}`, (context) => checkConv(context, convCase));

  check('conv: hand-written 2x2 example', (context) => {
    const { engine } = context;
    const { y, saved } = context.ownForward(
      engine.conv(
        context.tensor([1, 3, 3, 1], [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        context.tensor([2, 2, 1, 1], [1, 0, 0, -1]),
        context.tensor([1], [3.5]),
        { window: window([2, 2], [1, 1], [0, 0, 0, 0]), relu: false },
      ),
    );
    // Cross-correlation, not convolution: 1*1 - 1*5 + 3.5 = -0.5 everywhere.
    expectExact(context, y, [1, 2, 2, 1], [-0.5, -0.5, -0.5, -0.5]);
    const dz = context.tensor([1, 2, 2, 1], [1, 2, 3, 4]);
    const gradient = engine.convParameterGradient(saved, dz);
    // 1*1 + 2*2 + 4*3 + 5*4 = 37; each further tap adds 10 (right) or 30 (down).
    expectExact(context, context.own(gradient.weight), [2, 2, 1, 1], [37, 47, 67, 77]);
    expectExact(context, context.own(gradient.bias!), [1], [10]);
    const dx = context.own(engine.convInputGradient(saved, dz));
    expectExact(context, dx, [1, 3, 3, 1], [1, 2, 0, 3, 3, -2, 0, -3, -4]);
  });

  check('conv: without ReLU the activation gradient is dy itself', (context) => {
    const { engine } = context;
    const { saved } = context.ownForward(
      engine.conv(context.tensor([1, 2, 2, 1]), context.tensor([1, 1, 1, 1]), null, {
        window: window([1, 1], [1, 1], [0, 0, 0, 0]),
        relu: false,
      }),
    );
    const dy = context.tensor([1, 2, 2, 1]);
    expect(context.own(engine.activationGradient(saved, dy))).toBe(dy);
  });

  check('conv: shapes that do not fit are an EngineError', (context) => {
    const { engine } = context;
    const x = context.tensor([1, 4, 4, 3]);
    const options = { window: window([3, 3], [1, 1], [1, 1, 1, 1]), relu: false };
    const filter = (shape: number[]) => context.tensor(shape);
    expect(() => engine.conv(x, filter([3, 3, 2, 4]), null, options)).toThrow(EngineError);
    expect(() => engine.conv(x, filter([1, 3, 3, 4]), null, options)).toThrow(EngineError);
    expect(() => engine.conv(x, filter([3, 3, 3, 4]), context.tensor([3]), options)).toThrow(
      EngineError,
    );
  });
}
