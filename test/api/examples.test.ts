/** The examples as a user has them: compiled against the package's own types, and run. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { run } from '../support/cli.js';
import { SMALL_CONFIG } from '../support/configs.js';
import { consumerProject } from '../support/consumer.js';
import { colourImages } from '../support/images.js';

vi.setConfig({ testTimeout: 240_000 }); // whole trainings by processes of their own

let project: string;
let images: string;
beforeAll(async () => {
  project = consumerProject();
  images = await colourImages();
  const config = SMALL_CONFIG.replace('data/small', images).replace('epochs: 2', 'epochs: 12');
  writeFileSync(join(project, 'my.yaml'), config);
  const layers = '- conv: {filters: 6, kernel: 3';
  writeFileSync(
    join(project, 'crelu.yaml'),
    config.replace(`${layers}}`, `${layers}, relu: false}\n        - custom: {type: crelu}`),
  );
});

const env = (): Record<string, string> => ({
  RELAYBP_CACHE_DIR: join(project, 'cache'),
  RELAYBP_ENGINE_DIR: join(project, 'no-engine'), // auto is wasm
});

describe('examples', () => {
  it('train.ts trains, stops, goes on and predicts', async () => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['train.js', 'my.yaml', join(images, 'val')],
      { cwd: project, env: { ...process.env, ...env() } },
    );
    expect(stdout).toMatch(/^small: \d+ parameters$/m);
    expect(stdout).toMatch(/^step 10: loss \d/m);
    expect(stdout).toContain('interrupted: true, after step 10');
    expect(stdout).toMatch(/^best top-1: \d+\.\d % at step \d+$/m);
    expect(stdout.match(/\.jpg: (blue|green|red)$/gm)).toHaveLength(15);
  });

  it('crelu.ts gives the command line a layer', async () => {
    const withLayer = { ...env(), NODE_OPTIONS: '--import ./crelu.js' };
    const trained = await run(['train', 'crelu.yaml', '--out', 'run'], project, withLayer);
    expect(trained.stderr).toBe('');
    expect(trained.code).toBe(0);
    const evaluated = await run(['eval', 'run', '--json'], project, withLayer);
    expect(JSON.parse(evaluated.stdout)).toMatchObject({ images: 15 });
    const exported = await run(['export', 'run', '--format', 'onnx', '--json'], project, withLayer);
    expect(exported.code, exported.stderr).toBe(0);
    expect(JSON.parse(exported.stdout).verified.probabilities).toBeLessThan(1e-5);
    const without = await run(['eval', 'run'], project, env());
    expect(without.code).toBe(2);
    expect(without.stderr).toContain('the layer type "crelu" is not registered; registered: none');
  });
});
