/** Every augmentation through the loader's workers: what a position gives depends on the position alone. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Augmentation } from '../../src/data/augment/augment.js';
import { chooseJitter, jitter } from '../../src/data/augment/color-jitter.js';
import { chooseMix, type Mixing, mixInto, partnerOf } from '../../src/data/augment/mixing.js';
import { chooseErased } from '../../src/data/augment/random-erasing.js';
import { indexFolder } from '../../src/data/index/folder-index.js';
import type { ImageIndex } from '../../src/data/index/image-index.js';
import { type Batch, Loader, type LoaderOptions } from '../../src/data/loader/loader.js';
import { painted, temporaryFolder } from './images.js';
import { loaderOptions } from './loading.js';

const folder = temporaryFolder();
let dataset: ImageIndex;

beforeAll(async () => {
  for (let i = 0; i < 14; i++) {
    await painted(
      join(folder.path, `set/c${i % 3}/${i}.png`),
      14 + i,
      12 + ((i * 5) % 9),
      (x, y) => [(x * 17 + i * 40) % 256, (y * 23) % 256, (x * y * 3 + i * 9) % 256],
    );
  }
  dataset = indexFolder(join(folder.path, 'set')).index;
});
afterAll(folder.remove);

const mixing: Mixing = {
  mixup: { alpha: 1 },
  cutmix: { alpha: 1 },
  probability: 0.8,
  switchProbability: 0.5,
  distance: 1,
};
const plain: Augmentation = { flip: true, color: null };
const everything: Augmentation = {
  ...plain,
  resizedCrop: { scale: [0.3, 1], ratio: [0.75, 4 / 3] },
  colorJitter: {
    brightness: [0.5, 1.5],
    contrast: [0.5, 1.5],
    saturation: [0, 2],
    hue: [-0.2, 0.2],
  },
  randomErasing: { probability: 0.7, scale: [0.05, 0.4], ratio: [0.3, 3.3], value: 'random' },
  mixing,
};
const options = (augment: Augmentation, more: Partial<LoaderOptions> = {}): LoaderOptions =>
  loaderOptions(dataset, { augment, ...more });

/** What each position gave. */
interface Given {
  image: number[];
  label: number;
  index: number;
  mixed: [label: number, index: number, share: number] | null;
}

const given = ({ images, labels, indices, mixed, size }: Batch): Given[] => {
  const values = images.length / size;
  return Array.from({ length: size }, (_, i) => ({
    image: [...images.subarray(i * values, (i + 1) * values)],
    label: labels[i]!,
    index: indices[i]!,
    mixed: mixed ? [mixed.labels[i]!, mixed.indices[i]!, mixed.shares[i]!] : null,
  }));
};

async function load(from: LoaderOptions, count: number): Promise<Given[]> {
  const loader = new Loader(from);
  const found: Given[] = [];
  try {
    while (found.length < count) {
      const batch = (await loader.next())!;
      found.push(...given(batch));
      batch.release();
    }
    return found.slice(0, count);
  } finally {
    await loader.close();
  }
}

describe.each([1, 3])('with pairs %d apart', (distance) => {
  const augment = { ...everything, mixing: { ...mixing, distance } };

  it('a position gives the same in whatever batches, workers, order and from wherever on', async () => {
    const expected = await load(options(augment), 60);
    for (const more of [
      { batchSize: 1 },
      { batchSize: 5 },
      { batchSize: 12, workers: 3, buffers: 6, lanes: 5 },
      { batchSize: 3, workers: 2, cacheBytes: 0 },
    ]) {
      expect(await load(options(augment, more), 60), JSON.stringify(more)).toEqual(expected);
    }
    for (const start of [7, 20, 33]) {
      const rest = await load(options(augment, { start }), 60 - start);
      expect(rest, `from ${start} on`).toEqual(expected.slice(start));
    }
  });

  it('mixes what the pair would be alone, as drawn', async () => {
    const alone = await load(options({ ...augment, mixing: null }), 60);
    const found = await load(options(augment), 60);
    let mixed = 0;
    for (const [p, { image, label, index, mixed: with_ }] of found.entries()) {
      const mix = chooseMix([8, 8], augment.mixing, 9, p);
      const other = alone[mix ? partnerOf(p, distance) : p];
      if (!other) continue;
      expect([label, index]).toEqual([alone[p]!.label, alone[p]!.index]);
      expect(with_).toEqual([other.label, other.index, mix ? Math.fround(mix.share) : 1]);
      const own = Float32Array.from(alone[p]!.image);
      if (mix) mixInto(own, Float32Array.from(other.image), mix, 8, false);
      expect(image).toEqual([...own]);
      if (mix) mixed++;
    }
    expect(mixed).toBeGreaterThan(30);
  });
});

it('nothing is said of mixing where there is none', async () => {
  expect((await load(options(plain), 4)).map(({ mixed }) => mixed)).toEqual(Array(4).fill(null));
});

it('each augmentation has random numbers of its own: switched on, the others do what they did', async () => {
  const base = await load(options(plain), 40);
  const { colorJitter, randomErasing } = everything;
  const jittered = await load(options({ ...plain, colorJitter }), 40);
  const erased = await load(options({ ...plain, randomErasing }), 40);
  let [same, hidden] = [0, 0];
  for (let p = 0; p < 40; p++) {
    // The crop has 8-bit values, mean 0 and no divisor: it can be jittered here. Mirroring does not matter to it.
    const expected = Uint8Array.from(base[p]!.image);
    jitter(expected, chooseJitter(colorJitter!, 9, p));
    expect(jittered[p]!.image, `jitter at ${p}`).toEqual([...expected]);
    const region = chooseErased([8, 8], randomErasing!, 9, p);
    for (let i = 0; i < 192; i++) {
      const [y, x] = [Math.floor(i / 24), Math.floor(i / 3) % 8];
      const inside =
        region &&
        y >= region.top &&
        y < region.top + region.height &&
        x >= region.left &&
        x < region.left + region.width;
      if (inside) hidden++;
      else {
        expect(erased[p]!.image[i]).toBe(base[p]!.image[i]);
        same++;
      }
    }
  }
  expect(Math.min(same, hidden)).toBeGreaterThan(500);
});

it('an image whose partner is undecodable is mixed with what takes its place', async () => {
  await painted(join(folder.path, 'bad/a/1.png'), 12, 12, () => [10, 20, 30]);
  await painted(join(folder.path, 'bad/b/1.png'), 12, 12, () => [200, 100, 0]);
  writeFileSync(join(folder.path, 'bad/b/0.png'), 'not an image');
  const bad = indexFolder(join(folder.path, 'bad')).index;
  const onError = { policy: 'skip', limit: 1 } as const;
  const found = await load({ ...options(everything), dataset: bad, onError, batchSize: 1 }, 24);
  for (const { label, index, mixed } of found) {
    expect(bad.labels[index]).toBe(label);
    expect(bad.labels[mixed![1]]).toBe(mixed![0]);
    expect([index, mixed![1]]).not.toContain(1); // b/0.png
  }
});
