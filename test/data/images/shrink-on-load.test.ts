import { expect, it } from 'vitest';
import { sharpsFactor, shrinkFactor } from '../../../src/data/images/shrink-on-load.js';

it.each([
  [1365, 1024, 256, 4], // one column of 1365 is dropped: 256/1024 of a pixel
  [1366, 1024, 256, 2], // by 4 two would be
  [1024, 1024, 257, 2], // by 4 would be too small
  [2400, 1600, 256, 4],
  [2048, 2048, 256, 8],
  [500, 375, 256, 1],
  [511, 600, 255, 1], // one row by 2: 255/511 of a pixel
  [4099, 3075, 256, 8], // three rows: 3 · 256/3075 of a pixel
  [1027, 1539, 256, 2], // three rows and columns by 4, one by 2: 256/1027 of a pixel
  [4096, 3072, 96, 8],
])('%i×%i to a shorter side of %i: %s', (width, height, resize, factor) => {
  expect(shrinkFactor({ width, height }, resize)).toBe(factor);
});

it('is left to sharp where there is still a factor of 4 left', () => {
  expect(sharpsFactor({ width: 4096, height: 3072 }, 96)).toBeNull();
  expect(sharpsFactor({ width: 4096, height: 3072 }, 97)).toBe(8);
});
