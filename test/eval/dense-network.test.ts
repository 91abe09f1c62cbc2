import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.js';
import type { Engine } from '../../src/engine/engine.js';
import { openWasmEngine } from '../../src/engine/wasm/wasm-engine.js';
import { DenseNetwork, meanOverPositions } from '../../src/eval/dense-network.js';
import { planExperiment } from '../../src/experiment/experiment-plan.js';
import { Random } from '../../src/random.js';
import { decodeSafetensors, type NamedTensor } from '../../src/safetensors.js';
import { folderWith } from '../support/configs.js';

let engine: Engine;
beforeAll(async () => {
  engine = await openWasmEngine();
});

const fixture = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));

function network(
  file: string,
  origin: number | ReadonlyMap<string, NamedTensor> = 0,
): DenseNetwork {
  const plan = planExperiment(loadConfig(file, []));
  return new DenseNetwork(engine, plan.config, plan.network, plan.primary.name, origin);
}

function scores(net: DenseNetwork, { shape, values }: NamedTensor): Float32Array {
  const images = engine.tensor(values, shape);
  const result = net.scores(images);
  engine.dispose(images);
  return result;
}

/** PyTorch, float64: scripts/reference-dense.py. */
describe.each(['dense-fc', 'dense-spp', 'dense-global'])('%s against PyTorch', (name) => {
  const tensors = decodeSafetensors(readFileSync(fixture(`${name}.safetensors`)), name);
  const named = (prefix: string): [string, NamedTensor][] =>
    [...tensors].flatMap(([key, tensor]) =>
      key.startsWith(prefix) ? [[key.slice(prefix.length), tensor]] : [],
    );

  it.each(named('images/').map(([size]) => size))('%s', (size) => {
    const before = engine.tensorCount();
    const net = network(fixture(`${name}.json`), new Map(named('weight/')));
    const expected = tensors.get(`scores/${size}`)!.values;
    const found = scores(net, tensors.get(`images/${size}`)!);
    expect(found).toHaveLength(expected.length);
    for (const [i, value] of expected.entries()) expect(found[i]).toBeCloseTo(value, 5);
    net.dispose();
    expect(engine.tensorCount()).toBe(before);
  });
});

/** 14 → conv 12 → pool 6 → conv 4 → pool 2: a 2x2 map, and strides of 4 pixels altogether. */
const UNPADDED = `version: 1
name: unpadded
data: {root: unused, classes: 4, resize: 14, crop: 14}
model:
  input: [14, 14, 3]
  segments:
    - name: seg1
      layers:
        - conv: {filters: 5, kernel: 3, padding: valid}
        - maxpool: {size: 2}
    - name: seg2
      layers:
        - conv: {filters: 6, kernel: 3, padding: valid}
        - avgpool: {size: 2}
losses:
  - name: primary
    after: seg2
    head: [fc: {units: 8, relu: true}, fc: {units: classes}]
optimizer: {lr: 0.01}
training: {steps: 1, batchSize: 4}
`;

describe('without padding', () => {
  it('the scores of an image are the mean over crops aligned to the stride', () => {
    const net = network(`${folderWith({ 'c.yaml': UNPADDED })}/c.yaml`);
    const [height, width, crop, stride] = [22, 30, 14, 4];
    const random = new Random('image');
    const image = Float32Array.from({ length: height * width * 3 }, () => random.normal());
    const crops: number[][] = [];
    for (let top = 0; top + crop <= height; top += stride) {
      for (let left = 0; left + crop <= width; left += stride) {
        const rows = Array.from({ length: crop }, (_, y) => {
          const from = ((top + y) * width + left) * 3;
          return [...image.subarray(from, from + crop * 3)];
        });
        crops.push([
          ...scores(net, { shape: [1, crop, crop, 3], values: Float32Array.from(rows.flat()) }),
        ]);
      }
    }
    expect(crops).toHaveLength(3 * 5);
    const dense = scores(net, { shape: [1, height, width, 3], values: image });
    for (const [c, value] of dense.entries()) {
      const mean = crops.reduce((sum, row) => sum + row[c]!, 0) / crops.length;
      expect(value).toBeCloseTo(mean, 5);
    }
    net.dispose();
  });

  it('many sizes keep neither tensors nor views', () => {
    const before = engine.tensorCount();
    const net = network(`${folderWith({ 'c.yaml': UNPADDED })}/c.yaml`);
    const run = (width: number): void => {
      scores(net, { shape: [1, 14, width, 3], values: new Float32Array(14 * width * 3) });
    };
    run(30);
    const warm = engine.tensorCount();
    for (let width = 14; width < 300; width++) run(width);
    expect(engine.tensorCount()).toBe(warm);
    net.dispose();
    expect(engine.tensorCount()).toBe(before);
  });

  it('an image smaller than the crop is an error that names layer and sizes', () => {
    const net = network(`${folderWith({ 'c.yaml': UNPADDED })}/c.yaml`);
    expect(() => net.check(10, 40)).toThrow(
      'the network cannot take images of 10x40 pixels: primary.fc1 was trained on a 2x2 map; here the map is only 1x8',
    );
    net.dispose();
  });
});

it('meanOverPositions', () => {
  // Two images, three positions, two classes.
  const map = Float32Array.of(1, 10, 2, 20, 6, 60, 0, 0, 0, 3, 3, 0);
  expect([...meanOverPositions(map, 2, 2)]).toEqual([3, 30, 1, 1]);
});
