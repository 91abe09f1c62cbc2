import { describe, expect, it } from 'vitest';
import {
  chooseErased,
  erase,
  type RandomErasing,
} from '../../../src/data/augment/random-erasing.js';

const erasing: RandomErasing = {
  probability: 1,
  scale: [0.02, 0.33],
  ratio: [0.3, 3.3],
  value: 'mean',
};
const positions = Array.from({ length: 5000 }, (_, p) => p);

describe('the rectangle', () => {
  const size = [200, 300] as const;
  const drawn = positions.map((p) => chooseErased(size, erasing, 3, p)!);

  it('has a uniform area and a log-uniform aspect ratio, and lies in the image', () => {
    const shares = drawn.map(({ height, width }) => (height * width) / 60_000);
    const ratios = drawn.map(({ height, width }) => Math.log(height / width));
    const mean = (values: number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;
    for (const { top, left, height, width } of drawn) {
      expect(top >= 0 && left >= 0 && top + height <= 200 && left + width <= 300).toBe(true);
    }
    // Uniform on 0.02 … 0.33: mean 0.175, σ 0.0895. Tall ones are rarer: 200 high is less than 300 wide.
    expect(Math.abs(mean(shares) - 0.175)).toBeLessThan(0.007);
    expect(Math.min(...shares)).toBeGreaterThan(0.019);
    expect(Math.max(...shares)).toBeLessThan(0.333);
    expect(Math.min(...ratios)).toBeGreaterThan(Math.log(0.3) - 0.1);
    expect(Math.max(...ratios)).toBeLessThan(Math.log(3.3) + 0.1);
    expect(Math.abs(mean(ratios) - (Math.log(0.3) + Math.log(3.3)) / 2)).toBeLessThan(0.06);
  });

  it('is there as often as the probability says, and not where nothing fits', () => {
    const some = positions.filter((p) =>
      chooseErased(size, { ...erasing, probability: 0.25 }, 3, p),
    ).length;
    expect(Math.abs(some - 1250)).toBeLessThan(154); // 5 σ
    expect(chooseErased([10, 10], { ...erasing, scale: [1, 1], ratio: [1, 1] }, 3, 0)).toBeNull();
  });

  it('depends on seed and position only', () => {
    expect(chooseErased(size, erasing, 3, 8)).toEqual(drawn[8]);
    expect(chooseErased(size, erasing, 4, 8)).not.toEqual(drawn[8]);
  });
});

describe('the values', () => {
  const region = { top: 1, left: 0, height: 1, width: 2 };
  const filled = (value: RandomErasing['value'], mean: 'pixel' | 'channel' = 'channel') => {
    const out = new Float32Array(3 + 2 * 3 * 3).fill(7);
    const pixel = Float32Array.from({ length: 18 }, (_, i) => i);
    erase(
      out,
      3,
      3,
      region,
      value,
      {
        mean:
          mean === 'pixel'
            ? { kind: 'pixel', values: pixel }
            : { kind: 'channel', values: [10, 20, 30] },
        std: [1, 2, 4],
      },
      5,
      6,
    );
    return [...out];
  };
  const around = (inner: number[]) => [...new Array(12).fill(7), ...inner, 7, 7, 7];

  it('mean is zero', () => {
    expect(filled('mean')).toEqual(around([0, 0, 0, 0, 0, 0]));
  });

  it('a number is normalized as a pixel is', () => {
    expect(filled(50)).toEqual(around([40, 15, 5, 40, 15, 5]));
    // The mean image has 9 … 14 there.
    expect(filled(50, 'pixel')).toEqual(around([41, 20, 9.75, 38, 18.5, 9]));
  });

  it('random is uniform in 0 to 255, each value by itself, and always the same', () => {
    const inner = filled('random').slice(12, 18);
    const pixels = inner.map((v, i) => v * [1, 2, 4][i % 3]! + [10, 20, 30][i % 3]!);
    expect(pixels.every((v) => v >= 0 && v < 255)).toBe(true);
    expect(new Set(pixels).size).toBe(6);
    expect(filled('random')).toEqual(filled('random'));
  });
});
