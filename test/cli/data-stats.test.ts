/** `relaybp data stats`: its numbers by hand and by another computation, and that training takes the very same. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { dataStatsLines } from '../../src/cli/data-stats-view.js';
import type { DataStatsResult } from '../../src/commands/data-stats.js';
import { classHistogram } from '../../src/data/sampling/class-histogram.js';
import { decodeSafetensors } from '../../src/safetensors.js';
import { solid } from '../data/images.js';
import { indexWith } from '../data/indexes.js';
import { type Outcome, run } from '../support/cli.js';
import { SMALL_CONFIG } from '../support/configs.js';
import { colourImages } from '../support/images.js';

let cwd: string;
const relaybp = (...args: string[]): Promise<Outcome> =>
  run(args, cwd, { RELAYBP_CACHE_DIR: join(cwd, 'cache') });
const stats = async (...args: string[]): Promise<DataStatsResult> => {
  const { code, stdout, stderr } = await relaybp('data', 'stats', ...args, '--json');
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as DataStatsResult;
};
const tensorsIn = (file: string) => decodeSafetensors(readFileSync(join(cwd, file)), file);
const keptStatistics = () =>
  readdirSync(join(cwd, 'cache')).filter((name) => name.startsWith('statistics-'));

beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'relaybp-stats-'));
  const at = (name: string): string => join(cwd, 'solid/train', name);
  await solid(at('a/1.png'), [200, 100, 50], 24, 20);
  await solid(at('a/2.png'), [100, 100, 150], 20, 24);
  await solid(at('b/1.png'), [0, 40, 100], 18, 18);
  writeFileSync(at('a/broken.png'), 'x');
  mkdirSync(at('c'));
  writeFileSync(join(cwd, 'solid.yaml'), SMALL_CONFIG.replace('data/small', 'solid'));
  writeFileSync(join(cwd, 'c.yaml'), SMALL_CONFIG.replace('data/small', await colourImages()));
});

describe('of images of one colour', () => {
  // Means 100, 80, 100; deviations from them (100, 20, -50), (0, 20, 50), (-100, -40, 0).
  const covariance = [
    [20000 / 3, 6000 / 3, -5000 / 3],
    [6000 / 3, 2400 / 3, 0],
    [-5000 / 3, 0, 5000 / 3],
  ];

  it('the numbers are those by hand, also when they are read again', async () => {
    const first = await stats('solid.yaml', '--mean', 'm.png', '--tensors', 't.safetensors');
    expect(first.formatVersion).toBe(1);
    expect(first.images).toBe(4);
    expect(first.undecodable.count).toBe(1);
    expect(first.undecodable.first.map(({ path }) => path)).toEqual(['a/broken.png']);
    expect(first.undecodable.first[0]!.reason).toMatch(/unsupported/);
    for (const c of [0, 1, 2] as const) {
      const mean = [100, 80, 100][c]!;
      const std = Math.sqrt(covariance[c]![c]!);
      expect(first.mean.scale255[c]).toBeCloseTo(mean, 10);
      expect(first.mean.scale1[c]).toBeCloseTo(mean / 255, 12);
      expect(first.std.scale255[c]).toBeCloseTo(std, 10);
      expect(first.std.scale1[c]).toBeCloseTo(std / 255, 12);
    }
    const { values, vectors } = first.pca;
    for (const i of [0, 1, 2] as const) {
      expect(Math.hypot(...vectors[i])).toBeCloseTo(1, 12);
      for (const c of [0, 1, 2] as const) {
        const product = covariance[c]!.reduce(
          (sum, x, j) => sum + (x / 255 ** 2) * vectors[i][j]!,
          0,
        );
        expect(product).toBeCloseTo(values[i] * vectors[i][c], 12);
      }
    }
    expect(values[0] > values[1] && values[1] > values[2]).toBe(true);
    expect(first.meanImage).toEqual({ shape: [16, 16, 3], min: 80, max: 100 });
    expect(first.classes.counts).toEqual([
      { name: 'a', images: 3 },
      { name: 'b', images: 1 },
    ]);
    expect(first.classes.empty).toEqual(['c']);
    expect(first.classes.imbalance).toBe(3);
    expect(first.cache.read).toBe(false);
    expect(first.cache.file).toBe(join(cwd, 'cache', keptStatistics()[0]!));

    const tensors = tensorsIn('t.safetensors');
    expect(tensors.get('mean')!.shape).toEqual([16, 16, 3]);
    const pixels = Array.from({ length: 256 }, () => [100, 80, 100]).flat();
    expect([...tensors.get('mean')!.values]).toEqual(pixels);
    expect([...tensors.get('mean.channel')!.values]).toEqual([100, 80, 100]);
    const std = Float32Array.from(first.std.scale255);
    expect(tensors.get('std')!.values).toEqual(std);
    expect(tensors.get('pca.values')!.values).toEqual(Float32Array.from(values));
    expect(tensors.get('pca.vectors')!.values).toEqual(Float32Array.from(vectors.flat()));
    const png = await sharp(join(cwd, 'm.png')).raw().toBuffer();
    expect([...png]).toEqual(pixels);

    const { cache, files: _, seconds: __, ...again } = await stats('solid.yaml');
    expect(cache).toEqual({ file: first.cache.file, read: true });
    expect(first).toMatchObject(again);
  });

  it('another limit of pixels is another set of images', async () => {
    const limited = await stats('solid.yaml', '--set', 'data.maxPixels=400');
    expect(limited.cache.read).toBe(false);
    expect(limited.undecodable.count).toBe(3);
    expect(limited.mean.scale255).toEqual([0, 40, 100]);
  });
});

it('a training takes the very same numbers from the same file', async () => {
  const set = ['--set', 'data.mean=pixel', '--set', 'data.augment.color=pca'];
  const { cache } = await stats('c.yaml', '--tensors', 'c.safetensors', ...set);
  const before = keptStatistics();
  const time = statSync(cache.file!, { bigint: true }).mtimeNs;
  const args = ['--engine', 'wasm', '--out', 'run', '--max-steps', '1', ...set];
  const { code, stderr } = await relaybp('train', 'c.yaml', ...args);
  expect(code, stderr).toBe(0);
  const after = keptStatistics();
  expect(after.filter((name) => before.includes(name))).toEqual(before);
  expect(after).toHaveLength(before.length + 1); // those of validation, read for what cannot be decoded
  expect(statSync(cache.file!, { bigint: true }).mtimeNs).toBe(time);
  const ours = tensorsIn('c.safetensors');
  const theirs = tensorsIn('run/checkpoints/step-1/normalization.safetensors');
  expect([...theirs.keys()].sort()).toEqual(['mean', 'pca.values', 'pca.vectors', 'std']);
  for (const [name, tensor] of theirs) expect(ours.get(name), name).toEqual(tensor);
});

it('what it prints for a config can be pasted there; numbers of the 0-1 scale are noticed', async () => {
  const { stdout } = await relaybp('data', 'stats', 'c.yaml');
  const [, mean, std] = /^in a config: mean: (\[.*\]), std: (\[.*\])$/m.exec(stdout) ?? [];
  const set = (m: string, s: string) => ['--set', `data.mean=${m}`, '--set', `data.std=${s}`];
  const { mean: exact } = await stats('c.yaml');
  expect(JSON.parse(mean!)).toEqual(exact.scale255.map((value) => Number(value.toFixed(3))));
  expect(await relaybp('plan', 'c.yaml', ...set(mean!, std!))).toMatchObject({
    code: 0,
    stderr: '',
  });

  const scaled = set('[0.485, 0.456, 0.406]', '[0.229, 0.224, 0.225]');
  const said = 'but pixels are 0 to 255 here; on that scale: mean: [123.675, 116.28, 103.53]';
  expect((await relaybp('plan', 'c.yaml', ...scaled)).stderr).toContain(said);
  const args = ['--engine', 'wasm', '--out', 'scaled', '--max-steps', '1', ...scaled];
  expect((await relaybp('train', 'c.yaml', ...args)).stdout).toContain(said);
});

const REAL = process.env.SCENES_TINY;
/** Of the photographs' shorter sides. */
const SIDE = 128;
it.skipIf(!REAL)('of photographs they are those of a computation in two passes', async () => {
  const lines = readdirSync(join(REAL!, 'train')).flatMap((name) =>
    readdirSync(join(REAL!, 'train', name))
      .filter((file) => /\.jpe?g$/i.test(file))
      .slice(0, 6)
      .map((file) => `train/${name}/${file}`),
  );
  const list = join(cwd, 'real.txt');
  writeFileSync(list, lines.map((line) => `${line} ${line.split('/')[1]}\n`).join(''));
  const classes = new Set(lines.map((line) => line.split('/')[1])).size;
  const overrides = [
    `data.resize=${SIDE}`,
    `data.root=${REAL}`,
    `data.train=${list}`,
    `data.classes=${classes}`,
  ];
  const found = await stats('c.yaml', ...overrides.flatMap((one) => ['--set', one]));
  expect(found.images).toBe(lines.length);

  const images: Buffer[] = [];
  for (const line of lines) {
    const { width, height } = await sharp(join(REAL!, line)).metadata();
    expect(Math.min(width, height)).toBe(SIDE); // so that nothing is resized
    const [left, top] = [Math.floor((width - 16) / 2), Math.floor((height - 16) / 2)];
    images.push(
      await sharp(join(REAL!, line), { autoOrient: true })
        .extract({ left, top, width: 16, height: 16 })
        .toColourspace('srgb')
        .removeAlpha()
        .raw()
        .toBuffer(),
    );
  }
  const count = images.length * 256;
  const all = (c: number): number[] =>
    images.flatMap((image) => Array.from({ length: 256 }, (_, i) => image[3 * i + c]!));
  const channels = [all(0), all(1), all(2)];
  const means = channels.map((values) => values.reduce((sum, x) => sum + x, 0) / count);
  const covariance = channels.map((a, i) =>
    channels.map(
      (b, j) => a.reduce((sum, x, k) => sum + (x - means[i]!) * (b[k]! - means[j]!), 0) / count,
    ),
  );
  for (const c of [0, 1, 2] as const) {
    expect(Math.abs(found.mean.scale255[c] - means[c]!)).toBeLessThan(1e-9);
    expect(Math.abs(found.std.scale255[c] - Math.sqrt(covariance[c]![c]!))).toBeLessThan(1e-9);
  }
  const { values, vectors } = found.pca;
  covariance.forEach((row, i) => {
    row.forEach((value, j) => {
      const back = values.reduce((sum, v, k) => sum + v * vectors[k]![i]! * vectors[k]![j]!, 0);
      expect(Math.abs(back - value / 255 ** 2)).toBeLessThan(1e-12);
    });
  });
});

describe('classes', () => {
  it('are counted, with quantiles as numpy gives them', () => {
    // np.quantile([1, 2, 4, 10], [.1, .25, .5, .75, .9]) = 1.3, 1.75, 3, 5.5, 8.2
    const { counts, empty, quantiles, imbalance } = classHistogram(indexWith([2, 10, 0, 1, 4]));
    expect(counts.map(({ name }) => name)).toEqual(['c1', 'c4', 'c0', 'c3']);
    expect(empty).toEqual(['c2']);
    expect(imbalance).toBe(10);
    const { p10, p90, ...rest } = quantiles;
    expect(rest).toEqual({ min: 1, p25: 1.75, median: 3, p75: 5.5, max: 10 });
    expect(p10).toBeCloseTo(1.3, 12);
    expect(p90).toBeCloseTo(8.2, 12);
  });

  it.each([100, 44, 16])('many show their ends only, in %i columns', async (columns) => {
    const result = await stats('solid.yaml');
    const index = indexWith(Array.from({ length: 30 }, (_, c) => 30 - c));
    const lines = dataStatsLines({ ...result, classes: classHistogram(index) }, columns);
    const classes = lines.filter((line) => /^ {2}c\d/.test(line));
    expect(classes.map((line) => Number(line.trim().split(/ +/)[1]))).toEqual([
      ...[30, 29, 28, 27, 26, 25, 24, 23, 22, 21],
      ...[10, 9, 8, 7, 6, 5, 4, 3, 2, 1],
    ]);
    expect(lines).toContain('  … 10 more …');
    expect(lines.join('\n')).toContain('median 15.5');
    for (const line of classes) expect(line.length).toBeLessThanOrEqual(columns);
    expect(classes[0]!.includes('█')).toBe(columns > 16);
  });
});

describe('refusals', () => {
  it('a missing folder is an error of the data', async () => {
    const { code, stderr } = await relaybp('data', 'stats', 'c.yaml', '--set', 'data.root=nowhere');
    expect(code).toBe(3);
    expect(stderr).toContain('nowhere/train: no such folder');
  });

  it('a file that cannot be written is refused before anything is computed', async () => {
    const args = ['c.yaml', '--mean', 'no/such/m.png', '--set', 'data.crop=15'];
    const { code, stderr } = await relaybp('data', 'stats', ...args);
    expect(code).toBe(2);
    expect(stderr).toContain('--mean no/such/m.png: its folder cannot be written to');
    expect(existsSync(join(cwd, 'no'))).toBe(false);
  });
});
