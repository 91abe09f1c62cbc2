import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import { type FolderIndex, indexFolder } from '../../src/data/index/folder-index.js';
import type { Engine } from '../../src/engine/engine.js';
import { openWasmEngine } from '../../src/engine/wasm/wasm-engine.js';
import { DenseNetwork } from '../../src/eval/dense-network.js';
import type { Protocol } from '../../src/eval/protocol.js';
import { type ScoredImage, scoreImages } from '../../src/eval/score.js';
import { tenViews } from '../../src/eval/ten-crop.js';
import { defaultScales, type ProtocolOptions, protocolOf } from '../../src/eval/test-protocol.js';
import { planExperiment } from '../../src/experiment/experiment-plan.js';
import { Random } from '../../src/random.js';
import { painted, temporaryFolder } from '../data/images.js';
import { SMALL_CONFIG } from '../support/configs.js';

const CROP = 16;
const random = new Random('mean');
const values = Float32Array.from({ length: CROP * CROP * 3 }, () => 255 * random.next());

/** Of a network whose images are resized to `resize`. */
const protocol = (options: ProtocolOptions, resize = CROP): Protocol =>
  protocolOf(options, { resize, crop: CROP, mean: { kind: 'pixel', values }, std: 50 });

const folder = temporaryFolder();
let engine: Engine;
let network: DenseNetwork;
let images: FolderIndex['index'];

beforeAll(async () => {
  engine = await openWasmEngine();
  const plan = planExperiment(parseConfig(SMALL_CONFIG, 'c.yaml'));
  network = new DenseNetwork(engine, plan.config, plan.network, plan.primary.name, 0);
  // Square ones of the crop's size first, then others.
  const sizes = [
    [16, 16],
    [16, 16],
    [30, 16],
    [16, 50],
    [40, 41],
    [16, 16],
    [100, 16],
    [9, 12],
  ];
  for (const [i, [width, height]] of sizes.entries()) {
    const colour = new Random('image', i);
    await painted(join(folder.path, `a/${i}.png`), width!, height!, () => [
      colour.int(256),
      colour.int(256),
      colour.int(256),
    ]);
  }
  images = indexFolder(folder.path).index;
});
afterAll(() => {
  network.dispose();
  folder.remove();
});

async function score(options: ProtocolOptions, batchSize = 4): Promise<ScoredImage[]> {
  const scored: ScoredImage[] = [];
  const onError = { policy: 'skip', limit: 9 } as const;
  const request = { dataset: images, protocol: protocol(options), batchSize, onError };
  for await (const image of scoreImages(network, request)) scored.push(image);
  return scored;
}

const difference = (a: ScoredImage, b: ScoredImage): number =>
  Math.max(...a.row!.map((value, c) => Math.abs(value - b.row![c]!)));

describe('scoreImages', () => {
  it('a square image of the crop’s size, at that scale: multi-scale is the single crop', async () => {
    const single = await score({});
    const multi = await score({ multiscale: [CROP] });
    for (const i of [0, 1, 5]) expect(difference(single[i]!, multi[i]!)).toBeLessThan(1e-6);
    expect(difference(single[2]!, multi[2]!)).toBeGreaterThan(1e-3);
  });

  it('averages scales and mirror images equally', async () => {
    const p = ({ row }: ScoredImage): number => Math.exp(row![0]!);
    const both = await score({ multiscale: [16, 24] });
    const [one, two] = [await score({ multiscale: [16] }), await score({ multiscale: [24] })];
    for (const [i, image] of both.entries()) {
      expect(p(image)).toBeCloseTo((p(one[i]!) + p(two[i]!)) / 2, 6);
    }
    const logits = await score({ multiscale: [16, 24], average: 'logits' });
    expect(logits.some((image, i) => Math.abs(p(image) - p(both[i]!)) > 1e-6)).toBe(true);
  });

  it('does not depend on what is grouped with what, nor leave tensors behind', async () => {
    const options = { multiscale: [16, 20, 24], flip: true };
    const one = await score(options, 1);
    const before = engine.tensorCount();
    const many = await score(options, 64);
    expect(engine.tensorCount()).toBe(before);
    expect(many.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    for (const [i, image] of many.entries()) expect(difference(image, one[i]!)).toBeLessThan(1e-5);
  });

  it('gives an undecodable file its place and the reason', async () => {
    const bad = join(folder.path, 'a/3.png');
    writeFileSync(bad, 'x');
    const scored = await score({ tenCrop: true });
    expect(scored.map(({ row }) => row !== null)).toEqual(
      [0, 1, 2, 3, 4, 5, 6, 7].map((i) => i !== 3),
    );
    expect(scored[3]!.reason).toContain('unsupported image format');
    rmSync(bad);
  });

  it('refuses a scale that is too small before the first image', async () => {
    await expect(score({ multiscale: [16, 2] })).rejects.toThrow(
      'cannot take images of 2x2 pixels',
    );
  });
});

describe('protocols', () => {
  it('default scales keep the paper’s ratios to the crop', () => {
    expect(defaultScales(224)).toEqual([224, 256, 320, 384, 448]);
    expect(defaultScales(112)).toEqual([112, 128, 160, 192, 224]);
    expect(defaultScales(32)).toEqual([32, 37, 46, 55, 64]);
  });

  it('ten crops: corners and centre, then mirrored', () => {
    const views = tenViews({ height: 9, width: 7 }, 4);
    expect(views.map(({ top, left, flip }) => [top, left, flip])).toEqual(
      [false, true].flatMap((flip) => [
        [0, 0, flip],
        [0, 3, flip],
        [5, 0, flip],
        [5, 3, flip],
        [2, 1, flip],
      ]),
    );
  });

  it('the mean image lies on the input as it is, also on the mirrored one', () => {
    const pixels = { data: new Uint8Array(CROP * CROP * 3).fill(100), height: CROP, width: CROP };
    const expected = Float32Array.from(values, (mean) => (100 - mean) / 50);
    for (const options of [{ flip: true }, { multiscale: [CROP], flip: true }, { tenCrop: true }]) {
      const inputs = protocol(options).inputs([pixels]);
      expect(inputs).toHaveLength(options.tenCrop ? 10 : 2);
      for (const { data } of inputs) {
        for (const [i, value] of expected.entries()) expect(data[i]).toBeCloseTo(value, 5);
      }
    }
  });

  it('exclude each other where they must', () => {
    expect(() => protocol({ multiscale: true, tenCrop: true })).toThrow('exclude each other');
    expect(() => protocol({ flip: true, tenCrop: true })).toThrow(
      'the ten crops contain their mirror images',
    );
  });
});
