/** Images of which only the crop is decoded give the batches of whole ones, by however many threads. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Augmentation } from '../../../src/data/augment/augment.js';
import { indexFolder } from '../../../src/data/index/folder-index.js';
import type { ImageIndex } from '../../../src/data/index/image-index.js';
import type { LoaderOptions } from '../../../src/data/loader/loader.js';
import { withOrientation } from '../images/jpegs.js';
import { painted, temporaryFolder } from '../images.js';
import { collect, loaderOptions } from '../loading.js';

const folder = temporaryFolder();
let dataset: ImageIndex;
beforeAll(async () => {
  for (let i = 0; i < 12; i++) {
    const path = join(folder.path, `set/c${i % 3}/${i}.jpg`);
    const wave = (x: number, y: number): number => 128 + 110 * Math.sin((x * (i + 3)) / 40 + y / 5);
    await painted(path, 90 + 7 * i, 71 + ((i * 5) % 40), (x, y) => [wave(x, y), wave(y, x), x + y]);
    writeFileSync(path, withOrientation(readFileSync(path), 1 + (i % 8)));
    // One that libjpeg-turbo warns of: stray bytes in its last rows.
    if (i === 5) {
      const bytes = readFileSync(path);
      bytes.fill(0x55, bytes.length - 60, bytes.length - 2);
      writeFileSync(path, bytes);
    }
  }
  dataset = indexFolder(join(folder.path, 'set')).index;
});
afterAll(folder.remove);

const plain: Augmentation = { flip: true, color: null };
it.each<[string, Augmentation | null]>([
  ['centre crops', null],
  ['random crops', plain],
  ['resized crops', { ...plain, resizedCrop: { scale: [0.1, 1], ratio: [0.75, 4 / 3] } }],
  [
    'changed crops',
    {
      ...plain,
      colorJitter: {
        brightness: [0.5, 1.5],
        contrast: [0.5, 1.5],
        saturation: [0, 2],
        hue: [-0.2, 0.2],
      },
    },
  ],
])('%s', async (_, augment) => {
  const options = (more: Partial<LoaderOptions>): LoaderOptions =>
    loaderOptions(dataset, {
      augment,
      end: 48,
      preprocessing: {
        resize: 64,
        crop: [40, 56],
        mean: { kind: 'channel', values: [120, 110, 100] },
        std: 60,
      },
      ...more,
    });
  const whole = await collect(options({}));
  expect(whole.length).toBe(12);
  for (const more of [
    { cacheBytes: 0 },
    { cacheBytes: 100_000, workers: 2 },
    { cacheBytes: 0, workers: 3, buffers: 6, lanes: 7 },
  ]) {
    expect(await collect(options(more)), JSON.stringify(more)).toEqual(whole);
  }
});
