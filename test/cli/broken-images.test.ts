/** Trainings on images of which many cannot be decoded: said before the first step, and nothing learned is lost. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { decodeSafetensors } from '../../src/safetensors.js';
import { type Outcome, run } from '../support/cli.js';
import { folderWith, SMALL_CONFIG } from '../support/configs.js';
import { colourImages } from '../support/images.js';

vi.setConfig({ testTimeout: 240_000 });

let cwd: string;
let images: string;
beforeEach(async () => {
  images = await colourImages(); // 23 for training: 12 blue, 7 green, 4 red
  cwd = folderWith({
    // With running statistics, which change before a weight does.
    'c.yaml': SMALL_CONFIG.replace('data/small', images).replaceAll(
      'kernel: 3}',
      'kernel: 3, batchNorm: true}',
    ),
  });
});

const set = (...overrides: string[]): string[] => overrides.flatMap((one) => ['--set', one]);
const train = (out: string, ...args: string[]): Promise<Outcome> =>
  run(['train', 'c.yaml', '--engine', 'wasm', '--out', out, ...args], cwd, {
    RELAYBP_CACHE_DIR: join(cwd, 'cache'),
  });

/** Adds files that are no images to the class "blue". */
function broken(count: number, part = 'train'): void {
  for (let i = 0; i < count; i++) writeFileSync(join(images, part, 'blue', `bad${i}.jpg`), 'none');
}

describe('what is known from the statistics', () => {
  it('is said before the first step', async () => {
    broken(17); // of 40
    const { code, stdout } = await train('run', '--max-steps', '1');
    expect(code).toBe(0);
    const said = stdout.indexOf(
      `${images}/train: 17 of 40 training images cannot be decoded, other images of their classes take their places; the first: blue/bad0.jpg: `,
    );
    expect(said).toBeGreaterThanOrEqual(0);
    expect(stdout.indexOf('step 1')).toBeGreaterThan(said);
  });

  it.each([
    ['16', '16 may be skipped'],
    ['40 %', '16 (40 % of 40) may be skipped'],
  ])(
    'stops the training before its first step above a limit of %s, also where they are kept',
    async (limit, said) => {
      broken(17);
      for (const _ of ['computed', 'kept']) {
        const { code, stderr } = await train(
          'run',
          ...set(`data.onError.limit="${limit}"`.replace('"16"', '16')),
        );
        expect(code).toBe(3);
        expect(stderr).toContain(
          `error: ${images}/train: 17 of 40 training images cannot be decoded, ${said}; the first: blue/bad0.jpg`,
        );
        expect(stderr).toContain('hint: relaybp data check names them all');
        expect(existsSync(join(cwd, 'run'))).toBe(false);
      }
    },
  );

  it('a share is of the images there are', async () => {
    broken(17);
    const { code } = await train('run', '--max-steps', '1', ...set('data.onError.limit=42.5 %'));
    expect(code).toBe(0);
  });

  it('counts those of validation, too, which are read once for that', async () => {
    broken(3, 'val'); // of 18
    const { code, stdout } = await train('run', '--max-steps', '1');
    expect(code).toBe(0);
    const said = stdout.indexOf(
      `${images}/val: 3 of 18 validation images cannot be decoded, they do not count; the first: blue/bad0.jpg: `,
    );
    expect(said).toBeGreaterThanOrEqual(0);
    expect(stdout.indexOf('step 1')).toBeGreaterThan(said);
    const kept = readdirSync(join(cwd, 'cache')).filter((name) => name.startsWith('statistics-'));
    expect(kept).toHaveLength(2);
    const ended = await train('ended', ...set('data.onError.limit=2'));
    expect([ended.code, ended.stderr]).toEqual([
      3,
      expect.stringContaining('3 of 18 validation images cannot be decoded, 2 may be skipped'),
    ]);
    expect(existsSync(join(cwd, 'ended'))).toBe(false);
  });

  it('stops it at once where none may be skipped', async () => {
    broken(1);
    const { code, stderr } = await train('run', ...set('data.onError.policy=fail'));
    expect([code, stderr]).toEqual([3, expect.stringContaining('1 of 24 training images')]);
    expect(existsSync(join(cwd, 'run'))).toBe(false);
  });
});

it('images that end a training leave the last whole step, which is the same as if it had been its end', async () => {
  // Not read before: with means of their own no statistics are needed.
  const numbers = set('data.mean=[128, 128, 128]', 'data.std=64', 'data.sampler=sequential');
  broken(17); // behind the 12 of their class: first in the second micro-batch of the second step
  const ended = await train('ended', ...numbers, ...set('data.onError.limit=12'));
  expect(ended.code).toBe(3);
  expect(ended.stderr).toMatch(
    /error: 13 files cannot be decoded, 12 may be skipped; the last one/,
  );
  const [, step] =
    /^the last whole step, (\d+), is saved; --resume goes on after it$/m.exec(ended.stdout) ?? [];
  expect(step).toBe('1');
  expect(readdirSync(join(cwd, 'ended/checkpoints'))).toEqual([`step-${step}`]);

  const whole = await train('whole', '--max-steps', step!, ...numbers);
  expect(whole.code).toBe(0);
  const weights = (out: string) => {
    const file = join(cwd, out, `checkpoints/step-${step}/weights.safetensors`);
    return [...decodeSafetensors(readFileSync(file), file)];
  };
  expect(weights('ended').some(([name]) => name.endsWith('running_mean'))).toBe(true);
  expect(weights('ended')).toEqual(weights('whole'));

  const resumed = await run(
    [
      ...['train', '--resume', 'ended', '--engine', 'wasm', '--max-steps', `${Number(step) + 2}`],
      ...set('data.onError.limit=50 %'),
    ],
    cwd,
    { RELAYBP_CACHE_DIR: join(cwd, 'cache') },
  );
  expect(resumed.code, resumed.stderr).toBe(0);
});

it('a class of which no image can be decoded ends it so, too', async () => {
  mkdirSync(join(images, 'train/void'));
  writeFileSync(join(images, 'train/void/1.jpg'), 'none');
  const numbers = set('data.mean=[128, 128, 128]', 'data.std=64', 'data.classes=4');
  const ended = await train('run', ...numbers, ...set('data.sampler=sequential'));
  expect(ended.code).toBe(3);
  expect(ended.stderr).toContain('class "void": none of its images can be decoded');
  expect(readdirSync(join(cwd, 'run/checkpoints'))).toEqual(['step-2']);
});
