import { describe, expect, it } from 'vitest';
import { classLists, substitute } from '../../../src/data/index/class-lists.js';
import { IndexBuilder } from '../../../src/data/index/image-index.js';
import { createSampler } from '../../../src/data/sampling/sampler.js';

/** An index with `counts[c]` images of class c, the classes interleaved at random-ish places. */
function indexOf(counts: readonly number[]) {
  const builder = new IndexBuilder();
  for (let round = 0; round < Math.max(...counts); round++) {
    counts.forEach((count, c) => {
      if (round < count) builder.add(Buffer.from(`${c}/${round}.jpg`), c, 1);
    });
  }
  return builder.build(
    '/data',
    counts.map((_, c) => `c${c}`),
  );
}

const range = (n: number) => Array.from({ length: n }, (_, i) => i);
const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b);

describe('class-aware sampler', () => {
  const counts = [40, 1, 0, 7, 3]; // long-tailed, one class empty
  const index = indexOf(counts);
  const lists = classLists(index.labels, counts.length);
  const sampler = createSampler({ kind: 'class-aware', seed: 5 }, index);
  const filled = [0, 1, 3, 4];

  it('an epoch is as long as the number of images', () => {
    expect(sampler.epochSize).toBe(51);
  });

  it('each pass of the class list visits every non-empty class once', () => {
    for (let pass = 0; pass < 200; pass++) {
      const drawn = range(4).map((i) => index.labels[sampler.at(pass * 4 + i)]!);
      expect(sorted(drawn)).toEqual(filled);
    }
  });

  it('every image of a class is drawn exactly once per pass of its list, in changing orders', () => {
    const byClass = new Map<number, number[]>(filled.map((c) => [c, []]));
    for (let p = 0; p < 4 * 120; p++)
      byClass.get(index.labels[sampler.at(p)]!)!.push(sampler.at(p));
    for (const c of filled) {
      const own = [...lists.images.subarray(lists.starts[c]!, lists.starts[c + 1]!)];
      const draws = byClass.get(c)!;
      expect(draws.length).toBe(120);
      const orders = new Set<string>();
      for (let at = 0; at + own.length <= draws.length; at += own.length) {
        const pass = draws.slice(at, at + own.length);
        expect(sorted(pass)).toEqual(own);
        orders.add(pass.join());
      }
      if (own.length >= 7) expect(orders.size).toBe(Math.floor(120 / own.length));
      if (own.length === 3) expect(orders.size).toBeGreaterThan(3); // 40 passes, 6 orders
    }
  });

  it('class orders change from pass to pass', () => {
    const orders = new Set(
      range(50).map((pass) =>
        range(4)
          .map((i) => index.labels[sampler.at(pass * 4 + i)])
          .join(),
      ),
    );
    expect(orders.size).toBeGreaterThan(12); // of 24
  });

  it('batches are near-uniform over the classes wherever they begin', () => {
    for (const start of [0, 3, 17, 50]) {
      const drawn = range(32).map((i) => index.labels[sampler.at(start + i)]!);
      for (const c of filled) {
        const times = drawn.filter((label) => label === c).length;
        expect(Math.abs(times - 8)).toBeLessThanOrEqual(1);
      }
    }
  });

  it('the seed decides', () => {
    const draws = (seed: number) => {
      const other = createSampler({ kind: 'class-aware', seed }, index);
      return range(60).map((p) => other.at(p));
    };
    expect(draws(5)).toEqual(range(60).map((p) => sampler.at(p)));
    expect(draws(6)).not.toEqual(draws(5));
  });
});

describe('shuffle and sequential samplers', () => {
  const index = indexOf([20, 13]);

  it('shuffle draws every image once per epoch, in a new order each epoch', () => {
    const sampler = createSampler({ kind: 'shuffle', seed: 1 }, index);
    const epochs = range(5).map((e) => range(33).map((i) => sampler.at(33 * e + i)));
    for (const epoch of epochs) expect(sorted(epoch)).toEqual(range(33));
    expect(new Set(epochs.map((epoch) => epoch.join())).size).toBe(5);
  });

  it('sequential keeps the order of the index', () => {
    const sampler = createSampler({ kind: 'sequential', seed: 1 }, index);
    expect(range(70).map((p) => sampler.at(p))).toEqual(range(70).map((p) => p % 33));
  });
});

describe.each(['class-aware', 'shuffle', 'sequential'] as const)('%s', (kind) => {
  it('is a pure function of the position', () => {
    const index = indexOf([9, 4, 2]);
    const forward = createSampler({ kind, seed: 3 }, index);
    const expected = range(300).map((p) => forward.at(p));
    const jumping = createSampler({ kind, seed: 3 }, index);
    for (const step of [7, 113, 299, 151]) {
      for (let i = 0, p = 0; i < 300; i++, p = (p + step) % 300) {
        expect(jumping.at(p)).toBe(expected[p]);
      }
    }
    expect(createSampler({ kind, seed: 3 }, index).at(299)).toBe(expected[299]);
    expect(forward.at(2 ** 40)).toBeLessThan(15); // far positions are no special case
  });
});

describe('class lists', () => {
  it('groups images by class, and substitutes within a class', () => {
    const labels = Int32Array.from([1, 0, 1, 3, 1]);
    const lists = classLists(labels, 4);
    expect([...lists.images]).toEqual([1, 0, 2, 4, 3]);
    expect([...lists.starts]).toEqual([0, 1, 4, 4, 5]);
    expect([1, 2, 3].map((attempt) => substitute(lists, labels, 2, attempt))).toEqual([4, 0, -1]);
    expect(substitute(lists, labels, 3, 1)).toBe(-1);
  });
});
