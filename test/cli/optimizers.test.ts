/** Training with batch normalization and every option of the optimizers, interrupted and not. */
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { locateNative } from '../../src/engine/locate.js';
import { readMetrics } from '../../src/run/rows.js';
import { decodeSafetensors } from '../../src/safetensors.js';
import { type Outcome, run } from '../support/cli.js';
import { SMALL_CONFIG } from '../support/configs.js';
import { colourImages } from '../support/images.js';

const SGD = '{lr: 0.05, nesterov: true, weightDecay: 0.001, clipNorm: 0.5, ema: 0.9}';
const ADAMW = '{type: adamw, lr: 0.01, weightDecay: 0.01, clipNorm: 1, ema: 0.9}';

let cwd: string;
beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'relaybp-cli-'));
  const images = await colourImages();
  const config = SMALL_CONFIG.replace('data/small', images)
    .replaceAll('kernel: 3}', 'kernel: 3, batchNorm: true}')
    .replace(
      '        - conv: {filters: 8, kernel: 3, batchNorm: true}',
      '        - residual: {layers: [conv: {filters: 6, kernel: 3, relu: false, batchNorm: true}]}',
    );
  writeFileSync(join(cwd, 'c.yaml'), config);
});

const relaybp = (...args: string[]): Promise<Outcome> =>
  run(args, cwd, { RELAYBP_CACHE_DIR: join(cwd, 'cache') });
const bytes = (folder: string, name: string): string =>
  readFileSync(join(cwd, folder, `${name}.safetensors`)).toString('base64');
const names = (folder: string, file: string): string[] => {
  const path = join(cwd, folder, `${file}.safetensors`);
  return [...decodeSafetensors(readFileSync(path), path).keys()].sort();
};

describe.each(['wasm', ...(locateNative() ? ['native'] : [])])(
  'a resumed run ends at the same bits, engine %s',
  (engine) => {
    it.each([
      ['sgd', SGD],
      ['adamw', ADAMW],
    ])('%s', async (type, optimizer) => {
      const [whole, parts] = [`${engine}-${type}`, `${engine}-${type}-parts`];
      const train = (out: string, ...args: string[]): Promise<Outcome> =>
        relaybp(
          ...['train', 'c.yaml', '--engine', engine, '--out', out],
          ...['--set', `optimizer=${optimizer}`, ...args],
        );
      const first = await train(whole);
      expect(first).toMatchObject({ code: 0, stderr: '' });
      await train(parts, '--max-steps', '2');
      expect((await relaybp('train', '--resume', parts, '--engine', engine)).code).toBe(0);
      for (const file of ['weights', 'optimizer', 'ema']) {
        const last = 'checkpoints/step-6';
        expect(bytes(`${parts}/${last}`, file), file).toBe(bytes(`${whole}/${last}`, file));
      }
      const last = (name: string) =>
        readMetrics(join(cwd, name)).findLast((row) => row.kind === 'val');
      expect(last(parts)).toEqual(last(whole));
      expect(last(whole)).toHaveProperty('top1_ema');
    });
  },
);

describe('what a checkpoint holds', () => {
  const last = 'wasm-adamw/checkpoints/step-6';

  it('running statistics with the weights, and a moving average of all of them', () => {
    const weights = names(last, 'weights');
    expect(weights).toContain('conv1_1_bn.running_mean');
    expect(weights).toContain('res3_1.body.conv1_bn.running_var');
    expect(weights).not.toContain('conv1_1.bias');
    expect(names(last, 'ema')).toEqual(weights);
    expect(bytes(last, 'ema')).not.toBe(bytes(last, 'weights'));
  });

  it('the slots of each trained parameter, and none of running statistics', () => {
    const trained = names(last, 'weights').filter((name) => !name.includes('.running_'));
    expect(names(last, 'optimizer')).toEqual(
      ['m', 'v'].flatMap((slot) => trained.map((name) => `${slot}/${name}`)),
    );
    const sgd = names('wasm-sgd/checkpoints/step-6', 'optimizer');
    expect(sgd).toEqual(trained.map((name) => `momentum/${name}`));
  });

  it('is refused by another type of optimizer', async () => {
    const { code, stderr } = await relaybp(
      ...['train', '--resume', 'wasm-adamw', '--engine', 'wasm'],
      ...['--set', 'optimizer={type: sgd, lr: 0.1}', '--set', 'training.epochs=3'],
    );
    expect(code).toBe(4);
    expect(stderr).toMatch(/optimizer: \{"type":"adamw",.* -> \{"type":"sgd","lr":0.1,/);
    expect(stderr).toContain('--change optimizer');
  });

  it('no moving average without optimizer.ema', async () => {
    await relaybp('train', 'c.yaml', '--engine', 'wasm', '--out', 'plain', '--max-steps', '1');
    expect(existsSync(join(cwd, 'plain/checkpoints/step-1/weights.safetensors'))).toBe(true);
    expect(existsSync(join(cwd, 'plain/checkpoints/step-1/ema.safetensors'))).toBe(false);
    const row = readMetrics(join(cwd, 'plain')).find(({ kind }) => kind === 'val');
    expect(row).not.toHaveProperty('top1_ema');
  });
});

describe('grad', () => {
  it('writes running statistics with the weights, and no gradient of them', async () => {
    const { code } = await relaybp('grad', 'c.yaml', '--engine', 'wasm', '--out', 'g.safetensors');
    expect(code).toBe(0);
    const found = names('.', 'g');
    expect(found).toContain('weight/conv1_1_bn.running_var');
    expect(found).toContain('gradient/conv1_1_bn.weight');
    expect(found.filter((name) => /^gradient.*running/.test(name))).toEqual([]);
  });
});
