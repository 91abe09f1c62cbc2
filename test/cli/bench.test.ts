import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { engineRoot, locateNative } from '../../src/engine/locate.js';
import { type Outcome, run } from '../support/cli.js';
import { SMALL_CONFIG } from '../support/configs.js';
import { colourImages } from '../support/images.js';

let cwd: string;
let images: string;
beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'relaybp-cli-'));
  images = await colourImages();
  writeFileSync(join(cwd, 'c.yaml'), SMALL_CONFIG.replace('data/small', images));
});
afterAll(() => {
  rmSync(cwd, { recursive: true });
  rmSync(images, { recursive: true });
});

const bench = (...args: string[]): Promise<Outcome> =>
  run(['bench', 'c.yaml', '--steps', '2', '--warmup', '0', ...args], cwd, {
    RELAYBP_CACHE_DIR: join(cwd, 'cache'),
  });

const LAYERS = [
  'conv1_1',
  'pool1_1',
  'conv2_1',
  'pool2_1',
  'conv3_1',
  'primary.pool1',
  'primary.fc1',
  'auxiliary.fc1',
];
const missing = `the native engine is not installed in ${engineRoot()}: relaybp engine install`;
const engines = ['wasm', ...(locateNative() ? ['native'] : [])];

it.runIf(process.env.RELAYBP_REQUIRE_NATIVE === '1')(
  'has a native engine to measure where there must be one',
  () => expect(engines, missing).toContain('native'),
);

describe.each(engines)('engine %s', (engine) => {
  it('--json prints one object with everything', async () => {
    const { code, stdout, stderr } = await bench('--engine', engine, '--json');
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({
      formatVersion: 1,
      config: 'small',
      mode: 'config',
      precision: 'float32',
      data: 'synthetic',
      engine: { name: engine, device: 'cpu' },
      batchSize: 8,
      microBatch: 4,
      steps: 2,
      warmup: 0,
    });
    const { msPerStep, imagesPerSecond, gflops, multiplyAdds, peak, shareOfPeak } = result;
    expect(msPerStep.min).toBeGreaterThan(0);
    expect(msPerStep.min).toBeLessThanOrEqual(msPerStep.median);
    expect(msPerStep.median).toBeLessThanOrEqual(msPerStep.max);
    expect(imagesPerSecond).toBeCloseTo(8000 / msPerStep.median, 6);
    expect(gflops).toBeCloseTo((2 * multiplyAdds * imagesPerSecond) / 1e9, 9);
    expect(shareOfPeak).toBeCloseTo(gflops / peak.gflops, 9);
    expect(peak.by).toMatch(/^(matrix product|convolution)/);
    const { split, layers, memory } = result;
    // Segment 2 is the relay; its two pooling and convolution layers see both signals, segment 1 the auxiliary one.
    expect(Object.keys(split.backward).sort()).toEqual([
      'auxiliary',
      'primary',
      'primary+auxiliary',
    ]);
    for (const part of ['forward', 'loss', 'update']) expect(split[part]).toBeGreaterThan(0);
    expect(split.dataWait).toBeGreaterThanOrEqual(0);
    expect(layers.map(({ name }: { name: string }) => name)).toEqual(LAYERS);
    expect(Object.keys(layers[0])).toEqual([
      'name',
      'type',
      'winograd',
      'forward',
      'parameterGradient',
      'inputGradient',
      'update',
      'forwardGflops',
    ]);
    expect(layers[1].forwardGflops).toBeNull();
    expect(memory.stepsPeak).toBeGreaterThanOrEqual(memory.built);
    expect(memory.peak).toBeGreaterThanOrEqual(memory.stepsPeak);
  });
});

describe('bench', () => {
  it('prints a table by default', async () => {
    const { code, stdout } = await bench('--engine', 'wasm', '--mode', 'bp');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^small, mode bp, float32, synthetic images\nengine wasm: TensorFlow\.js/,
    );
    expect(stdout).toMatch(/^ {2}backward primary {2,}\d/m);
    expect(stdout).not.toMatch(/auxiliary/);
    expect(stdout).toMatch(/^conv2_1 +conv +\d+\.\d\d +\d+ +\d+\.\d\d +\d+\.\d\d +\d+\.\d\d$/m);
  });

  it('--data config reads the images of the config; a micro-batch is a step', async () => {
    const { code, stdout } = await bench(
      ...['--engine', 'wasm', '--data', 'config', '--no-image-cache'],
      ...['--micro-batch', '4', '--json'],
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ data: 'config', batchSize: 4, microBatch: 4 });
  });

  it('data that are missing are an error about data', async () => {
    const { code, stderr } = await bench(
      ...['--engine', 'wasm', '--data', 'config', '--set', 'data.root=nowhere'],
    );
    expect(code).toBe(3);
    expect(stderr).toMatch(/nowhere/);
  });

  it('an unknown mode is a usage error that names the known ones', async () => {
    const { code, stderr } = await bench('--mode', 'local');
    expect(code).toBe(2);
    expect(stderr).toMatch(/config, relay, multiloss, bp/);
  });
});
