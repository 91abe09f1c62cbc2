import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { indexFolder } from '../../src/data/folder-index.js';
import { type WholeImage, wholeImages } from '../../src/data/whole-images.js';
import { painted, temporaryFolder } from './images.js';

const folder = temporaryFolder();
afterAll(folder.remove);

it('wholeImages gives every image uncropped, the mean image stretched to it', async () => {
  for (let i = 0; i < 7; i++) {
    await painted(join(folder.path, `a/${i}.png`), 4 + i, 4, (x, y) => [10 * x, 10 * y, i]);
  }
  const dataset = indexFolder(folder.path).index;
  const values = Float32Array.from([1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3]); // 2 × 2, all alike
  const mean = { kind: 'pixel', values } as const;
  const preprocessing = { resize: 2, crop: 2, mean, std: 0.5 };
  const seen: WholeImage[] = [];
  for await (const image of wholeImages({
    dataset,
    start: 0,
    end: 7,
    scales: [4],
    preprocessing,
    ahead: 2,
  })) {
    seen.push(image);
  }
  expect(seen.map((image) => image.index)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  for (const [i, { label, scales }] of seen.entries()) {
    expect([label, scales.length, scales[0]!.height, scales[0]!.width]).toEqual([0, 1, 4, 4 + i]);
    const { data, width } = scales[0]!;
    expect(data.length).toBe(4 * width * 3);
    const corner = [...data.subarray(data.length - 3)];
    expect(corner).toEqual([2 * (10 * (width - 1) - 1), 2 * (30 - 2), 2 * (i - 3)]);
  }
});

it('wholeImages may be left early', async () => {
  const dataset = indexFolder(folder.path).index;
  const base = { dataset, start: 0, end: 7, scales: [4] };
  const mean = { kind: 'channel', values: [0, 0, 0] } as const;
  for await (const image of wholeImages({ ...base, preprocessing: { resize: 4, crop: 4, mean } })) {
    expect(image.index).toBe(0);
    break;
  }
});
