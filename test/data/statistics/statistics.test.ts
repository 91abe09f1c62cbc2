import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { indexFolder } from '../../../src/data/index/folder-index.js';
import type { ImageIndex } from '../../../src/data/index/image-index.js';
import { symmetricEigen3 } from '../../../src/data/statistics/jacobi.js';
import { MomentSums } from '../../../src/data/statistics/moments.js';
import { dataStatistics, type StatisticsOptions } from '../../../src/data/statistics/statistics.js';
import { painted, solid, temporaryFolder } from '../images.js';

describe('symmetricEigen3', () => {
  it('solves a matrix by hand', () => {
    // Eigenvalues of [[2, 1], [1, 2]] are 3 and 1 with (1, 1)/√2 and (1, −1)/√2.
    const { values, vectors } = symmetricEigen3([
      [2, 0, 1],
      [0, 5, 0],
      [1, 0, 2],
    ]);
    const s = Math.SQRT1_2;
    for (const [i, value] of [5, 3, 1].entries()) expect(values[i]).toBeCloseTo(value, 14);
    expect(vectors[0]).toEqual([0, 1, 0]);
    for (const [c, value] of [s, 0, s].entries()) expect(vectors[1][c]).toBeCloseTo(value, 14);
    for (const [c, value] of [s, 0, s].entries()) {
      expect(Math.abs(vectors[2][c]!)).toBeCloseTo(value, 14);
    }
  });

  it('gives orthonormal vectors with A v = λ v', () => {
    const a = [
      [0.0715, 0.07, 0.065],
      [0.07, 0.0749, 0.0745],
      [0.065, 0.0745, 0.0815],
    ];
    const { values, vectors } = symmetricEigen3(a);
    expect(values[0]).toBeGreaterThan(values[1]);
    expect(values[1]).toBeGreaterThan(values[2]);
    const dot = (x: readonly number[], y: readonly number[]) =>
      x.reduce((sum, value, i) => sum + value * y[i]!, 0);
    for (const i of [0, 1, 2] as const) {
      for (const j of [0, 1, 2] as const) {
        expect(dot(vectors[i], vectors[j])).toBeCloseTo(i === j ? 1 : 0, 14);
        expect(dot(a[j]!, vectors[i])).toBeCloseTo(values[i] * vectors[i][j], 14);
      }
    }
    const diagonal = symmetricEigen3([
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ]);
    expect(diagonal.values).toEqual([1, 1, 1]);
  });
});

describe('MomentSums', () => {
  it('gives mean, deviation and covariance by hand', () => {
    // Two images of one row and two pixels; pixels (0,0,255), (255,0,255) and (0,0,255), (255,0,0).
    const sums = new MomentSums(6);
    sums.add(Float32Array.from([9, 0, 0, 255, 255, 0, 255]), 1);
    sums.add(Float32Array.from([0, 0, 255, 255, 0, 0]), 0);
    const { mean, channelMean, channelStd, eigen } = sums.result();
    expect([...mean]).toEqual([0, 0, 255, 255, 0, 127.5]);
    expect(channelMean).toEqual([127.5, 0, 191.25]);
    // On the 0–1 scale: var r = 1/4, var b = 3/16, cov rb = 1/4 − 1/2·3/4 = −1/8.
    expect(channelStd[0]).toBeCloseTo(127.5, 10);
    expect(channelStd[1]).toBe(0);
    expect(channelStd[2]).toBeCloseTo(255 * Math.sqrt(3 / 16), 10);
    // λ² − 7/16 λ + 3/64 − 1/64 = 0
    const root = Math.sqrt((7 / 16) ** 2 - 4 / 32);
    expect(eigen.values[0]).toBeCloseTo((7 / 16 + root) / 2, 12);
    expect(eigen.values[1]).toBeCloseTo((7 / 16 - root) / 2, 12);
    expect(eigen.values[2]).toBeCloseTo(0, 12);
    expect(() => new MomentSums(3).result()).toThrow('no images');
  });
});

describe('dataStatistics', () => {
  const folder = temporaryFolder();
  const at = (name: string) => join(folder.path, name);
  let dataset: ImageIndex;
  beforeAll(async () => {
    await painted(at('data/a/ramp.png'), 6, 4, (x, y) => [x, y, 40]);
    await solid(at('data/b/flat.png'), [100, 60, 20], 4, 4);
    writeFileSync(at('data/b/broken.png'), 'x');
    dataset = indexFolder(at('data')).index;
  });
  afterAll(folder.remove);

  const options = (more: Partial<StatisticsOptions> = {}): StatisticsOptions => ({
    resize: 4,
    crop: 2,
    cacheDir: at('cache'),
    ...more,
  });

  it('averages the centre crops and leaves out undecodable files', async () => {
    const done: number[] = [];
    const onProgress = (n: number, total: number) => done.push(n, total);
    const { statistics, ...first } = await dataStatistics(dataset, options({ onProgress }));
    // Centre crop of the ramp: x = 2, 3 and y = 1, 2.
    const crop = [2, 1, 3, 1, 2, 2, 3, 2];
    expect([...statistics.mean]).toEqual(
      [0, 2, 4, 6].flatMap((i) => [(crop[i]! + 100) / 2, (crop[i + 1]! + 60) / 2, 30]),
    );
    expect(statistics.channelMean).toEqual([51.25, 30.75, 30]);
    expect([statistics.images, statistics.undecodable]).toEqual([2, 1]);
    expect(done).toEqual([3, 3]);

    const unexpected = () => expect.fail('should have been read from the cache');
    const again = await dataStatistics(dataset, options({ onProgress: unexpected }));
    expect(first.read).toBe(false);
    expect(again).toEqual({ statistics, file: first.file, read: true });
    expect(statistics.firstUndecodable.map(({ path }) => path)).toEqual(['b/broken.png']);
    expect(readdirSync(at('cache')).length).toBe(1);
  });

  it('computes anew what is damaged, and for other preprocessing', async () => {
    const { statistics: expected } = await dataStatistics(dataset, options({ cacheDir: null }));
    const file = () => join(at('cache'), readdirSync(at('cache'))[0]!);
    await dataStatistics(dataset, options());
    const text = readFileSync(file(), 'utf8');
    for (const damage of [text.slice(0, -20), '', 'null', text.replace('51.25', '52.25')]) {
      expect(damage).not.toBe(text);
      writeFileSync(file(), damage);
      expect((await dataStatistics(dataset, options())).statistics).toEqual(expected);
      expect(readFileSync(file(), 'utf8')).toBe(text);
    }
    await dataStatistics(dataset, options({ crop: 3 }));
    expect(readdirSync(at('cache')).length).toBe(2);
  });

  it('says so when nothing can be decoded', async () => {
    mkdirSync(at('bad/a'), { recursive: true });
    writeFileSync(at('bad/a/1.jpg'), 'x');
    const bad = indexFolder(at('bad')).index;
    await expect(dataStatistics(bad, options())).rejects.toThrow(
      /none of 1 images can be decoded; the first: .*bad\/a\/1\.jpg: /,
    );
  });
});
