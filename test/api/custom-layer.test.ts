/** Layer types from outside: the example's gradients against central differences, parameters, mistakes. */
import { describe, expect, it, test } from 'vitest';
import '../../examples/crelu.js';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createColors } from 'picocolors';
import { openEngine } from '../../src/engine/select.js';
import { DenseNetwork } from '../../src/eval/dense-network.js';
import { drawnPixels } from '../../src/export/example-images.js';
import { onnxFile } from '../../src/export/onnx.js';
import { runtimeOf } from '../../src/export/runtimes.js';
import { networkScores } from '../../src/export/verify.js';
import { writeExport } from '../../src/export/write.js';
import { convert } from '../../src/import/convert.js';
import { asConvolution, type LayerDefinition, registerLayer } from '../../src/index.js';
import { chainOf } from '../../src/model/dense-form.js';
import { planJson } from '../../src/plan/json.js';
import { planTable } from '../../src/plan/plan-table.js';
import { modelOf } from '../export/networks.js';
import { verify } from '../export/verified.js';
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

/** `x W` on vectors: what `fc` without a bias does. */
const linear: LayerDefinition<{ units: number }> = {
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
};
registerLayer('linear', linear);

/** The same with all that a definition may say besides. */
registerLayer<{ units: number }>('projection', {
  ...linear,
  describe: ({ options }) => `projection to ${options.units}`,
  memory: () => ({ input: true, output: false }),
  graph({ name, input, parameters }, x, { builder, constant }) {
    const flat = input.length === 1 ? x : builder.flatten(`${name}_input`, x, input);
    const weight = constant(parameters[0]!.name);
    return builder.dense(name, flat, { weight, bias: null, relu: false });
  },
  dense(trained, planned, input) {
    if (planned.input.length === 1) return asConvolution(trained, input, [1, 1]);
    return asConvolution(trained, input, trained.input.slice(0, 2) as [number, number]);
  },
  layout({ parameters }) {
    const [inputs, units] = parameters[0]!.shape as [number, number];
    return {
      shape: [units, inputs],
      convert: (values) =>
        Float32Array.from(values, (_, i) => values[(i % units) * inputs + Math.floor(i / units)]!),
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

describe('what a definition may say besides', () => {
  const ours = planOf(relayOfVectors('fc: {units: 6, bias: false}'));
  const theirs = planOf(relayOfVectors('custom: {type: projection, units: 6}'));

  it('is in the plan: words, costs and memory as of the same layer of our own', () => {
    expect(planTable(theirs, createColors(false))).toMatch(/projection2_1 +projection to 6 +6 /);
    const [own, custom] = [planJson(ours), planJson(theirs)];
    expect(custom.step.cost).toEqual(own.step.cost);
    expect(custom.memory).toEqual(own.memory);
    // Without `memory` the output counts as kept.
    const plain = planJson(planOf(relayOfVectors('custom: {type: linear, units: 6}')));
    expect(plain.step.cost).toEqual(own.step.cost);
    expect(plain.memory.activations).toBeGreaterThanOrEqual(own.memory.activations);
  });

  it('finds its weights in files of other programs', () => {
    const plan = planOf({
      size: 1,
      segments: ['[custom: {type: projection, units: 2}]'],
    });
    const values = Float32Array.of(1, 2, 3, 4, 5, 6); // [out, in]
    const fc = [2, 2];
    const tensors = new Map([
      ['first.weight', { shape: [2, 3], values }],
      ['second.weight', { shape: fc, values: Float32Array.of(1, 0, 0, 1) }],
      ['second.bias', { shape: [2], values: Float32Array.of(0, 0) }],
    ]);
    const source = { format: 'caffemodel' as const, tensors };
    const chain = chainOf(plan.network, 'primary');
    const { weights } = convert(source, 'f', chain, 'rgb');
    expect(weights.get('projection1_1.weight')).toEqual({
      shape: [3, 2],
      values: Float32Array.of(1, 4, 2, 5, 3, 6), // [in, out]
    });
  });

  it('says which part of it failed', () => {
    const broken = (type: string, part: Partial<LayerDefinition<{ units: number }>>): string => {
      registerLayer<{ units: number }>(type, { ...linear, ...part });
      return `custom: {type: ${type}, units: 2}`;
    };
    const fail = (): never => {
      throw new Error('no idea');
    };
    const memory = broken('forgetful', { memory: fail });
    expect(planError({ size: 2, segments: [`[${memory}]`] }).message).toContain(
      'the layer type "forgetful": no idea',
    );
    const drawn = planOf({ size: 2, segments: [`[${broken('drawn', { graph: fail })}]`] });
    expect(() => onnxFile(modelOf(drawn, { meanImage: false }))).toThrow(
      'drawn1_1: the layer type "drawn": no idea',
    );
    const plain = planOf({ size: 2, segments: ['[custom: {type: linear, units: 2}]'] });
    expect(() => onnxFile(modelOf(plain, { meanImage: false }))).toThrow(
      'linear1_1: the layer type "linear" has no graph',
    );
  });

  onEveryEngine((engine) => {
    /** No padding: a map of scores is the scores of the crops at all positions. */
    test.each([
      ['a convolution of the map', '[custom: {type: projection, units: 3}]'],
      ['at every position', '[fc: {units: 5}, custom: {type: projection, units: 3}]'],
      ['planned anew', '[fc: {units: 5}, custom: {type: crelu}, fc: {units: classes}]'],
    ])('images of another size: %s', (_, head) => {
      const { config, network } = planOf({
        size: 4,
        classes: 3,
        segments: ['[conv: {filters: 4, kernel: 1}]'],
        losses: [`{name: primary, after: seg1, head: ${head}}`],
      });
      const dense = new DenseNetwork(engine(), config, network, 'primary', 1);
      const [height, width] = [5, 6];
      const image = Float32Array.from(
        { length: height * width * 3 },
        (__, i) => ((7 * i) % 11) / 5,
      );
      const crops = [0, 1].flatMap((y) =>
        [0, 1, 2].map((x) =>
          Float32Array.from({ length: 48 }, (__, i) => {
            const [row, column] = [y + Math.floor(i / 12), x + (Math.floor(i / 3) % 4)];
            return image[(row * width + column) * 3 + (i % 3)]!;
          }),
        ),
      );
      const scores = (values: Float32Array, shape: number[]): number[] => {
        const images = engine().tensor(values, shape);
        const result = dense.scores(images);
        engine().dispose(images);
        return [...result];
      };
      const single = crops.map((crop) => scores(crop, [1, 4, 4, 3]));
      const mean = [0, 1, 2].map((c) => single.reduce((sum, one) => sum + one[c]! / 6, 0));
      const found = scores(image, [1, height, width, 3]);
      for (const [c, score] of found.entries()) expect(score).toBeCloseTo(mean[c]!, 5);
      expect(Math.max(...mean.map(Math.abs))).toBeGreaterThan(0.01);
      dense.dispose();
    });
  });

  it.each(['onnx', 'tfjs'] as const)(
    'is exported as %s, and gives there what it gives here',
    async (format) => {
      const plan = planOf({
        size: 8,
        classes: 5,
        segments: ['[conv: {filters: 4, kernel: 3, relu: false}, custom: {type: crelu}]'],
        losses: [
          '{name: primary, after: seg1, head: [custom: {type: projection, units: 6}, custom: {type: crelu}, fc: {units: classes}]}',
        ],
      });
      const model = modelOf(plan, { meanImage: false });
      const runtime = await runtimeOf(format);
      if ('missing' in runtime) throw new Error(runtime.missing);
      const engine = await openEngine('wasm');
      const own = new DenseNetwork(engine, plan.config, plan.network, 'primary', model.weights);
      const batch = drawnPixels([8, 8], 2);
      const expected = networkScores(own, model.preprocessing, batch);
      own.dispose();
      const folder = mkdtempSync(join(tmpdir(), 'relaybp-custom-'));
      let difference = { logits: Number.NaN, probabilities: Number.NaN };
      await writeExport(model, format, join(folder, 'model'), async (path) => {
        difference = await verify(runtime, path, batch, expected);
      });
      rmSync(folder, { recursive: true });
      expect(difference.logits).toBeLessThanOrEqual(2e-5);
    },
  );
});

const rename = (name: string): string => name.replace('fc2_1', 'linear2_1');

describe('mistakes', () => {
  it('a type that nobody registered', () => {
    const error = planError(relayThrough('custom: {type: swish}'));
    expect(error.message).toContain(
      'test.yaml:8:38: model.segments[1].layers[0].custom.type: the layer type "swish" is not registered; registered: crelu, linear, projection',
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
