import { describe, expect, it } from 'vitest';
import { chooseView, colorShift, type PcaColor } from '../../../src/data/augment/augment.js';
import { centreView, resizeMean, writeInput } from '../../../src/data/images/preprocessing.js';

/** 2 rows × 3 columns; pixel (y, x) has r = 10y + x, g = r + 100, b = r + 200. */
const pixels = {
  width: 3,
  height: 2,
  data: Uint8Array.from([0, 1, 2, 10, 11, 12].flatMap((v) => [v, v + 100, v + 200])),
};
const noShift = [0, 0, 0] as const;
const channel = { kind: 'channel', values: [0, 0, 0] } as const;

describe('writeInput', () => {
  it('crops, subtracts the mean and divides, at an offset', () => {
    const out = new Float32Array(3 + 6).fill(-1);
    const view = { top: 1, left: 1, flip: false, shift: noShift };
    const mean = { kind: 'channel', values: [1, 2, 3] } as const;
    writeInput(out, 3, pixels, view, [1, 2], { mean, std: [2, 4, 8] });
    // (11−1)/2, (111−2)/4, (211−3)/8, (12−1)/2, (112−2)/4, (212−3)/8
    expect([...out]).toEqual([-1, -1, -1, 5, 27.25, 26, 5.5, 27.5, 26.125]);
  });

  it('mirrors before the mean image is subtracted, and adds the shift', () => {
    const out = new Float32Array(6);
    const mean = { kind: 'pixel', values: Float32Array.from([1, 2, 3, 4, 5, 6]) } as const;
    const view = { top: 0, left: 0, flip: true, shift: [0.5, 0, -0.5] as const };
    writeInput(out, 0, pixels, view, [1, 2], { mean, std: null });
    // pixels (0,1) and (0,0): 1, 101, 201 and 0, 100, 200
    expect([...out]).toEqual([0.5, 99, 197.5, -3.5, 95, 193.5]);
  });

  it('takes one number as std', () => {
    const out = new Float32Array(18);
    const view = centreView(pixels, [2, 3]);
    writeInput(out, 0, pixels, view, [2, 3], { mean: channel, std: 4 });
    expect([...out]).toEqual([...pixels.data].map((v) => v / 4));
  });

  it('refuses a crop outside of the image and a mean of another size', () => {
    const write = (size: [number, number], view: { top: number; left: number }, values = 6) =>
      writeInput(new Float32Array(99), 0, pixels, { ...view, flip: false, shift: noShift }, size, {
        mean: { kind: 'pixel', values: new Float32Array(values) },
      });
    expect(() => write([1, 2], { top: 0, left: 2 })).toThrow('a 1×2 crop at row 0, column 2');
    expect(() => write([2, 2], { top: 0, left: 0 })).toThrow(
      'the mean image has 6 values; a 2×2 crop needs 12',
    );
  });
});

describe('views', () => {
  it('the centre crop begins at floor((H − crop) / 2)', () => {
    const view = centreView({ height: 10, width: 7 }, [5, 4]);
    expect([view.top, view.left]).toEqual([2, 1]);
  });

  it('random crops reach every offset equally often, half of them mirrored', () => {
    const counts = new Map<string, number>();
    let flipped = 0;
    for (let p = 0; p < 6000; p++) {
      const view = chooseView(pixels, [1, 1], { flip: true, color: null }, 4, p);
      counts.set(`${view.top},${view.left}`, (counts.get(`${view.top},${view.left}`) ?? 0) + 1);
      if (view.flip) flipped++;
    }
    expect(counts.size).toBe(6);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(145); // 5 σ
    expect(Math.abs(flipped - 3000)).toBeLessThan(194);
  });

  it('depends on seed and position only; options do not change each other', () => {
    const color: PcaColor = { vectors: [IDENTITY[0], IDENTITY[1], IDENTITY[2]], values: [1, 1, 1] };
    const view = (seed: number, position: number, flip = true, withColor = true) =>
      chooseView(pixels, [1, 1], { flip, color: withColor ? color : null }, seed, position);
    expect(view(1, 2)).toEqual(view(1, 2));
    expect(view(1, 2)).not.toEqual(view(1, 3));
    expect(view(1, 2)).not.toEqual(view(2, 2));
    for (let p = 0; p < 20; p++) {
      expect(view(1, p, false)).toEqual({ ...view(1, p), flip: false });
      expect(view(1, p, true, false)).toEqual({ ...view(1, p), shift: [0, 0, 0] });
    }
  });
});

const IDENTITY = [
  [1, 0, 0],
  [0, 1, 0],
  [0, 0, 1],
] as const;

describe('colorShift', () => {
  it('is 255 · Σ p α λ', () => {
    const s = Math.SQRT1_2;
    const color: PcaColor = {
      vectors: [
        [s, s, 0],
        [0, 0, 1],
        [s, -s, 0],
      ],
      values: [0.2, 0.1, 0.01],
    };
    // α = 0.1 · [1, −2, 3]: r = 255·s·(0.1·0.2 + 0.3·0.01), g = 255·s·(0.02 − 0.003),
    // b = 255·(−0.2·0.1)
    const [r, g, b] = colorShift(color, [1, -2, 3]);
    expect(r).toBeCloseTo(255 * s * 0.023, 12);
    expect(g).toBeCloseTo(255 * s * 0.017, 12);
    expect(b).toBeCloseTo(-5.1, 12);
  });

  it('is a few grey levels with the eigenvalues of ImageNet', () => {
    const values = [0.2175, 0.0188, 0.0045] as const;
    const [r] = colorShift({ vectors: [...IDENTITY], values }, [1, 1, 1]);
    expect(r).toBeCloseTo(5.54625, 6);
  });
});

describe('resizeMean', () => {
  it('interpolates linearly between sample centres', () => {
    const row = Float32Array.from([0, 0, 0, 8, 8, 8]); // 1 × 2
    const red = (values: Float32Array) => [...values].filter((_, i) => i % 3 === 0);
    expect(red(resizeMean(row, [1, 2], [1, 4]))).toEqual([0, 2, 6, 8]);
    expect(red(resizeMean(row, [1, 2], [2, 1]))).toEqual([4, 4]);
    expect(resizeMean(row, [1, 2], [1, 2])).toEqual(row);
  });
});
