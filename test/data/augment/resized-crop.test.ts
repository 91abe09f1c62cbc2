import { describe, expect, it } from 'vitest';
import { chooseRegion, resizeRegion } from '../../../src/data/augment/resized-crop.js';

const image = { height: 100, width: 140 };
const spec = { scale: [0.25, 0.75], ratio: [0.75, 4 / 3] } as const;

describe('random resized crop', () => {
  const regions = Array.from({ length: 2000 }, (_, i) => chooseRegion(image, spec, 7, i));

  it('lies in the image, with area and aspect ratio as asked', () => {
    for (const { top, left, height, width } of regions) {
      expect(top >= 0 && left >= 0 && top + height <= 100 && left + width <= 140).toBe(true);
      expect((height * width) / 14000).toBeGreaterThan(0.25 * 0.97);
      expect((height * width) / 14000).toBeLessThan(0.75 * 1.03);
      expect(width / height).toBeGreaterThan(0.75 * 0.97);
      expect(width / height).toBeLessThan((4 / 3) * 1.03);
    }
  });

  it('has a mean area near the middle, and lands everywhere', () => {
    const areas = regions.map(({ height, width }) => (height * width) / 14000);
    expect(areas.reduce((sum, area) => sum + area, 0) / 2000).toBeCloseTo(0.5, 1);
    expect(regions.some(({ left }) => left === 0)).toBe(true);
    expect(regions.some(({ left, width }) => left + width === 140)).toBe(true);
  });

  it('depends on seed and position only', () => {
    expect(chooseRegion(image, spec, 7, 3)).toEqual(regions[3]);
    expect(chooseRegion(image, spec, 8, 3)).not.toEqual(regions[3]);
  });

  it('falls back to the centre where nothing fits', () => {
    const wide = { height: 10, width: 100 };
    const whole = { scale: [1, 1], ratio: [0.75, 4 / 3] } as const;
    expect(chooseRegion(wide, whole, 1, 1)).toEqual({ top: 0, left: 43, height: 10, width: 13 });
  });
});

describe('resizeRegion', () => {
  /** 2 rows of 4 grey pixels. */
  const grey = [0, 10, 20, 30, 100, 110, 120, 130].flatMap((v) => [v, v, v]);
  const pixels = { data: Uint8Array.from(grey), height: 2, width: 4 };
  const values = (...args: Parameters<typeof resizeRegion>): number[] =>
    [...resizeRegion(...args).data].filter((_, i) => i % 3 === 0);

  it('of the same size copies', () => {
    const region = { top: 0, left: 1, height: 2, width: 2 };
    expect(values(pixels, region, [2, 2])).toEqual([10, 20, 110, 120]);
  });

  it('interpolates between the centres and stays within the region', () => {
    const region = { top: 0, left: 1, height: 1, width: 2 };
    expect(values(pixels, region, [1, 4])).toEqual([10, 13, 18, 20]);
    expect(values(pixels, { top: 0, left: 0, height: 2, width: 4 }, [1, 1])).toEqual([65]);
  });
});
