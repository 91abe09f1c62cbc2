import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { OptimizerConfig } from '../../src/config/experiment-schema.js';
import { parseConfig } from '../../src/config/load.js';
import type { Engine, Tensor } from '../../src/engine/engine.js';
import { openWasmEngine } from '../../src/engine/wasm/wasm-engine.js';
import { CheckpointError } from '../../src/errors.js';
import { planExperiment } from '../../src/experiment/experiment-plan.js';
import { Parameters } from '../../src/model/parameters.js';
import {
  averageParameters,
  clipGradients,
  gradientNorm,
  updateParameter,
} from '../../src/train/optimizer.js';
import { optimizerTensors, restoreOptimizer } from '../../src/train/optimizer-state.js';
import { SMALL_CONFIG } from '../support/configs.js';

const optimizer = (text: string): OptimizerConfig =>
  parseConfig(SMALL_CONFIG, 'test', [`optimizer=${text}`]).config.optimizer;
const { network } = planExperiment(parseConfig(SMALL_CONFIG, 'test'));
const conv = network.segments[0]!.layers[0]!;
const [WEIGHT, BIAS] = ['conv1_1.weight', 'conv1_1.bias'];

let engine: Engine;
let parameters: Parameters;
let gradients: Map<string, Tensor>;
let before: number;
beforeAll(async () => {
  engine = await openWasmEngine();
});
beforeEach(() => {
  before = engine.tensorCount();
  parameters = new Parameters(engine, [conv], 1);
  const filled = (name: string, value: number) => {
    const { shape } = parameters.plan(name);
    const size = shape.reduce((product, length) => product * length, 1);
    return engine.tensor(new Float32Array(size).fill(value), shape);
  };
  engine.assign(parameters.value(WEIGHT), new Float32Array(108).fill(1));
  engine.assign(parameters.value(BIAS), new Float32Array(4).fill(2));
  gradients = new Map([
    [WEIGHT, filled(WEIGHT, 0.5)],
    [BIAS, filled(BIAS, -1.5)],
  ]);
});
afterEach(() => {
  for (const gradient of gradients.values()) engine.dispose(gradient);
  parameters.dispose();
  expect(engine.tensorCount()).toBe(before);
});
const update = (config: OptimizerConfig, at: { lr: number; step: number }): void => {
  for (const [parameter, value] of gradients) {
    updateParameter(engine, config, parameters, { parameter, value }, at);
  }
};
const first = (t: Tensor): number => engine.read(t)[0]!;

describe('updateParameter', () => {
  it('decays biases or not', () => {
    const decay = optimizer('{lr: 0.5, momentum: 0, weightDecay: 0.25}');
    update(decay, { lr: 0.5, step: 1 });
    expect(first(parameters.value(WEIGHT))).toBe(1 - 0.5 * (0.5 + 0.25));
    expect(first(parameters.value(BIAS))).toBe(2 - 0.5 * (-1.5 + 0.25 * 2));
    const none = optimizer('{lr: 0.5, momentum: 0, weightDecay: 0.25, decayBiases: false}');
    update(none, { lr: 0.5, step: 2 });
    expect(first(parameters.value(BIAS))).toBe(2.5 + 0.5 * 1.5);
  });

  it("the momentum keeps the rates of its time, as Caffe's and Keras's", () => {
    const config = optimizer('{lr: 0.1, momentum: 0.9, weightDecay: 0}');
    update(config, { lr: 0.1, step: 1 });
    update(config, { lr: 0.01, step: 2 });
    // torch: 1 - 0.1 · 0.5 - 0.01 · (0.9 + 1) · 0.5 = 0.9405
    expect(first(parameters.value(WEIGHT))).toBeCloseTo(1 - 0.05 - (0.9 * 0.05 + 0.01 * 0.5), 6);
  });

  it('without momentum Nesterov makes no difference', () => {
    const plain = optimizer('{lr: 0.5, momentum: 0, nesterov: true, weightDecay: 0}');
    update(plain, { lr: 0.5, step: 1 });
    expect(first(parameters.value(WEIGHT))).toBe(0.75);
  });

  it('adamw: the first step goes by the rate along the sign of each gradient', () => {
    const adamw = optimizer('{type: adamw, lr: 0.125}');
    update(adamw, { lr: 0.125, step: 1 });
    expect(first(parameters.value(WEIGHT))).toBeCloseTo(1 - 0.125, 6);
    expect(first(parameters.value(BIAS))).toBeCloseTo(2 + 0.125, 6);
  });
});

describe('clipping', () => {
  // 108 values of 0.5 and 4 of -1.5: 27 + 9 = 36
  it('the norm is that of all gradients together', () => {
    expect(gradientNorm(engine, gradients)).toBe(6);
  });

  it('scales all by limit / (norm + 1e-6), as torch.nn.utils.clip_grad_norm_', () => {
    clipGradients(engine, gradients, 6, 3);
    expect(first(gradients.get(WEIGHT)!)).toBeCloseTo((0.5 * 3) / 6.000001, 7);
    expect(first(gradients.get(BIAS)!)).toBeCloseTo((-1.5 * 3) / 6.000001, 7);
  });

  it('leaves shorter gradients as they are', () => {
    clipGradients(engine, gradients, 6, 6.1);
    expect(first(gradients.get(WEIGHT)!)).toBe(0.5);
  });
});

describe('the moving average', () => {
  it('begins with the weights, and soon forgets them', () => {
    averageParameters(engine, parameters, 0.999, 1);
    expect(first(parameters.slot('ema', WEIGHT))).toBe(1);
    engine.assign(parameters.value(WEIGHT), new Float32Array(108).fill(5));
    averageParameters(engine, parameters, 0.999, 2); // decay (1 + 2) / (10 + 2)
    expect(first(parameters.slot('ema', WEIGHT))).toBe(0.25 * 1 + 0.75 * 5);
    averageParameters(engine, parameters, 0.5, 1000);
    expect(first(parameters.slot('ema', WEIGHT))).toBe(0.5 * 4 + 0.5 * 5);
    expect(first(parameters.slot('ema', BIAS))).toBe(2);
  });
});

describe('the state of an optimizer', () => {
  const sgd = optimizer('{lr: 0.5}');
  const adamw = optimizer('{type: adamw, lr: 0.5}');

  it('is restored', () => {
    update(adamw, { lr: 0.5, step: 1 });
    const tensors = optimizerTensors(adamw, parameters);
    expect([...tensors.keys()]).toEqual(
      ['m', 'v'].flatMap((slot) => [`${slot}/${WEIGHT}`, `${slot}/${BIAS}`]),
    );
    const other = new Parameters(engine, [conv], 2);
    restoreOptimizer(adamw, other, tensors);
    expect(optimizerTensors(adamw, other)).toEqual(tensors);
    other.dispose();
  });

  it('of another optimizer or of another network is refused', () => {
    update(adamw, { lr: 0.5, step: 1 });
    const tensors = optimizerTensors(adamw, parameters);
    expect(() => restoreOptimizer(sgd, parameters, tensors)).toThrow(CheckpointError);
    const strange = new Map([['momentum/nothing.weight', tensors.get(`m/${WEIGHT}`)!]]);
    expect(() => restoreOptimizer(sgd, parameters, strange)).toThrow(/nothing\.weight/);
  });
});

describe('the config of an optimizer', () => {
  it('is SGD where nothing else is said', () => {
    expect(optimizer('{lr: 0.5, weightDecay: 0}')).toEqual({
      type: 'sgd',
      lr: 0.5,
      momentum: 0.9,
      nesterov: false,
      weightDecay: 0,
      decayBiases: true,
    });
  });

  it('adamw has its own keys and no others', () => {
    expect(optimizer('{type: adamw, lr: 0.5}')).toMatchObject({
      betas: [0.9, 0.999],
      epsilon: 1e-8,
    });
    expect(() => optimizer('{type: adamw, lr: 0.5, momentum: 0.9}')).toThrow(
      /optimizer\.momentum: unknown key; valid keys here: type, lr, weightDecay, decayBiases, clipNorm, ema, betas, epsilon/,
    );
    expect(() => optimizer('{lr: 0.5, nesterow: true}')).toThrow(/did you mean "nesterov"/);
    expect(() => optimizer('{type: adam, lr: 0.5}')).toThrow(
      /optimizer\.type: "adam": sgd \(the default\) or adamw/,
    );
  });
});
