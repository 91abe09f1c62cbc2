import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { indexFolder } from '../../../src/data/index/folder-index.js';
import { type DecodedImage, decodedImages } from '../../../src/data/loader/decoded-images.js';
import { painted, temporaryFolder } from '../images.js';

const folder = temporaryFolder();
afterAll(folder.remove);

async function dataset() {
  for (let i = 0; i < 7; i++) {
    await painted(join(folder.path, `a/${i}.png`), 4 + i, 4, (x, y) => [10 * x, 10 * y, i]);
  }
  writeFileSync(join(folder.path, 'a/3.png'), 'not an image');
  return indexFolder(folder.path).index;
}

it('decodedImages gives every image uncropped at every size, in order, and says which cannot be decoded', async () => {
  const seen: DecodedImage[] = [];
  for await (const image of decodedImages({ dataset: await dataset(), sides: [4, 8], ahead: 2 })) {
    seen.push(image);
  }
  expect(seen.map((image) => image.index)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  for (const [i, { sizes, reason }] of seen.entries()) {
    if (i === 3) {
      expect(reason).toContain('unsupported image format');
      expect(sizes).toEqual([]);
      continue;
    }
    expect(sizes.map(({ height, width }) => [height, width])).toEqual([
      [4, 4 + i],
      [8, 2 * (4 + i)],
    ]);
    expect([...sizes[0]!.data.subarray(-3)]).toEqual([10 * (3 + i), 30, i]);
  }
});

it('decodedImages may be left early', async () => {
  for await (const image of decodedImages({ dataset: await dataset(), sides: [4] })) {
    expect(image.index).toBe(0);
    break;
  }
});
