/**
 * A layer type is one file and one line (CONTRIBUTING, "Adding a layer"): relaybp with one more type, compiled, plans
 * it, trains it, goes on, tests it at other sizes and exports it.
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
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { decodeSafetensors } from '../../src/safetensors.js';
import { type Outcome, run } from '../support/cli.js';
import { SMALL_CONFIG } from '../support/configs.js';
import { ROOT } from '../support/consumer.js';
import { colourImages } from '../support/images.js';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 }); // compiles all of src

let folder: string;

/** A checkout with the new type. */
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
  const layers = join(home, 'src/model/layers');
  const fixture = readFileSync(join(ROOT, 'test/fixtures/new-layer/pointwise.ts'), 'utf8');
  const text = fixture
    .replaceAll('../../../src/model/layers/', './')
    .replaceAll('../../../src/', '../../');
  writeFileSync(join(layers, 'pointwise.ts'), text);
  // The line, and the import that it needs.
  const table = readFileSync(join(layers, 'table.ts'), 'utf8');
  const line = 'export const layerTypes = {\n';
  expect(table).toContain(line);
  writeFileSync(
    join(layers, 'table.ts'),
    `import { pointwise } from './pointwise.js';\n${table.replace(line, `${line}  pointwise,\n`)}`,
  );
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  execFileSync(process.execPath, [tsc, '-p', join(home, 'tsconfig.build.json')], {
    stdio: 'pipe',
    encoding: 'utf8',
  });
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
  const args = ['plan', 'c.yaml', '--set', 'model.segments.seg3.layers=[{pointwise: {filter: 2}}]'];
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
