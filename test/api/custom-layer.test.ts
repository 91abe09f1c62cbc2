/** Layer types from outside: the example's gradients against central differences, parameters, mistakes. */
import { describe, expect, it, test } from 'vitest';
import '../../examples/crelu.js';
import { createColors } from 'picocolors';
import { DenseNetwork } from '../../src/eval/dense-network.js';
import { registerLayer } from '../../src/index.js';
import { planTable } from '../../src/plan/table.js';
import { type Network, planError, planOf } from '../model/planning.js';
import { onEveryEngine } from '../relay/engines.js';
import { randomBatch, randomWeights, runStep } from '../relay/harness.js';
import { type Slope, slopeError, slopeOf } from '../relay/slopes.js';

/** A relay through the layer: two signals arrive at it, one goes on. */
const relayThrough = (layer: string, size = 4): Network => ({
  size,
  classes: 3,
  segments: [
    '[conv: {filters: 4, kernel: 3, relu: false}]',
    `[${layer}, conv: {filters: 5, kernel: 3}]`,
    '[conv: {filters: 4, kernel: 3}]',
  ],
  losses: [
    '{name: primary, after: seg3, range: {downTo: seg2}, head: [avgpool: {size: global}, fc: {units: classes}]}',
    '{name: auxiliary, after: seg2, weight: 0.3, head: [fc: {units: classes}]}',
  ],
  batchSize: 3,
});

/** `x W` on vectors: what `fc` without a bias does. */
registerLayer<{ units: number }>('linear', {
  options({ units, ...rest }) {
    if (!Number.isInteger(units)) throw new Error('units: an integer is needed');
    if (Object.keys(rest).length > 0) throw new Error(`unknown option ${Object.keys(rest)[0]}`);
    return { units: units as number };
  },
  plan({ units }, { input }) {
    const inputs = input.reduce((product, size) => product * size, 1);
    const initializer = { type: 'he', fanIn: inputs } as const;
    return {
      output: [units],
      parameters: [{ name: 'weight', shape: [inputs, units], axes: ['in', 'out'], initializer }],
      multiplyAdds: inputs * units,
    };
  },
  forward(x, { engine, options, parameter }) {
    const flat = engine.reshape(x, [x.shape[0]!, parameter('weight').shape[0]!]);
    const { y, saved } = engine.dense(flat, parameter('weight'), null, { relu: false });
    engine.dispose(flat);
    expect(y.shape[1]).toBe(options.units);
    return {
      y,
      inputGradient(dy) {
        const flatGradient = engine.denseInputGradient(saved, dy);
        const dx = engine.reshape(flatGradient, x.shape);
        engine.dispose(flatGradient);
        return dx;
      },
      parameterGradient: (dy) => ({ weight: engine.denseParameterGradient(saved, dy).weight }),
      release: () => engine.release(saved),
    };
  },
});

describe('the example, a concatenated ReLU', () => {
  const plan = planOf(relayThrough('custom: {type: crelu}'));
  const weights = randomWeights(plan);
  const batch = randomBatch(plan, 3);
  const trainers = (parameter: string): string[] => {
    if (/^conv2_/.test(parameter)) return ['primary', 'auxiliary'];
    return /^(conv3_|primary)/.test(parameter) ? ['primary'] : ['auxiliary'];
  };
  const setting = { plan, weights, batch, dropout: false };
  const slopes: Slope[] = [...weights.keys()].map((parameter) => slopeOf(setting, parameter));

  it('is planned and described', () => {
    const layer = plan.layers.get('crelu2_1')!;
    expect(layer).toMatchObject({ type: 'custom', kind: 'crelu', input: [4, 4, 4] });
    expect(layer.output).toEqual([4, 4, 8]);
    expect(planTable(plan, createColors(false))).toMatch(/crelu2_1 +crelu +4x4x8/);
  });

  onEveryEngine((engine) => {
    test('its gradients are the slopes of the weighted losses', () => {
      const { gradients } = runStep(plan, engine(), { weights, batch });
      const errors = slopes.map((slope) => {
        const gradient = gradients.get(slope.parameter)!;
        const error = slopeError(slope, gradient, trainers(slope.parameter), {
          primary: 1,
          auxiliary: 0.3,
        });
        return { parameter: slope.parameter, error };
      });
      expect(errors.filter(({ error }) => !(error <= 1e-5))).toEqual([]);
    });
  });
});

onEveryEngine((engine) => {
  test('a layer with parameters trains as the same layer of our own', () => {
    const ours = planOf(relayOfVectors('fc: {units: 6, bias: false}'));
    const theirs = planOf(relayOfVectors('custom: {type: linear, units: 6}'));
    const weights = randomWeights(ours);
    const renamed = new Map([...weights].map(([name, value]) => [rename(name), value]));
    const batch = randomBatch(ours, 3);
    const expected = runStep(ours, engine(), { weights, batch });
    const found = runStep(theirs, engine(), { weights: renamed, batch });
    expect(found.losses).toEqual(expected.losses);
    expect([...found.gradients.keys()].sort()).toEqual(
      [...expected.gradients.keys()].map(rename).sort(),
    );
    for (const [name, gradient] of expected.gradients) {
      expect(found.gradients.get(rename(name)), name).toEqual(gradient);
    }
  });

  test('images of another size: fine without parameters, else an error', () => {
    const config = (layer: string) => planOf(relayThrough(layer));
    const crelu = config('custom: {type: crelu}');
    const network = new DenseNetwork(engine(), crelu.config, crelu.network, 'primary', 1);
    expect(() => network.check(8, 6)).not.toThrow();
    network.dispose();
    const linear = planOf({
      size: 4,
      segments: ['[custom: {type: linear, units: 6}]'],
    });
    const fixed = new DenseNetwork(engine(), linear.config, linear.network, 'primary', 1);
    expect(() => fixed.check(8, 6)).toThrow(
      'the network cannot take images of 8x6 pixels: the parameters of linear1_1 depend on the size: [48, 6] in training, [144, 6] here',
    );
    fixed.dispose();
  });
});

const relayOfVectors = (layer: string): Network => ({
  size: 4,
  classes: 3,
  segments: ['[conv: {filters: 4, kernel: 3}]', `[${layer}]`, '[relu: {}, fc: {units: 5}]'],
  losses: [
    '{name: primary, after: seg3, range: {downTo: seg2}, head: [fc: {units: classes}]}',
    '{name: auxiliary, after: seg2, weight: 0.3, head: [fc: {units: classes}]}',
  ],
  batchSize: 3,
});
const rename = (name: string): string => name.replace('fc2_1', 'linear2_1');

describe('mistakes', () => {
  it('a type that nobody registered', () => {
    const error = planError(relayThrough('custom: {type: swish}'));
    expect(error.message).toContain(
      'test.yaml:8:38: model.segments[1].layers[0].custom.type: the layer type "swish" is not registered; registered: crelu, linear',
    );
    expect(error.hint).toContain('NODE_OPTIONS="--import ./its-module.js"');
  });

  it('options that the type does not take', () => {
    const unknown = planError(relayThrough('custom: {type: crelu, slope: 1}'));
    expect(unknown.message).toContain('the layer type "crelu": it has no option "slope"');
    const wrong = planError(relayThrough('custom: {type: linear, units: many}'));
    expect(wrong.message).toContain('the layer type "linear": units: an integer is needed');
  });

  it('a name that is taken, or none', () => {
    const definition = { plan: () => ({ output: [1] }), forward: () => expect.fail() };
    expect(() => registerLayer('crelu', definition)).toThrow(
      'layer type "crelu" is registered already',
    );
    expect(() => registerLayer('2d', definition)).toThrow('layer type "2d": a letter');
  });
});
