/**
 * A layer type is one file and one line, and so are a sampler and an augmentation (CONTRIBUTING, "Adding a layer" and
 * what follows): relaybp with one more of each, compiled, plans them, trains with them, goes on, tests at other sizes
 * and exports.
 */
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { decodeSafetensors } from '../src/safetensors.js';
import { type Outcome, run } from './support/cli.js';
import { SMALL_CONFIG } from './support/configs.js';
import { ROOT } from './support/consumer.js';
import { colourImages } from './support/images.js';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 }); // compiles all of src

let folder: string;

/** Adds a file, and to the table of its folder a line with the import that it needs. */
function add(home: string, name: string, folder: string, before: string): void {
  const fixture = readFileSync(join(ROOT, `test/fixtures/new-types/${name}.ts`), 'utf8');
  const text = fixture
    .replaceAll(`../../../${folder}/`, './')
    .replaceAll('../../../src/', '../../');
  writeFileSync(join(home, folder, `${name}.ts`), text);
  const path = join(home, folder, 'table.ts');
  const table = readFileSync(path, 'utf8');
  expect(table).toContain(before);
  const line = `import { ${name} } from './${name}.js';\n`;
  writeFileSync(path, `${line}${table.replace(before, `${before}  ${name},\n`)}`);
}

/** A checkout with the new types. */
function checkout(): string {
  const home = join(folder, 'relaybp');
  mkdirSync(home);
  for (const part of ['src', 'bin', 'protos', 'package.json']) {
    cpSync(join(ROOT, part), join(home, part), { recursive: true });
  }
  for (const config of ['tsconfig.json', 'tsconfig.build.json']) {
    cpSync(join(ROOT, config), join(home, config));
  }
  symlinkSync(join(ROOT, 'node_modules'), join(home, 'node_modules'));
  add(home, 'pointwise', 'src/model/layers', 'export const layerTypes = {\n');
  add(home, 'solarize', 'src/data/augment', 'export const augmentations = {\n');
  add(home, 'stride', 'src/data/sampling', 'export const samplers = {\n');
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  execFileSync(process.execPath, [tsc, '-p', join(home, 'tsconfig.build.json')], {
    stdio: 'pipe',
    encoding: 'utf8',
  });
  for (const kernel of ['data/images/resample.wasm', 'engine/wasm/winograd.wasm'])
    cpSync(join(ROOT, 'dist', kernel), join(home, 'dist', kernel));
  return join(home, 'bin/relaybp.js');
}

let bin: string;
const environment = (): Record<string, string> => ({
  RELAYBP_CACHE_DIR: join(folder, 'cache'),
  RELAYBP_ENGINE_DIR: join(folder, 'no-engine'), // auto is wasm
});
const relaybp = async (...args: string[]): Promise<Outcome> => {
  const outcome = await run(args, folder, environment(), { bin });
  expect(outcome.code, outcome.stderr).toBe(0);
  return outcome;
};
const weights = (run: string): Map<string, Float32Array> => {
  const last = join(folder, run, readFileSync(join(folder, run, 'last'), 'utf8').trim());
  const path = join(last, 'weights.safetensors');
  const tensors = decodeSafetensors(readFileSync(path), path);
  return new Map([...tensors].map(([name, { values }]) => [name, values]));
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'relaybp-new-layer-'));
  bin = checkout();
  const images = await colourImages();
  const layer = '- conv: {filters: 6, kernel: 3}';
  const config = SMALL_CONFIG.replace('data/small', images)
    .replace(layer, `${layer}\n        - pointwise: {filters: 7}`)
    .replace('filters: 8, kernel: 3', 'filters: 8, kernel: 3, padding: valid');
  writeFileSync(join(folder, 'c.yaml'), config);
  await relaybp('train', 'c.yaml', '--out', 'whole');
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('a layer type', () => {
  it('is planned, with what it costs and what trains it', async () => {
    const { stdout } = await relaybp('plan', 'c.yaml');
    expect(stdout).toMatch(/pointwise2_1 +pointwise +8x8x7 +42 +2,688 /);
    const { layers, step } = JSON.parse((await relaybp('plan', 'c.yaml', '--json')).stdout);
    const layer = layers.find(({ type }: { type: string }) => type === 'pointwise');
    expect(layer).toMatchObject({ updatedBy: ['primary', 'auxiliary'], multiplyAdds: 64 * 42 });
    // Its own, and those of three convolutions and two fully connected layers.
    expect(step.cost.parameterGradients).toBe(6);
  });

  it('is checked as other layers are', async () => {
    const args = [
      'plan',
      'c.yaml',
      '--set',
      'model.segments.seg3.layers=[{pointwise: {filter: 2}}]',
    ];
    const { code, stderr } = await run(args, folder, environment(), { bin });
    expect(code).toBe(2);
    expect(stderr).toContain('model.segments[2].layers[0].pointwise');
    expect(stderr).toContain('did you mean "filters"');
  });

  it('is trained, and a training that stopped goes on to the same weights', async () => {
    await relaybp('train', 'c.yaml', '--out', 'parts', '--max-steps', '3');
    const between = weights('parts').get('pointwise2_1.weight')!;
    await relaybp('train', '--resume', 'parts');
    expect(weights('parts')).toEqual(weights('whole'));
    expect(weights('whole').get('pointwise2_1.weight')).toHaveLength(42);
    expect(weights('whole').get('pointwise2_1.weight')).not.toEqual(between);
  });

  it('is tested at other sizes', async () => {
    const args = ['eval', 'whole', '--checkpoint', 'last', '--multiscale', '16,24', '--json'];
    const { protocol, images } = JSON.parse((await relaybp(...args)).stdout);
    expect(protocol).toMatchObject({ name: 'multi-scale', sides: [16, 24] });
    expect(images).toBe(15);
  });

  it.each(['onnx', 'tfjs'])(
    'is exported as %s, and gives there what it gives here',
    async (format) => {
      const args = ['export', 'whole', '--checkpoint', 'last', '--format', format];
      const { stdout } = await relaybp(...args, '--out', `model.${format}`, '--json');
      const { verified } = JSON.parse(stdout);
      expect(verified).toMatchObject({ images: 4, drawn: false });
      expect(verified.probabilities).toBeLessThan(1e-5);
    },
  );
});

describe('a sampler', () => {
  const rule = 'data.sampler={kind: stride, step: 7, epochSize: 32}';

  it('is planned, and checked as others are', async () => {
    expect((await relaybp('plan', 'c.yaml', '--set', rule)).stdout).toContain(
      'stride, step 7, epochSize 32',
    );
    const refuse = async (sampler: string): Promise<string> => {
      const args = ['plan', 'c.yaml', '--set', `data.sampler=${sampler}`];
      const { code, stderr } = await run(args, folder, environment(), { bin });
      expect(code).toBe(2);
      return stderr;
    };
    expect(await refuse('{kind: stride, steps: 7}')).toContain('did you mean "step"');
    expect(await refuse('{kind: strides}')).toContain('data.sampler');
    // A sampler that needs a number is not to be had by its name alone.
    expect(await refuse('stride')).toContain('class-aware, shuffle, sequential, or a mapping');
  });

  it('is trained with, for the epochs that it says, and goes on where it was', async () => {
    const set = ['c.yaml', '--set', rule, '--set', 'data.augment.flip=false'];
    await relaybp('train', ...set, '--out', 'strides');
    const log = readFileSync(join(folder, 'strides/metrics.jsonl'), 'utf8').trimEnd().split('\n');
    const steps = log.map((line) => JSON.parse(line).step ?? 0);
    expect(Math.max(...steps)).toBe(8); // two epochs of 32 draws, eight a step
    await relaybp('train', ...set, '--out', 'halted', '--max-steps', '3');
    await relaybp('train', '--resume', 'halted');
    expect(weights('halted')).toEqual(weights('strides'));
    expect(weights('halted')).not.toEqual(weights('whole'));
  });
});

describe('an augmentation', () => {
  const all = ['--set', 'data.augment.solarize={threshold: 0}'];

  it('is planned, and checked as others are', async () => {
    const { stdout } = await relaybp('plan', 'c.yaml', '--set', 'data.augment.solarize={}');
    expect(stdout).toContain('random crop; flip; solarize (threshold 128)');
    const args = ['plan', 'c.yaml', '--set', 'data.augment.solarize={limit: 3}'];
    const { code, stderr } = await run(args, folder, environment(), { bin });
    expect(code).toBe(2);
    expect(stderr).toContain('data.augment.solarize');
  });

  it('changes what training sees, and nothing else', async () => {
    const inputs = async (file: string, ...more: string[]): Promise<Float32Array> => {
      const args = ['data', 'preview', 'c.yaml', '--n', '6', '--out', `${file}.png`, ...more];
      await relaybp(...args, '--tensors', file);
      return decodeSafetensors(readFileSync(join(folder, file)), file).get('images')!.values;
    };
    const [plain, inverted] = [await inputs('plain.st'), await inputs('inverted.st', ...all)];
    // (v - mean) / std and (255 - v - mean) / std of the same crops: their sum is one number for each channel.
    const sums = [0, 1, 2].map((c) => plain[c]! + inverted[c]!);
    for (const [i, value] of plain.entries()) {
      expect(value + inverted[i]!).toBeCloseTo(sums[i % 3]!, 4);
    }
    expect(new Set(plain).size).toBeGreaterThan(100);
  });

  it('is trained with', async () => {
    await relaybp('train', 'c.yaml', '--out', 'inverted', ...all);
    expect(weights('inverted')).not.toEqual(weights('whole'));
  });
});
