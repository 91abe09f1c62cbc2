import { describe, expect, it } from 'vitest';
import { chooseMix, type Mixing, mixInto, partnerOf } from '../../../src/data/augment/mixing.js';
import { Random, symmetricBeta } from '../../../src/random.js';

const both: Mixing = {
  mixup: { alpha: 0.4 },
  cutmix: { alpha: 1 },
  probability: 1,
  switchProbability: 0.5,
  distance: 1,
};
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

describe('pairs', () => {
  it('are neighbours, or as far apart as a class is drawn at a time', () => {
    expect(range(6).map((p) => partnerOf(p, 1))).toEqual([1, 0, 3, 2, 5, 4]);
    expect(range(8).map((p) => partnerOf(p, 2))).toEqual([2, 3, 0, 1, 6, 7, 4, 5]);
    for (const distance of [1, 2, 3, 7]) {
      for (const p of range(100)) expect(partnerOf(partnerOf(p, distance), distance)).toBe(p);
    }
  });

  it('are mixed by one draw', () => {
    for (const p of range(50)) {
      expect(chooseMix([8, 8], both, 1, p)).toEqual(chooseMix([8, 8], both, 1, partnerOf(p, 1)));
    }
  });
});

describe('the Beta distribution', () => {
  it.each([0.1, 0.2, 1, 2, 8])('alpha %d: mean 1/2, variance 1 / (4 (2 alpha + 1))', (alpha) => {
    const random = new Random(3, 'beta', alpha);
    const values = range(20_000).map(() => symmetricBeta(alpha, random));
    const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
    const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length;
    const expected = 1 / (4 * (2 * alpha + 1));
    expect(Math.abs(mean - 0.5)).toBeLessThan(5 * Math.sqrt(expected / values.length));
    expect(Math.abs(variance / expected - 1)).toBeLessThan(0.05);
    expect(values.every((v) => v >= 0 && v <= 1)).toBe(true);
  });

  it('alpha 1 is uniform; alpha 0.5 the arcsine law: P(x < 1/4) = 2/π · asin(1/2) = 1/3', () => {
    const random = new Random(4, 'beta');
    const below = (alpha: number) =>
      range(20_000).filter(() => symmetricBeta(alpha, random) < 0.25).length / 20_000;
    expect(Math.abs(below(1) - 1 / 4)).toBeLessThan(0.0155); // 5 σ
    expect(Math.abs(below(0.5) - 1 / 3)).toBeLessThan(0.0167);
  });

  it('a tiny alpha gives 0 or 1, and a number', () => {
    const random = new Random(5, 'beta');
    const values = range(1000).map(() => symmetricBeta(1e-3, random));
    expect(values.every((v) => v >= 0 && v <= 1)).toBe(true);
    expect(values.filter((v) => v < 0.01 || v > 0.99).length).toBeGreaterThan(980);
  });
});

describe('what is drawn', () => {
  const draws = range(4000).map((pair) => chooseMix([20, 30], both, 7, 2 * pair));

  it('half of the pairs by CutMix where both are given, or as the switch says', () => {
    const cut = draws.filter((mix) => mix?.kind === 'cutmix').length;
    expect(Math.abs(cut - 2000)).toBeLessThan(160); // 5 σ
    const of = (mixing: Partial<Mixing>) =>
      new Set(range(200).map((p) => chooseMix([8, 8], { ...both, ...mixing }, 7, 2 * p)?.kind));
    expect([...of({ cutmix: null })]).toEqual(['mixup']);
    expect([...of({ mixup: null })]).toEqual(['cutmix']);
    expect([...of({ switchProbability: 1 })]).toEqual(['cutmix']);
    expect([...of({ switchProbability: 0 })]).toEqual(['mixup']);
    expect([...of({ probability: 0 })]).toEqual([undefined]);
  });

  it('as many pairs as the probability says', () => {
    const mixing = { ...both, probability: 0.3 };
    const mixed = range(4000).filter((p) => chooseMix([8, 8], mixing, 7, 2 * p)).length;
    expect(Math.abs(mixed - 1200)).toBeLessThan(145); // 5 σ
  });

  it('the share of CutMix is what the box leaves, and boxes lie in the image', () => {
    for (const mix of draws) {
      if (mix?.kind !== 'cutmix') continue;
      const { top, left, height, width } = mix.box;
      expect(top >= 0 && left >= 0 && top + height <= 20 && left + width <= 30).toBe(true);
      expect(mix.share).toBe(1 - (height * width) / 600);
    }
  });
});

describe('mixing', () => {
  const image = (start: number) => Float32Array.from({ length: 2 * 3 * 3 }, (_, i) => start + i);

  it('mixup: share · own + (1 − share) · other, for both', () => {
    const [a, b] = [image(0), image(100)];
    mixInto(a, b, { kind: 'mixup', share: 0.75 }, 3, true);
    expect([...a]).toEqual([...image(25)]);
    expect([...b]).toEqual([...image(75)]);
  });

  it('CutMix: swaps the box, 3 pixels wide rows of 3 values', () => {
    const [a, b] = [image(0), image(100)];
    const box = { top: 1, left: 1, height: 1, width: 2 };
    mixInto(a, b, { kind: 'cutmix', share: 2 / 3, box }, 3, true);
    const cut = (own: number, other: number) => range(18).map((i) => (i >= 12 ? other : own) + i);
    expect([...a]).toEqual(cut(0, 100));
    expect([...b]).toEqual(cut(100, 0));
  });

  it('leaves the other alone unless both are asked for', () => {
    for (const mix of [
      { kind: 'mixup', share: 0.25 },
      { kind: 'cutmix', share: 0.5, box: { top: 0, left: 0, height: 1, width: 3 } },
    ] as const) {
      const [a, b] = [image(0), image(100)];
      const [c, d] = [image(0), image(100)];
      mixInto(a, b, mix, 3, false);
      mixInto(c, d, mix, 3, true);
      expect(a).toEqual(c);
      expect(b).toEqual(image(100));
    }
  });
});
