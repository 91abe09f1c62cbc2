import { expect } from 'vitest';
import { EngineError } from '../../../src/errors.js';
import * as reference from '../reference.js';
import { type Check, expectClose, expectCloseValues, expectExact } from './context.js';

export function trainingChecks(check: Check): void {
  check('softmaxCrossEntropy: against the reference', (context) => {
    const { engine } = context;
    const [batch, classes] = [6, 9];
    const logits = context.random(batch * classes).map((value) => 5 * value);
    const labels = Int32Array.of(0, 8, 3, -1, 3, 5);
    const result = engine.softmaxCrossEntropy(
      context.tensor([batch, classes], logits),
      labels,
      0.3 / batch,
    );
    const expected = reference.softmaxCrossEntropy(logits, classes, labels, 0.3 / batch);
    expectCloseValues(result.losses, expected.losses);
    expectClose(context, context.own(result.gradient), [batch, classes], expected.gradient);
  });

  check('softmaxCrossEntropy: a scale for each row', (context) => {
    const { engine } = context;
    const [batch, classes] = [4, 3];
    const values = context.random(batch * classes).map((value) => 3 * value);
    const logits = context.tensor([batch, classes], values);
    const scales = Float64Array.of(0.5, 2, 0, 7);
    const soft = new Float32Array(batch * classes).fill(1 / classes);
    soft.fill(0, 2 * classes);
    for (const targets of [Int32Array.of(2, 0, 1, -1), soft]) {
      const result = engine.softmaxCrossEntropy(logits, targets, scales);
      const expected = reference.softmaxCrossEntropy(values, classes, targets, scales);
      expectCloseValues(result.losses, expected.losses);
      expectClose(context, context.own(result.gradient), [batch, classes], expected.gradient);
      for (const wrong of [scales.subarray(1), new Float64Array(batch + 1)])
        expect(() => engine.softmaxCrossEntropy(logits, targets, wrong)).toThrow(EngineError);
    }
  });

  check('softmaxCrossEntropy: hand-written, even logits', (context) => {
    const { engine } = context;
    const logits = context.tensor([1, 4], [2, 2, 2, 2]);
    const result = engine.softmaxCrossEntropy(logits, Int32Array.of(1), 8);
    expectCloseValues(result.losses, [Math.log(4)]);
    expectClose(context, context.own(result.gradient), [1, 4], [2, -6, 2, 2]);
  });

  check('softmaxCrossEntropy: large logits stay finite', (context) => {
    const { engine } = context;
    const logits = context.tensor([3, 3], [1e4, 0, -1e4, 3e38, -3e38, 0, -1000, -1001, -1002]);
    const result = engine.softmaxCrossEntropy(logits, Int32Array.of(2, 0, 0), 1);
    const sum = 1 + Math.exp(-1) + Math.exp(-2);
    expectCloseValues(result.losses, [2e4, 0, Math.log(sum)]);
    expectCloseValues(result.losses.slice(1), [0, Math.log(sum)]);
    const last = [1 / sum - 1, Math.exp(-1) / sum, Math.exp(-2) / sum];
    expectClose(context, context.own(result.gradient), [3, 3], [1, 0, -1, 0, 0, 0, ...last]);
  });

  check('softmaxCrossEntropy: the loss of a confident row keeps its precision', (context) => {
    const { engine } = context;
    const logits = context.tensor([1, 2], [12, 0]);
    const result = engine.softmaxCrossEntropy(logits, Int32Array.of(0), 1);
    // log(1 + exp(-12)) = 6.1442e-6; float32's 1 + exp(-12) alone is off by a hundredth of it.
    expect(Math.abs(result.losses[0]! - Math.log1p(Math.exp(-12)))).toBeLessThan(1.5e-7);
    context.own(result.gradient);
  });

  check('softmaxCrossEntropy: label -1 has no loss and no gradient', (context) => {
    const { engine } = context;
    const logits = context.tensor([2, 2], [1, 2, 3, 4]);
    const result = engine.softmaxCrossEntropy(logits, Int32Array.of(-1, -1), 1);
    expect([...result.losses]).toEqual([0, 0]);
    expectExact(context, context.own(result.gradient), [2, 2], [0, 0, 0, 0]);
  });

  check('softmaxCrossEntropy: labels that do not fit are an EngineError', (context) => {
    const { engine } = context;
    const logits = context.tensor([2, 2]);
    for (const labels of [Int32Array.of(0), Int32Array.of(0, 2), Int32Array.of(0, -2)])
      expect(() => engine.softmaxCrossEntropy(logits, labels, 1)).toThrow(EngineError);
  });

  check('softmaxCrossEntropy: soft targets against the reference', (context) => {
    const { engine } = context;
    const [batch, classes] = [5, 7];
    const logits = context.random(batch * classes).map((value) => 5 * value);
    // As a part of a larger array: the engine must look at its own part of the memory.
    const larger = new Float32Array((batch + 2) * classes);
    const targets = larger.subarray(classes, (batch + 1) * classes);
    larger.fill(9);
    targets.fill(0.1 / classes);
    for (let b = 0; b < batch; b++) {
      targets[b * classes + b]! += 0.9 * 0.7;
      targets[b * classes + ((b + 3) % classes)]! += 0.9 * 0.3;
    }
    targets.fill(0, 2 * classes, 3 * classes); // does not count
    const result = engine.softmaxCrossEntropy(
      context.tensor([batch, classes], logits),
      targets,
      0.3 / batch,
    );
    const expected = reference.softmaxCrossEntropy(logits, classes, targets, 0.3 / batch);
    expectCloseValues(result.losses, expected.losses);
    expect(result.losses[2]).toBe(0);
    const gradient = context.own(result.gradient);
    expectClose(context, gradient, [batch, classes], expected.gradient);
    expect([...engine.read(gradient).subarray(2 * classes, 3 * classes)].map(Math.abs)).toEqual(
      new Array(classes).fill(0),
    );
  });

  check('softmaxCrossEntropy: soft targets, hand-written, even logits', (context) => {
    const { engine } = context;
    const logits = context.tensor([1, 4], [2, 2, 2, 2]);
    const result = engine.softmaxCrossEntropy(logits, Float32Array.of(0.5, 0, 0.25, 0.25), 8);
    expectCloseValues(result.losses, [Math.log(4)]);
    expectClose(context, context.own(result.gradient), [1, 4], [-2, 2, 0, 0]);
  });

  check('softmaxCrossEntropy: a soft target that is one class is its label', (context) => {
    const { engine } = context;
    const logits = context.tensor([2, 3], [3, -1, 0.5, 40, 0, -40]);
    const hard = engine.softmaxCrossEntropy(logits, Int32Array.of(1, 0), 1);
    const soft = engine.softmaxCrossEntropy(logits, Float32Array.of(0, 1, 0, 1, 0, 0), 1);
    expectCloseValues(soft.losses, hard.losses);
    const expected = engine.read(context.own(hard.gradient));
    expectClose(context, context.own(soft.gradient), [2, 3], expected);
  });

  check('softmaxCrossEntropy: soft targets that do not fit are an EngineError', (context) => {
    const { engine } = context;
    const logits = context.tensor([2, 3]);
    for (const size of [2, 3, 9])
      expect(() => engine.softmaxCrossEntropy(logits, new Float32Array(size), 1)).toThrow(
        EngineError,
      );
  });

  check('accumulate: adds in place', (context) => {
    const { engine } = context;
    const sum = context.tensor([2, 2], [1, 2, 3, 4]);
    const addend = context.tensor([2, 2], [0.5, -2, 1, 0]);
    engine.accumulate(sum, addend);
    engine.accumulate(sum, addend);
    expectExact(context, sum, [2, 2], [2, -2, 5, 4]);
    expectExact(context, addend, [2, 2], [0.5, -2, 1, 0]);
    expect(() => engine.accumulate(sum, context.tensor([2]))).toThrow(EngineError);
  });

  check('sgd: two steps by hand', (context) => {
    const { engine } = context;
    const w = context.tensor([2], [1, -2]);
    const v = context.tensor([2], [0, 0.5]);
    const gradient = context.tensor([2], [0.5, 1]);
    const step = { lr: 0.5, momentum: 0.5, weightDecay: 0.25 };
    // v = 0.5 * (0, 0.5) + 0.5 * ((0.5, 1) + 0.25 * (1, -2)) = (0.375, 0.5); w = (0.625, -2.5)
    engine.sgd(w, v, gradient, step);
    expectExact(context, v, [2], [0.375, 0.5]);
    expectExact(context, w, [2], [0.625, -2.5]);
    // v = 0.5 * (0.375, 0.5) + 0.5 * ((0.5, 1) + 0.25 * (0.625, -2.5)) = (0.515625, 0.4375)
    engine.sgd(w, v, gradient, step);
    expectExact(context, v, [2], [0.515625, 0.4375]);
    expectExact(context, w, [2], [0.109375, -2.9375]);
    expectExact(context, gradient, [2], [0.5, 1]);
  });

  check('sgd: a learning rate that changes acts on new gradients only', (context) => {
    const { engine } = context;
    const w = context.tensor([1], [1]);
    const v = context.tensor([1], [0]);
    const gradient = context.tensor([1], [1]);
    engine.sgd(w, v, gradient, { lr: 1, momentum: 0.5, weightDecay: 0 }); // v = 1, w = 0
    engine.sgd(w, v, gradient, { lr: 0.25, momentum: 0.5, weightDecay: 0 }); // v = 0.75
    expectExact(context, v, [1], [0.75]);
    expectExact(context, w, [1], [-0.75]);
  });

  check('sgd: without momentum and weight decay', (context) => {
    const { engine } = context;
    const w = context.tensor([2, 1], [1, 2]);
    const v = context.tensor([2, 1], [7, 7]);
    engine.sgd(w, v, context.tensor([2, 1], [2, -4]), { lr: 0.5, momentum: 0, weightDecay: 0 });
    expectExact(context, v, [2, 1], [1, -2]);
    expectExact(context, w, [2, 1], [0, 4]);
  });

  check('sgd: shapes that do not fit are an EngineError', (context) => {
    const { engine } = context;
    const w = context.tensor([2]);
    const step = { lr: 1, momentum: 0, weightDecay: 0 };
    const three = context.tensor([3]);
    expect(() => engine.sgd(w, three, context.tensor([2]), step)).toThrow(EngineError);
    expect(() => engine.sgd(w, context.tensor([2]), three, step)).toThrow(EngineError);
  });
}
