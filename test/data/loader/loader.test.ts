import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { indexFolder } from '../../../src/data/index/folder-index.js';
import type { ImageIndex } from '../../../src/data/index/image-index.js';
import { Loader } from '../../../src/data/loader/loader.js';
import { DataError } from '../../../src/errors.js';
import { painted, type Rgb, solid, temporaryFolder } from '../images.js';
import { type Copy, collect, copy, loaderOptions as options } from '../loading.js';

const COLORS: Rgb[] = [
  [250, 10, 10],
  [10, 250, 10],
  [10, 10, 250],
];
const folder = temporaryFolder();
const at = (name: string) => join(folder.path, name);
let solids: ImageIndex; // 3 classes of 5, 3 and 1 images, each class of one colour
let patterns: ImageIndex; // 2 classes of 6 images, every pixel different

beforeAll(async () => {
  for (const [c, count] of [5, 3, 1].entries()) {
    for (let i = 0; i < count; i++) await solid(at(`solids/c${c}/${i}.jpg`), COLORS[c]!);
  }
  for (let i = 0; i < 12; i++) {
    const paint = (x: number, y: number): Rgb => [x * 9, y * 9, i * 20];
    await painted(at(`patterns/p${i % 2}/${i}.png`), 20 + i, 20 + ((i * 5) % 12), paint);
  }
  solids = indexFolder(at('solids')).index;
  patterns = indexFolder(at('patterns')).index;
});
afterAll(folder.remove);

const images = (copies: Copy[]) => copies.flatMap((batch) => batch.images);

describe('Loader', () => {
  it('gives the decoded images with their labels, mean and std applied', async () => {
    const mean = { kind: 'channel', values: [100, 50, 0] } as const;
    const preprocessing = { resize: 10, crop: 8, mean, std: [2, 1, 0.5] as const };
    for (const batch of await collect(options(solids, { preprocessing }), 3)) {
      for (const [i, label] of batch.labels.entries()) {
        expect(solids.labels[batch.indices[i]!]).toBe(label);
        const [r, g, b] = COLORS[label]!;
        for (const p of [0, 31, 63]) {
          const at = (i * 64 + p) * 3;
          expect(Math.abs(batch.images[at]! * 2 + 100 - r)).toBeLessThanOrEqual(3);
          expect(Math.abs(batch.images[at + 1]! + 50 - g)).toBeLessThanOrEqual(3);
          expect(Math.abs(batch.images[at + 2]! * 0.5 - b)).toBeLessThanOrEqual(3);
        }
      }
    }
  });

  it.skipIf(process.platform !== 'linux')(
    'starts a thread for each processor that is ours',
    async () => {
      const threads = (): number => readdirSync('/proc/self/task').length;
      vi.stubEnv('RELAYBP_PROCESSORS', '1');
      const before = threads();
      const loader = new Loader(options(solids, { buffers: 8 }));
      vi.unstubAllEnvs();
      expect(threads() - before).toBe(1);
      await loader.close();
    },
  );

  it('takes the centre crop of the resized image, minus the mean image', async () => {
    // Lossless and not resized, so exact. 13 × 10, crop 6 × 8 at row 2, column 2.
    await painted(at('exact/a/x.png'), 13, 10, (x, y) => [x, 10 * y, 200]);
    const values = Float32Array.from({ length: 6 * 8 * 3 }, (_, i) => i / 4);
    const preprocessing = {
      resize: 10,
      crop: [6, 8] as const,
      mean: { kind: 'pixel', values } as const,
    };
    const dataset = indexFolder(at('exact')).index;
    const [batch] = await collect(options(dataset, { end: 1, preprocessing }));
    const expected = values.map((mean, i) => {
      const [x, y] = [Math.floor(i / 3) % 8, Math.floor(i / 24)];
      return [x + 2, 10 * (y + 2), 200][i % 3]! - mean;
    });
    expect(batch!.images).toEqual([...expected]);
  });

  it('augments with crops, mirroring and a colour shift inside their bounds', async () => {
    await painted(at('ramp/a/x.png'), 10, 10, (x, y) => [20 * x, 20 * y, 100]);
    const dataset = indexFolder(at('ramp')).index;
    const component = [0, 0, 1] as const;
    const vectors = [component, component, component] as const;
    const color = { vectors, values: [0.2, 0, 0] as const };
    const batches = await collect(options(dataset, { augment: { flip: true, color } }), 25);
    const seen = new Set<string>();
    const shifts: number[] = [];
    for (let n = 0; n < 100; n++) {
      const image = batches[n >> 2]!.images.slice((n & 3) * 192, (n & 3) * 192 + 192);
      const step = image[3]! - image[0]!;
      expect(Math.abs(step)).toBe(20);
      const left = (step > 0 ? image[0]! : image[21]!) / 20;
      const top = image[1]! / 20;
      seen.add(`${left},${top},${step}`);
      expect(image[24 * 7 + 1]).toBe(20 * (top + 7));
      shifts.push(image[2]! - 100);
    }
    expect(seen.size).toBe(18); // 3 rows × 3 columns × 2
    const deviation = Math.sqrt(shifts.reduce((sum, s) => sum + s * s, 0) / 100);
    expect(Math.abs(deviation - 255 * 0.1 * 0.2)).toBeLessThan(1.8); // 5 standard errors
  });

  it.each(['class-aware', 'shuffle', 'sequential'] as const)(
    '%s: a batch depends on its positions only',
    async (kind) => {
      const augment = { flip: true, color: null };
      const base = options(patterns, { sampler: { kind, seed: 2 }, augment });
      const expected = await collect(base, 10);
      expect(await collect({ ...base, buffers: 2, lanes: 1, cacheBytes: 0 }, 10)).toEqual(expected);
      expect(await collect({ ...base, buffers: 5, workers: 2, lanes: 7 }, 10)).toEqual(expected);
      expect(await collect({ ...base, start: 12 }, 7)).toEqual(expected.slice(3));
      const regrouped = await collect({ ...base, batchSize: 5, buffers: 3 }, 8);
      expect(images(regrouped)).toEqual(images(expected));
      expect(images(await collect({ ...base, seed: 10 }, 10))).not.toEqual(images(expected));
    },
  );

  it('ends with a partial batch, then gives null', async () => {
    const sampler = { kind: 'sequential', seed: 0 } as const;
    const loader = new Loader(options(patterns, { sampler, start: 2, end: 12 }));
    const sizes: number[] = [];
    const seen: number[] = [];
    for (let batch = await loader.next(); batch; batch = await loader.next()) {
      sizes.push(batch.size);
      seen.push(...batch.indices);
      expect(batch.images.length).toBe(batch.size * 192);
      batch.release();
      batch.release(); // no effect
    }
    expect(sizes).toEqual([4, 4, 2]);
    expect(seen).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(await loader.next()).toBeNull();
    await loader.close();
    expect(await collect(options(patterns, { start: 5, end: 5 }))).toEqual([]);
  });

  it('fills the ring while the main thread is blocked', async () => {
    const loader = new Loader(options(patterns, { buffers: 4 }));
    (await loader.next())!.release();
    const waited = loader.waitedMs;
    expect(waited).toBeGreaterThan(0);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
    for (let i = 0; i < 4; i++) (await loader.next())!.release();
    expect(loader.waitedMs - waited).toBeLessThan(100); // messages only, no decoding
    await loader.close();
  });

  it('keeps batches apart that are held at once, and refuses to wait for a held buffer', async () => {
    const loader = new Loader(options(patterns, { buffers: 3, workers: 1 }));
    const held = [await loader.next(), await loader.next(), await loader.next()];
    expect(held.map((batch) => copy(batch!))).toEqual(await collect(options(patterns), 3));
    await expect(loader.next()).rejects.toThrow('all 3 buffers are held: release() a batch');
    held[1]!.release();
    expect(copy((await loader.next())!)).toEqual((await collect(options(patterns), 4))[3]);
    await loader.close();
  });

  it('closes early, with a pending next(), and twice', async () => {
    const loader = new Loader(options(patterns, { batchSize: 64 }));
    const pending = loader.next();
    const closed = loader.close();
    expect(loader.close()).toBe(closed);
    expect(await pending).toBeNull();
    await closed;
    expect(await loader.next()).toBeNull();
    await new Loader(options(patterns)).close();
  });

  it('rejects next() when a worker breaks', async () => {
    const preprocessing = { ...options(solids).preprocessing, crop: 11 }; // larger than the image
    const loader = new Loader(options(solids, { preprocessing }));
    await expect(loader.next()).rejects.toThrow(DataError);
    await expect(loader.next()).rejects.toThrow('a decoding worker failed: a 11×11 crop');
    await loader.close();
  });

  it('rejects next() when a worker crashes at its start', async () => {
    const sampler = null as never; // breaks the worker's constructor
    const loader = new Loader({ ...options(solids), sampler });
    await expect(loader.next()).rejects.toThrow('a decoding worker failed');
    await loader.close();
  });

  it('neither keeps the process alive nor loses a result at its end', () => {
    const dist = new URL('../../../dist/data/', import.meta.url);
    expect(existsSync(new URL('loader/loader.js', dist)), 'run `npm run build` first').toBe(true);
    const script = `
      const { indexFolder } = await import('${new URL('index/folder-index.js', dist)}');
      const { Loader } = await import('${new URL('loader/loader.js', dist)}');
      const loader = new Loader({ ...${JSON.stringify(options(solids, { dataset: undefined }))},
        dataset: indexFolder(${JSON.stringify(at('solids'))}).index });
      console.log((await loader.next()).size);`;
    const run = ['--input-type=module', '-e', script];
    expect(execFileSync(process.execPath, run, { timeout: 30_000 }).toString()).toBe('4\n');
  });
});
