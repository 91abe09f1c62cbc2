import { describe, expect, it } from 'vitest';
import { keyWords, murmur3 } from '../src/hash.js';
import { permutation, Random } from '../src/random.js';

const draw = <T>(n: number, f: () => T): T[] => Array.from({ length: n }, f);

describe('murmur3', () => {
  it('gives the published test vectors of MurmurHash3_x86_32', () => {
    expect(murmur3([], 0)).toBe(0);
    expect(murmur3([], 1)).toBe(0x514e28b7);
    expect(murmur3([0x87654321], 0)).toBe(0xf55b516b);
    expect(murmur3([0xffffffff], 0)).toBe(0x76293b50);
    expect(murmur3([0x74736574], 0)).toBe(0xba6bd213); // 'test'
    expect(murmur3([0x74736574], 0x9747b28c)).toBe(0x704b81dc);
  });

  it('encodes keys injectively', () => {
    const keys = [['a', 'b'], ['ab'], [1], ['1'], [1, 2], [12], [2, 1], [-1], [0.5], []];
    const texts = keys.map((key) => JSON.stringify(keyWords(key)));
    expect(new Set(texts).size).toBe(keys.length);
  });
});

describe('Random', () => {
  it('gives known answers (an independent implementation in Python)', () => {
    const four = (random: Random) => draw(4, () => random.uint32());
    expect(four(new Random())).toEqual([1653483689, 3040867876, 2449582513, 1375209956]);
    expect(four(new Random(0))).toEqual([463279488, 1764389240, 581888545, 600762753]);
    expect(four(new Random(42, 'images', 3, 12))).toEqual([
      490280759, 4227682497, 3115119860, 1785944798,
    ]);
  });

  it('next() is uniform in [0, 1)', () => {
    const random = new Random(7);
    const counts = new Array<number>(100).fill(0);
    const n = 200_000;
    for (let i = 0; i < n; i++) counts[Math.floor(random.next() * 100)]!++;
    // χ² with 99 degrees of freedom: mean 99, standard deviation 14; the 0.1 % point is 148.
    const expected = n / 100;
    const chi2 = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    expect(chi2).toBeLessThan(148);
    expect(chi2).toBeGreaterThan(60);
  });

  it('int(n) stays in range, is uniform and refuses bad n', () => {
    const random = new Random(1, 'int');
    const counts = [0, 0, 0];
    for (let i = 0; i < 30_000; i++) counts[random.int(3)]!++;
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(330); // 4 σ
    expect(random.int(1)).toBe(0);
    expect(random.int(2 ** 32)).toBeLessThan(2 ** 32);
    for (const n of [0, -1, 1.5, 2 ** 33, Number.NaN]) {
      expect(() => random.int(n)).toThrow(`Random.int(${n}): n must be an integer from 1 to 2^32`);
    }
  });

  it('normal() has mean 0, variance 1, no skew, kurtosis 3', () => {
    const random = new Random(3, 'normal');
    const n = 200_000;
    const values = draw(n, () => random.normal());
    const moment = (k: number) => values.reduce((sum, x) => sum + x ** k, 0) / n;
    // Five standard errors: sqrt(1/n), sqrt(2/n), sqrt(15/n), sqrt(96/n) with n = 200,000.
    expect(Math.abs(moment(1))).toBeLessThan(0.0112);
    expect(Math.abs(moment(2) - 1)).toBeLessThan(0.0158);
    expect(Math.abs(moment(3))).toBeLessThan(0.0433);
    expect(Math.abs(moment(4) - 3)).toBeLessThan(0.11);
  });

  it('streams of neighbouring keys are uncorrelated, the same key repeats', () => {
    const n = 20_000;
    const stream = (...key: (number | string)[]) => {
      const random = new Random(...key);
      return draw(n, () => random.next() - 0.5);
    };
    const correlation = (a: number[], b: number[]) =>
      (12 * a.reduce((sum, x, i) => sum + x * b[i]!, 0)) / n;
    const base = stream(1, 'x', 0);
    expect(stream(1, 'x', 0)).toEqual(base);
    for (const other of [stream(1, 'x', 1), stream(2, 'x', 0), stream(1, 'y', 0), stream('1x0')]) {
      expect(Math.abs(correlation(base, other))).toBeLessThan(0.036); // 5/√n
    }
    // First values of consecutive keys, as used for one image each, are uniform as well.
    const first = Array.from({ length: n }, (_, i) => new Random(5, 'augment', i).next() - 0.5);
    expect(Math.abs(first.reduce((sum, x) => sum + x, 0) / n)).toBeLessThan(0.0103);
    expect(Math.abs(correlation(first.slice(1), first.slice(0, -1)))).toBeLessThan(0.036);
  });
});

describe('permutation', () => {
  it('is a permutation, and every place is equally likely', () => {
    expect([...permutation(50, new Random(1))].sort((a, b) => a - b)).toEqual(
      Array.from({ length: 50 }, (_, i) => i),
    );
    expect(permutation(0, new Random(1)).length).toBe(0);
    const counts = new Map<string, number>();
    for (let i = 0; i < 24_000; i++) {
      const key = permutation(4, new Random('p', i)).join('');
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(155); // 5 σ
  });
});
