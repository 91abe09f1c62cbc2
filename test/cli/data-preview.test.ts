/** `relaybp data preview`: what it shows and writes is what the training loop's loader gives. */
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadConfig, parseConfig } from '../../src/config/load.js';
import { chooseMix } from '../../src/data/augment/mixing.js';
import { planExperiment } from '../../src/experiment/experiment-plan.js';
import { openTrainingImages } from '../../src/experiment/images.js';
import { normalization } from '../../src/experiment/input-normalization.js';
import { augmentation } from '../../src/experiment/training-augmentation.js';
import { trainingLoader } from '../../src/experiment/training-loader.js';
import { decodeSafetensors, safetensorsMetadata } from '../../src/safetensors.js';
import { type Outcome, run } from '../support/cli.js';
import { SMALL_CONFIG } from '../support/configs.js';
import { colourImages } from '../support/images.js';

let cwd: string;
const relaybp = (...args: string[]): Promise<Outcome> =>
  run(args, cwd, { RELAYBP_CACHE_DIR: join(cwd, 'cache') });
const AUGMENTED = [
  'data.augment.cutmix={}',
  'data.augment.mixup={}',
  'data.augment.colorJitter={brightness: 0.4, hue: 0.1}',
  'data.augment.randomErasing={}',
  'data.sampler={kind: power, q: 0.5}',
  'training.labelSmoothing=0.1',
];
const setting = (overrides: readonly string[]) => overrides.flatMap((one) => ['--set', one]);

beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'relaybp-preview-'));
  writeFileSync(join(cwd, 'c.yaml'), SMALL_CONFIG.replace('data/small', await colourImages()));
});

/** What the training loop draws from `position` on, `count` images. */
async function drawn(overrides: readonly string[], position: number, count: number) {
  const plan = planExperiment(loadConfig(join(cwd, 'c.yaml'), overrides));
  const index = await openTrainingImages(plan.config.data, () => {});
  const normalized = await normalization(plan.config.data, index, { cacheDir: join(cwd, 'cache') });
  const loader = trainingLoader(plan, index, normalized, position);
  const found = {
    images: [] as number[],
    labels: [] as number[],
    indices: [] as number[],
    shares: [] as number[],
  };
  while (found.labels.length < count) {
    const batch = (await loader.next())!;
    found.images.push(...batch.images);
    found.labels.push(...batch.labels);
    found.indices.push(...batch.indices);
    found.shares.push(...(batch.mixed?.shares ?? []));
    batch.release();
  }
  await loader.close();
  const size = 16 * 16 * 3;
  return {
    plan,
    index,
    normalized,
    images: found.images.slice(0, count * size),
    labels: found.labels.slice(0, count),
    indices: found.indices.slice(0, count),
    shares: found.shares.slice(0, count),
  };
}

describe('the tensors', () => {
  it.each([
    ['as configured', [], ['--position', '5'], 5],
    ['with everything on', AUGMENTED, ['--epoch', '2'], 48], // 23 images in 3 steps of 8
  ] as const)('%s are what the training loader gives', async (_, overrides, from, position) => {
    const args = ['--n', '10', '--tensors', 't.safetensors', ...from, ...setting(overrides)];
    const { code, stdout, stderr } = await relaybp('data', 'preview', 'c.yaml', ...args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const file = readFileSync(join(cwd, 't.safetensors'));
    const tensors = decodeSafetensors(file, 't');
    const expected = await drawn(overrides, position, 10);
    const list = (name: string) => [...tensors.get(name)!.values];
    expect(tensors.get('images')!.shape).toEqual([10, 16, 16, 3]);
    expect(list('images')).toEqual(expected.images);
    expect(list('labels')).toEqual(expected.labels);
    expect(list('indices')).toEqual(expected.indices);
    if (overrides.length > 0) {
      expect(list('mixed.shares')).toEqual(expected.shares);
      // Every row of targets: the shares of both labels, smoothed by 0.1 over 3 classes.
      list('labels').forEach((label, i) => {
        const row = list('targets').slice(3 * i, 3 * i + 3);
        const share = expected.shares[i]!;
        const target = [0, 1, 2].map(() => 0.1 / 3);
        target[label]! += 0.9 * share;
        target[list('mixed.labels')[i]!]! += 0.9 * (1 - share);
        for (const c of [0, 1, 2]) expect(row[c]).toBeCloseTo(target[c]!, 6);
      });
    } else expect([...tensors.keys()]).toEqual(['images', 'labels', 'indices']);
    const metadata = safetensorsMetadata(file, 't');
    expect(metadata).toMatchObject({ seed: '1', position: String(position) });
    expect(metadata.classes).toBe('["blue","green","red"]');
    expect(parseConfig(metadata.config!, 'metadata').config).toEqual(expected.plan.config);
    // A line per image names its classes, shares and files.
    const lines = stdout.trimEnd().split('\n').slice(0, 10);
    lines.forEach((line, i) => {
      const name = expected.index.classes[expected.labels[i]!]!;
      const { mixing } = augmentation(expected.plan.config.data, expected.normalized);
      const mix = mixing && chooseMix([16, 16], mixing, 1, position + i);
      expect(line.startsWith(`${position + i}  `)).toBe(true);
      expect(line).toContain(mix ? `${Math.round(100 * mix.share)}% ${name} + ` : `  ${name}  `);
      expect(line.includes(`(${mix?.kind})`)).toBe(Boolean(mix));
    });
  });
});

describe('the picture', () => {
  it('shows each image as it was before normalization, enlarged to squares', async () => {
    const { code, stdout } = await relaybp(
      'data',
      'preview',
      'c.yaml',
      '--n',
      '5',
      '--out',
      's.png',
    );
    expect(code).toBe(0);
    const { data, info } = await sharp(join(cwd, 's.png'))
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect(stdout).toContain(
      `s.png: 5 images from position 0 on (epoch 0.00), ${info.width}x${info.height}`,
    );
    const { images, normalized } = await drawn([], 0, 5);
    const { mean, std } = normalized.preprocessing;
    const divisor = std as readonly number[];
    // 16 pixels are enlarged 6 times, 4 pixels lie between the images: the first begins at (4, 4).
    for (let y = 0; y < 16; y++) {
      for (let x = 0; x < 16; x++) {
        for (let c = 0; c < 3; c++) {
          const value = images[(y * 16 + x) * 3 + c]! * divisor[c]! + mean.values[c]!;
          const at = ((4 + 6 * y + 3) * info.width + 4 + 6 * x + 3) * info.channels + c;
          expect(Math.abs(data[at]! - Math.min(255, Math.max(0, value)))).toBeLessThan(0.51);
        }
      }
    }
    // Something is written below it.
    const below = Array.from(
      { length: 96 },
      (_, x) => data[((4 + 96 + 5) * info.width + 4 + x) * info.channels]!,
    );
    expect(new Set(below).size).toBeGreaterThan(1);
  });
});

describe('refusals', () => {
  it.each([
    [['--position', '-1'], 'an integer, zero or more, is needed'],
    [['--position', '1', '--epoch', '1'], 'cannot be used with option'],
    [['--out', 'no/such/folder/x.png'], 'its folder cannot be written to'],
    [['--n', '0'], 'a positive integer is needed'],
  ])('%j', async (args, message) => {
    const { code, stderr } = await relaybp(
      ...['data', 'preview', 'c.yaml', '--tensors', 'refused.safetensors'],
      ...args,
    );
    expect(code).toBe(2);
    expect(stderr).toContain(message);
    expect(existsSync(join(cwd, 'refused.safetensors'))).toBe(false);
  });
});
