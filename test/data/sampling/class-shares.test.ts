/** Samplers by class shares against their formulas; expected counts are worked out by hand. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSampler } from '../../../src/data/sampling/sampler.js';
import type { SamplerRule } from '../../../src/data/sampling/table.js';
import { indexWith, tally } from '../indexes.js';

const draw = (rule: SamplerRule, counts: readonly number[], from: number, to: number, seed = 1) => {
  const index = indexWith(counts);
  const sampler = createSampler({ ...rule, seed }, index);
  const images = Array.from({ length: to - from }, (_, i) => sampler.at(from + i));
  return {
    sampler,
    images,
    classes: tally(
      images.map((i) => index.labels[i]!),
      counts.length,
    ),
  };
};

describe('power', () => {
  // Σ √n = 30 + 10 + 20 = 60 of 1400 images: shares 1/2, 1/6, 1/3.
  const counts = [900, 100, 400];

  it.each([
    [0.5, [700, 1400 / 6, 1400 / 3]],
    [1, [900, 100, 400]],
    [0, [1400 / 3, 1400 / 3, 1400 / 3]],
  ])('q = %d: each class is within a draw of its share after any number of passes', (q, share) => {
    for (const passes of [1, 2, 5]) {
      const { classes } = draw({ kind: 'power', q }, counts, 0, 1400 * passes);
      // A pass boundary lies within 3 draws of a multiple of 1400, so at most 3 draws are off besides the rounding.
      classes.forEach((count, c) => {
        expect(Math.abs(count - passes * share[c]!), `class ${c}`).toBeLessThanOrEqual(4);
      });
    }
  });

  it('q = 1 is a shuffle: every image once per pass', () => {
    const { images } = draw({ kind: 'power', q: 1 }, counts, 0, 2800);
    for (const part of [images.slice(0, 1400), images.slice(1400)]) {
      expect(tally(part, 1400)).toEqual(new Array(1400).fill(1));
    }
    expect(images.slice(0, 1400)).not.toEqual(images.slice(1400));
  });

  it('draws the images of a class in turn: none twice more often than another', () => {
    const { images } = draw({ kind: 'power', q: 0.5 }, [90, 10, 0, 40], 0, 140 * 50);
    const times = tally(images, 140);
    for (const [from, to] of [
      [0, 90],
      [90, 100],
      [100, 140],
    ] as const) {
      const own = times.slice(from, to);
      expect(Math.max(...own) - Math.min(...own)).toBeLessThanOrEqual(2);
    }
  });

  it('spreads the classes over a pass: of 2000 windows of 60 draws the classes have their means', () => {
    const index = indexWith(counts);
    const sampler = createSampler({ kind: 'power', q: 0.5, seed: 3 }, index);
    const first = Array.from({ length: 2000 }, (_, w) =>
      Array.from({ length: 60 }, (_, i) => index.labels[sampler.at(60 * w + i)]!),
    ).map((labels) => labels.filter((label) => label === 0).length);
    const mean = first.reduce((sum, n) => sum + n, 0) / 2000;
    const variance = first.reduce((sum, n) => sum + (n - mean) ** 2, 0) / 2000;
    expect(Math.abs(mean - 30)).toBeLessThan(0.05);
    // Hypergeometric: 60 · 1/2 · 1/2 · (1400 − 60) / 1399 = 14.37; its own deviation here is about 0.45.
    expect(Math.abs(variance - 14.37)).toBeLessThan(5 * 0.45);
  });
});

describe('progressive', () => {
  // p_IB = 0.9, 0.1; p_CB = 0.5, 0.5; T = 10 passes of 1000.
  const counts = [900, 100];
  const rule: SamplerRule = { kind: 'progressive', over: 10_000 };

  it('goes from instance-balanced to class-balanced, one step per pass', () => {
    for (const pass of [0, 1, 5, 9]) {
      const { classes } = draw(rule, counts, 1000 * pass, 1000 * (pass + 1));
      // p(t) of the rare class = 0.1 + 0.4 · t / T
      expect(Math.abs(classes[1]! - (100 + 40 * pass)), `pass ${pass}`).toBeLessThanOrEqual(4);
    }
  });

  it('stays class-balanced from T on', () => {
    for (const pass of [10, 11, 5000]) {
      const { classes } = draw(rule, counts, 1000 * pass, 1000 * (pass + 1));
      expect(Math.abs(classes[1]! - 500), `pass ${pass}`).toBeLessThanOrEqual(4);
    }
  });

  it('adds up over the whole: 1000 · Σ (0.1 + 0.04 t) for t = 0 … 9 is 2800 of the rare class', () => {
    const { classes } = draw(rule, counts, 0, 10_000);
    expect(Math.abs(classes[1]! - 2800)).toBeLessThanOrEqual(3);
  });
});

describe('repeat-factor', () => {
  // f = 0.95, 0.04, 0.01 of 1000; r = 1, √(0.1 / 0.04) = 1.5811, √(0.1 / 0.01) = 3.1623.
  const counts = [950, 40, 10];
  const rule: SamplerRule = { kind: 'repeat-factor', threshold: 0.1 };
  const length = 950 + 40 * Math.sqrt(2.5) + 10 * Math.sqrt(10); // 1044.868

  it('an epoch is the sum of the repeats', () => {
    expect(createSampler({ ...rule, seed: 1 }, indexWith(counts)).epochSize).toBe(1045);
  });

  it('each class has n · r draws per epoch, and each image floor(r) or ceil(r)', () => {
    const { images } = draw(rule, counts, 0, 1047);
    // The first pass: up to where an image of the large class, drawn once per pass, comes again.
    const seen = new Set<number>();
    const end = images.findIndex((image) => image < 950 && (seen.has(image) || !seen.add(image)));
    expect(end === -1 || end >= 1043).toBe(true);
    const times = tally(images.slice(0, 1043), 1000);
    expect(times.slice(0, 950).every((n) => n <= 1)).toBe(true);
    expect(times.slice(950, 990).every((n) => n <= 2)).toBe(true);
    expect(times.slice(990).every((n) => n <= 4)).toBe(true);
  });

  it('over 400 epochs each image is repeated r times in the mean', () => {
    const { images } = draw(rule, counts, 0, Math.round(400 * length));
    const times = tally(images, 1000);
    const mean = (from: number, to: number) =>
      times.slice(from, to).reduce((sum, n) => sum + n, 0) / (to - from) / 400;
    expect(mean(0, 950)).toBeCloseTo(1, 4);
    expect(mean(950, 990)).toBeCloseTo(1.58114, 3);
    expect(mean(990, 1000)).toBeCloseTo(3.16228, 3);
    // Of one image: the fraction is a coin of 0.5811 per epoch; 5 deviations of 400 throws are 49.
    for (const n of times.slice(950, 990)) expect(Math.abs(n - 632.5)).toBeLessThan(50);
    // Not always the same images are rounded up: 40 images would differ by far more then.
    expect(new Set(times.slice(950, 990)).size).toBeGreaterThan(10);
  });
});

describe('class-aware with several samples per class', () => {
  it('draws k images of a class one after another, and every class once per k · classes draws', () => {
    const counts = [7, 3, 0, 12];
    const index = indexWith(counts);
    const sampler = createSampler({ kind: 'class-aware', samplesPerClass: 3, seed: 4 }, index);
    const times = new Array<number>(22).fill(0);
    for (let visit = 0; visit < 84; visit++) {
      const drawn = [0, 1, 2].map((i) => sampler.at(3 * visit + i));
      const [label] = drawn.map((image) => index.labels[image]!);
      expect(drawn.every((image) => index.labels[image] === label)).toBe(true);
      for (const image of drawn) times[image]!++;
    }
    // 28 visits of 3 to each class: 84 draws are 12 lists of 7, 28 of 3, 7 of 12.
    expect(times).toEqual([
      ...new Array(7).fill(12),
      ...new Array(3).fill(28),
      ...new Array(12).fill(7),
    ]);
  });
});

describe('the length of an epoch', () => {
  it.each([
    [undefined, 130],
    ['images', 130],
    ['longest-class', 300],
    [77, 77],
  ] as const)('%s', (epochSize, expected) => {
    const index = indexWith([100, 0, 20, 10]);
    for (const rule of [
      { kind: 'class-aware' },
      { kind: 'shuffle' },
      { kind: 'power', q: 0.3 },
      { kind: 'progressive', over: 1000 },
    ] as const) {
      expect(createSampler({ ...rule, seed: 1, epochSize }, index).epochSize).toBe(expected);
    }
  });
});

describe('for any classes', () => {
  const sizes = fc
    .array(fc.oneof(fc.nat(6), fc.nat(40)), { minLength: 1, maxLength: 12 })
    .filter((all) => all.some((n) => n > 0));
  const rules = fc.oneof(
    fc.record({
      kind: fc.constant('class-aware' as const),
      samplesPerClass: fc.integer({ min: 1, max: 9 }),
    }),
    fc.record({
      kind: fc.constant('power' as const),
      q: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
    fc.record({
      kind: fc.constant('progressive' as const),
      over: fc.integer({ min: 1, max: 5000 }),
    }),
    fc.record({
      kind: fc.constant('repeat-factor' as const),
      threshold: fc.double({ min: 1e-6, max: 1, noNaN: true }),
    }),
  );
  const positions = fc.array(fc.oneof(fc.nat(1000), fc.nat(2 ** 31), fc.maxSafeNat()), {
    minLength: 1,
    maxLength: 20,
  });

  it('a position gives an image of the set, the same at any time and in any order', () => {
    fc.assert(
      fc.property(sizes, rules, fc.nat(), positions, (counts, rule, seed, all) => {
        const index = indexWith(counts);
        const one = createSampler({ ...rule, seed }, index);
        const other = createSampler({ ...rule, seed }, index);
        const drawn = all.map((position) => one.at(position));
        for (const image of drawn) {
          expect(Number.isInteger(image) && image >= 0 && image < index.count).toBe(true);
        }
        const backwards = [...all].reverse().map((position) => other.at(position));
        expect(backwards.reverse()).toEqual(drawn);
      }),
      { numRuns: 500 },
    );
  });

  it('workers that take positions in stride draw what one would draw', () => {
    fc.assert(
      fc.property(sizes, rules, fc.integer({ min: 2, max: 5 }), (counts, rule, workers) => {
        const index = indexWith(counts);
        const one = createSampler({ ...rule, seed: 1 }, index);
        const many = Array.from({ length: workers }, () =>
          createSampler({ ...rule, seed: 1 }, index),
        );
        for (let p = 0; p < 300; p++) expect(many[p % workers]!.at(p)).toBe(one.at(p));
      }),
      { numRuns: 200 },
    );
  });

  it('any run of passes has the draws of each class that the formula says, but for one and the cut at its ends', () => {
    fc.assert(
      fc.property(
        sizes,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.nat(50),
        (counts, q, first) => {
          const index = indexWith(counts);
          const n = index.count;
          const sampler = createSampler({ kind: 'power', q, seed: 1 }, index);
          const drawn = Array.from({ length: 4 * n }, (_, i) => sampler.at(first * n + i));
          const times = tally(drawn, n);
          const sum = counts.reduce((total, size) => total + (size > 0 ? size ** q : 0), 0);
          const filled = counts.filter((size) => size > 0).length;
          counts.forEach((size, c) => {
            const own = times.filter((_, image) => index.labels[image] === c);
            const expected = size === 0 ? 0 : (4 * n * size ** q) / sum;
            const found = own.reduce((total, count) => total + count, 0);
            expect(Math.abs(found - expected)).toBeLessThanOrEqual(2 + 2 * filled);
          });
        },
      ),
      { numRuns: 300 },
    );
  });
});
