/** The paper's input size: an image of 224x224 at scale 224 is its own single crop, whatever the head. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FolderIndex, indexFolder } from '../../src/data/index/folder-index.js';
import type { Engine } from '../../src/engine/engine.js';
import { openWasmEngine } from '../../src/engine/wasm/wasm-engine.js';
import { DenseNetwork } from '../../src/eval/dense-network.js';
import { scoreImages } from '../../src/eval/score.js';
import { type ProtocolOptions, protocolOf } from '../../src/eval/test-protocol.js';
import { Random } from '../../src/random.js';
import { narrowPlan } from '../configs/narrow.js';
import { painted, temporaryFolder } from '../data/images.js';

const SIZE = 224;
const folder = temporaryFolder();
let engine: Engine;
let images: FolderIndex['index'];

beforeAll(async () => {
  engine = await openWasmEngine();
  for (const [i, width] of [SIZE, 300].entries()) {
    const colour = new Random('paper-size', i);
    const pixel = (): [number, number, number] => [
      colour.int(256),
      colour.int(256),
      colour.int(256),
    ];
    await painted(join(folder.path, `a/${i}.png`), width, SIZE, pixel);
  }
  images = indexFolder(folder.path).index;
});
afterAll(() => folder.remove());

/** Log-probabilities of both images. */
async function score(network: DenseNetwork, options: ProtocolOptions): Promise<Float32Array[]> {
  const mean = { kind: 'channel', values: [120, 120, 120] } as const;
  const protocol = protocolOf(options, { resize: SIZE, crop: SIZE, mean, std: 60 });
  const rows: Float32Array[] = [];
  const onError = { policy: 'fail', limit: 0 } as const;
  const request = { dataset: images, protocol, batchSize: 1, onError };
  for await (const { row } of scoreImages(network, request)) rows.push(row!);
  return rows;
}

describe.each([
  ['places2-modelA', 'spatial pyramid pooling'],
  ['imagenet-vgg19', 'fully connected layers as convolutions'],
  ['imagenet-resnet50', 'global average pooling'],
])('%s, narrow (%s)', (name) => {
  it('at scale 224 equals the single crop on a 224x224 image, and not on a wider one', async () => {
    const plan = narrowPlan(name, { filters: 32, units: 256, size: SIZE, classes: 5, images: 2 });
    const { config, network: planned, primary } = plan;
    const network = new DenseNetwork(engine, config, planned, primary.name, 3);
    const [single, multi] = [
      await score(network, {}),
      await score(network, { multiscale: [SIZE] }),
    ];
    network.dispose();
    const apart = (i: number): number =>
      Math.max(...single[i]!.map((value, c) => Math.abs(value - multi[i]![c]!)));
    expect(apart(0)).toBeLessThan(1e-5);
    expect(apart(1)).toBeGreaterThan(1e-5);
  });
});
