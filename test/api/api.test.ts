import { existsSync, mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import {
  compare,
  DataError,
  evaluate,
  parseConfig,
  predict,
  type StepProgress,
  train,
} from '../../src/index.js';
import { SMALL_CONFIG } from '../support/configs.js';
import { colourImages } from '../support/images.js';

vi.setConfig({ testTimeout: 240_000 }); // whole trainings by processes of their own

let folder: string;
let images: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'relaybp-api-'));
  process.env.RELAYBP_CACHE_DIR = join(folder, 'cache');
  images = await colourImages();
});

const config = (epochs = 4) =>
  parseConfig(
    SMALL_CONFIG.replace('data/small', images).replace('epochs: 2', `epochs: ${epochs}`),
    'c',
  );

describe('train', () => {
  it('is stopped by a signal after a whole step, and goes on to the same numbers', async () => {
    const stop = new AbortController();
    const steps: StepProgress[] = [];
    const engine = 'wasm';
    const options = { out: join(folder, 'a'), engine } as const;
    const first = await train(config(), options, {
      signal: stop.signal,
      events: {
        step(progress) {
          steps.push(progress);
          if (progress.step === 5) stop.abort();
        },
      },
    });
    expect(first).toMatchObject({ interrupted: true, step: 5, run: join(folder, 'a') });
    expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5]);
    const second = await train(undefined, { resume: first.run, engine });
    expect(second).toMatchObject({ interrupted: false, step: 12 });
    expect(resolve(second.run)).toBe(first.run);
    const whole = await train(config(), { out: join(folder, 'b'), engine });
    const [a, b] = [await evaluate(first.run, { engine }), await evaluate(whole.run, { engine })];
    expect(a.loss).toBe(b.loss);
    expect(a.top1).toBe(b.top1);
    const { top1 } = await compare(first.run, whole.run, { engine });
    expect(top1).toMatchObject({ difference: 0, onlyA: 0, onlyB: 0 });
  });

  it('an aborted signal starts nothing', async () => {
    const out = join(folder, 'never');
    const reason = new Error('no time');
    const started = train(config(), { out, engine: 'wasm' }, { signal: AbortSignal.abort(reason) });
    await expect(started).rejects.toBe(reason);
    expect(existsSync(out)).toBe(false);
  });

  it('errors have classes', async () => {
    const nowhere = parseConfig(SMALL_CONFIG, 'c');
    await expect(train(nowhere, { out: join(folder, 'no'), engine: 'wasm' })).rejects.toThrow(
      DataError,
    );
  });
});

describe('predict', () => {
  let run: string;
  beforeAll(async () => {
    ({ run } = await train(config(1), { out: join(folder, 'one'), engine: 'wasm' }));
  });

  it('names the classes of images one by one', async () => {
    const found = [];
    for await (const each of predict(run, [join(images, 'val')], {
      engine: 'wasm',
      topk: 2,
    })) {
      found.push(each);
    }
    expect(found).toHaveLength(15);
    expect(found.map(({ best }) => best.length)).toEqual(Array(15).fill(2));
    const right = found.filter(({ image, best }) => image.includes(`/${best[0]!.class}/`));
    const { top1 } = await evaluate(run, { engine: 'wasm' });
    expect((100 * right.length) / found.length).toBeCloseTo(top1, 9);
  });

  it('may be left early', async () => {
    const count = readdirSync(join(images, 'val')).length;
    expect(count).toBe(3);
    for await (const { reason } of predict(run, [join(images, 'val')], { engine: 'wasm' })) {
      expect(reason).toBeNull();
      break;
    }
  });
});
