import { expect } from 'vitest';
import { EngineError } from '../../../src/errors.js';
import * as reference from '../reference.js';
import { type Check, type Context, expectClose, expectExact, masked } from './context.js';

function checkDense(context: Context, hasBias: boolean, relu: boolean): void {
  const { engine } = context;
  const [batch, inn, out] = [5, 37, 11];
  const x = context.random(batch * inn);
  const weight = context.random(inn * out);
  const bias = hasBias ? context.random(out) : null;
  const dy = context.random(batch * out);
  const { y, saved } = context.ownForward(
    engine.dense(
      context.tensor([batch, inn], x),
      context.tensor([inn, out], weight),
      bias && context.tensor([out], bias),
      { relu },
    ),
  );
  expectClose(context, y, [batch, out], reference.dense(x, weight, [inn, out], bias, relu));
  const yValues = engine.read(y);
  context.giveUpTensors();

  const dz = context.own(engine.activationGradient(saved, context.tensor([batch, out], dy)));
  const dzValues = relu ? masked(dy, yValues) : dy;
  expectClose(context, dz, [batch, out], dzValues);
  const gradient = engine.denseParameterGradient(saved, dz);
  context.own(gradient.weight);
  const transposed = reference.transpose(x, batch, inn);
  expectClose(
    context,
    gradient.weight,
    [inn, out],
    reference.matMul(transposed, dzValues, batch, out),
  );
  if (gradient.bias) {
    context.own(gradient.bias);
    expectClose(context, gradient.bias, [out], reference.sumRows(dzValues, out));
  }
  expect(gradient.bias !== null).toBe(hasBias);
  const dx = context.own(engine.denseInputGradient(saved, dz));
  const weightTransposed = reference.transpose(weight, inn, out);
  expectClose(context, dx, [batch, inn], reference.matMul(dzValues, weightTransposed, out, inn));
}

export function layerChecks(check: Check): void {
  check('dense: bias and ReLU', (context) => checkDense(context, true, true));
  check('dense: bias', (context) => checkDense(context, true, false));
  check('dense: ReLU', (context) => checkDense(context, false, true));
  check('dense: neither', (context) => checkDense(context, false, false));

  check('dense: hand-written example', (context) => {
    const { engine } = context;
    const { y } = context.ownForward(
      engine.dense(
        context.tensor([1, 2], [1, 2]),
        context.tensor([2, 3], [1, 2, 3, 4, 5, -6]),
        context.tensor([3], [0.5, 0, 0]),
        { relu: true },
      ),
    );
    expectExact(context, y, [1, 3], [9.5, 12, 0]);
  });

  check('dense: shapes that do not fit are an EngineError', (context) => {
    const { engine } = context;
    const x = context.tensor([2, 3]);
    const dense = (weight: number[], bias: number[] | null) => () =>
      engine.dense(x, context.tensor(weight), bias && context.tensor(bias), { relu: false });
    expect(dense([4, 2], null)).toThrow(EngineError);
    expect(dense([3, 2], [3])).toThrow(EngineError);
  });

  check('relu: forward, and zero gradient at zero', (context) => {
    const { engine } = context;
    const x = context.tensor([2, 3], [-1, 0, 2, 3, -0.5, 1e-30]);
    const { y, saved } = context.ownForward(engine.relu(x));
    expectExact(context, y, [2, 3], [0, 0, 2, 3, 0, Math.fround(1e-30)]);
    context.giveUpTensors();
    const dy = context.tensor([2, 3], [1, 2, 3, 4, 5, 6]);
    const dz = context.own(engine.activationGradient(saved, dy));
    expectExact(context, dz, [2, 3], [0, 0, 3, 4, 0, 6]);
  });

  check('dropout: multiplies by the mask, forward and backward', (context) => {
    const { engine } = context;
    const mask = Float32Array.of(0, 2, 2, 0, 2, 0, 0, 2);
    const x = context.tensor([2, 2, 2, 1], [1, 2, 3, 4, 5, 6, 7, 8]);
    const { y, saved } = context.ownForward(engine.dropout(x, mask));
    expectExact(context, y, [2, 2, 2, 1], [0, 4, 6, 0, 10, 0, 0, 16]);
    mask.fill(7); // The engine must have its own copy.
    context.giveUpTensors();
    const dy = context.tensor([2, 2, 2, 1], [1, 1, -1, 1, 0.5, 1, 1, 3]);
    const dx = context.own(engine.dropoutGradient(saved, dy));
    expectExact(context, dx, [2, 2, 2, 1], [0, 2, -2, 0, 1, 0, 0, 6]);
  });

  check('dropout: a mask of another size is an EngineError', (context) => {
    const { engine } = context;
    const x = context.tensor([2, 3]);
    expect(() => engine.dropout(x, new Float32Array(5))).toThrow(EngineError);
  });
}
