/**
 * What a layer's padding and rounding mean, against the frameworks that they are named after: a layer is read from a
 * config, planned and run, forward and backward, and must give what the framework gave (PyTorch, TensorFlow's SAME
 * and VALID, Caffe's pooling). scripts/reference-padding.py made the values, and knows no padding rule itself.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import type { Engine, Shape } from '../../src/engine/engine.js';
import { volume } from '../../src/model/layers/layer-plan.js';
import type { LayerPlan } from '../../src/model/layers/table.js';
import { buildLayer, planNetwork } from '../../src/model/network.js';
import { onEveryEngine } from '../relay/engines.js';
import { relativeError } from '../relay/harness.js';

/** |difference| / |reference|; the references have seven digits. */
const TOLERANCE = 1e-6;

interface Case {
  /** As in a config. */
  layer: string;
  /** The framework's own call. */
  call: string;
  /** `[height, width, channels]` */
  input: [number, number, number];
  output: number[];
  values: number[];
  /** With respect to the map, of `signal`; OpenCV has none. */
  gradient?: number[];
}

function casesOf(framework: string): Case[] {
  const file = new URL(`../fixtures/padding/${framework}.jsonl`, import.meta.url);
  const [, ...lines] = readFileSync(fileURLToPath(file), 'utf8').trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as Case);
}

// The same values as in the script.
const CHANNELS = [-50, -101, 1];
const signal = (i: number): number => ((13 * i) % 7) - 3;
const filter = (i: number): number => ((29 * i) % 17) - 8;
const pixel = (i: number): number => ((37 * Math.floor(i / 3)) % 101) + CHANNELS[i % 3]!;

function filled(engine: Engine, shape: Shape, value: (i: number) => number) {
  return engine.tensor(
    Float32Array.from({ length: volume(shape) }, (_, i) => value(i)),
    shape,
  );
}

function planLayer({ layer, input: [height, width] }: Case): LayerPlan {
  const { config } = parseConfig(
    `
version: 1
name: padding
data: {root: unused, classes: 2, resize: 1, crop: 1}
model: {input: [${height}, ${width}, 3], segments: [{name: seg1, layers: [${layer}]}]}
losses: [{name: primary, after: seg1, head: [fc: {units: classes}]}]
optimizer: {lr: 1}
training: {steps: 1, batchSize: 1}
`,
    'padding.yaml',
  );
  return planNetwork(config).segments[0]!.layers[0]!;
}

/** The layer's output, and the gradient with respect to its input, on one image. */
function run(engine: Engine, plan: LayerPlan) {
  const weights = new Map(
    plan.parameters.map(({ name, shape }) => [name, filled(engine, shape, filter)] as const),
  );
  const layer = buildLayer(plan, {
    engine,
    parameter: (name) => weights.get(name)!,
    training: () => true,
    dropping: () => false,
    random: () => Math.random,
  });
  const x = filled(engine, [1, ...plan.input], pixel);
  const { y, pass } = layer.forward(x);
  const dy = filled(engine, [1, ...plan.output], signal);
  const dx = pass.backward([dy], [true], null)[0]!;
  pass.release();
  const found = { shape: y.shape.slice(1), values: engine.read(y), gradient: engine.read(dx) };
  for (const tensor of [x, y, dx, ...weights.values()]) engine.dispose(tensor);
  return found;
}

onEveryEngine((engine) => {
  describe.each(['pytorch', 'tensorflow', 'caffe'])('%s', (framework) => {
    test.each(casesOf(framework))('$layer on $input', (one) => {
      const plan = planLayer(one);
      expect(plan.output).toEqual(one.output);
      const found = run(engine(), plan);
      expect(found.shape).toEqual(one.output);
      expect(relativeError(found.values, one.values)).toBeLessThan(TOLERANCE);
      if (one.gradient) {
        expect(relativeError(found.gradient, one.gradient)).toBeLessThan(TOLERANCE);
      }
    });
  });
});

describe('the cases', () => {
  test('hold every rule that they are meant to tell apart', () => {
    const layers = (framework: string) => casesOf(framework).map(({ layer }) => layer);
    for (const kind of ['conv', 'maxpool', 'avgpool']) {
      const same = layers('tensorflow').filter(
        (layer) => layer.startsWith(kind) && layer.includes('tf-same'),
      );
      expect(same.length, `${kind}: tf-same`).toBeGreaterThan(10);
    }
    const average = layers('pytorch').filter((layer) => layer.startsWith('avgpool'));
    for (const rounding of ['floor', 'ceil']) {
      for (const count of ['true', 'false']) {
        const some = average.filter(
          (layer) => layer.includes(`rounding: ${rounding}`) && layer.includes(`: ${count}`),
        );
        expect(some.length, `${rounding}, countPadding ${count}`).toBeGreaterThan(4);
      }
    }
    expect(layers('caffe').filter((layer) => layer.startsWith('avgpool')).length).toBeGreaterThan(
      5,
    );
  });

  test('TensorFlow pads an odd pixel at the end, PyTorch never', () => {
    const padding = (one: Case) => {
      const plan = planLayer(one);
      return 'window' in plan ? plan.window.padding : [];
    };
    const uneven = (framework: string) =>
      casesOf(framework)
        .filter(({ layer }) => layer.startsWith('conv'))
        .map(padding)
        .filter(([top, bottom, left, right]) => top !== bottom || left !== right);
    expect(uneven('tensorflow').length).toBeGreaterThan(10);
    expect(uneven('pytorch')).toEqual([]);
  });
});
