import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import v8 from 'node:v8';
import vm from 'node:vm';
import { beforeAll, describe, expect, it } from 'vitest';
import { Scorer } from '../../src/commands/scoring.js';
import { type Outcome, run, start } from '../support/cli.js';
import { SMALL_CONFIG } from '../support/configs.js';
import { colourImages } from '../support/images.js';

let cwd: string;
let images: string;
const A = 'runs/a';
const B = 'runs/b';

const relaybp = (...args: string[]): Promise<Outcome> =>
  run(args, cwd, { RELAYBP_CACHE_DIR: join(cwd, 'cache') });

/** `relaybp … --json`, parsed. */
async function json(...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await relaybp(...args, '--json', '--engine', 'wasm');
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as Record<string, unknown>;
}

beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'relaybp-cli-'));
  images = await colourImages();
  writeFileSync(join(cwd, 'c.yaml'), SMALL_CONFIG.replace('data/small', images));
  for (const [seed, out] of [
    [1, A],
    [2, B],
  ] as const) {
    await relaybp('train', 'c.yaml', '--set', `seed=${seed}`, '--engine', 'wasm', '--out', out);
  }
});

/** Collects what nothing refers to any more. */
function collectGarbage(): void {
  v8.setFlagsFromString('--expose-gc');
  (vm.runInNewContext('gc') as () => void)();
}

describe('eval', () => {
  it('of one network keeps no scores, which are images × classes', async () => {
    const rows: WeakRef<Float32Array>[] = [];
    const options = { engine: 'wasm', checkpoint: 'best', precision: 'float32' } as const;
    const scorer = new Scorer({ ...options, average: 'softmax' });
    const { set } = await scorer.scoreEach(join(cwd, A), ({ row }) => rows.push(new WeakRef(row)));
    expect(set.paths).toHaveLength(15);
    expect(rows).toHaveLength(15);
    await setImmediate(); // until then a WeakRef holds what it was made for
    collectGarbage();
    expect(rows.filter((row) => row.deref() !== undefined)).toEqual([]);
  });

  it('writes the same results of a network as of its scores', async () => {
    await json('eval', A, '--results', 'own.csv');
    await json('eval', A, '--scores', 'scores.safetensors', '--results', 'kept.csv');
    await json('eval', 'scores.safetensors', '--results', 'read.csv');
    const [own, ...others] = ['own.csv', 'kept.csv', 'read.csv'].map((name) => {
      return readFileSync(join(cwd, name), 'utf8');
    });
    expect(own!.trim().split('\n')).toHaveLength(16);
    expect(others).toEqual([own, own]);
  });

  it('reports intervals, classes and confusion, and writes them', async () => {
    const files = ['--per-class', 'classes.csv', '--confusion', 'confusion.csv'];
    const result = await json('eval', A, ...files);
    const [low, high] = result.top1_err_interval as [number, number];
    expect(low).toBeLessThanOrEqual(result.top1_err as number);
    expect(high).toBeGreaterThanOrEqual(result.top1_err as number);
    expect(result.perClass).toHaveLength(3);
    const matrix = result.confusion as number[][];
    expect(matrix.map((row) => row.reduce((sum, n) => sum + n))).toEqual([5, 5, 5]);
    const hits = matrix.reduce((sum, row, i) => sum + row[i]!, 0);
    expect((100 * hits) / 15).toBeCloseTo(result.top1 as number, 9);
    const csv = (name: string): string[] => readFileSync(join(cwd, name), 'utf8').split('\n');
    expect(csv('classes.csv')[0]).toBe('class,images,top1,top5,top1_low,top1_high,precision,f1');
    expect(csv('confusion.csv')[1]).toBe(`blue,${matrix[0]!.join(',')}`);
  });

  it.each([
    [['--multiscale'], { name: 'multi-scale', sides: [16, 18, 23, 27, 32], flip: false }],
    [['--multiscale', '16,20', '--flip'], { name: 'multi-scale', sides: [16, 20], flip: true }],
    [['--ten-crop'], { name: 'ten-crop', sides: [18], flip: true }],
    [['--flip', '--average', 'logits'], { name: 'single-crop', average: 'logits' }],
  ])('%j', async (options, protocol) => {
    expect(await json('eval', A, ...options)).toMatchObject({ images: 15, protocol });
  });

  it('--scores, and ensembles of runs and score files', async () => {
    const single = await json('eval', A, '--scores', 'a.safetensors');
    const again = await json('eval', 'a.safetensors');
    expect(again).toMatchObject({ loss: single.loss, top1: single.top1, engine: null });
    const both = await json('eval', '--ensemble', 'a.safetensors', B, '--weights', '3,1');
    expect(both).toMatchObject({ images: 15, combine: 'average' });
    expect(both.members).toMatchObject([{ weight: 0.75 }, { weight: 0.25 }]);
    const alone = await json('eval', '--ensemble', A, B, '--weights', '1,0');
    expect(alone.loss).toBeCloseTo(single.loss as number, 5);
    const fitted = await json('eval', '--ensemble', A, B, '--fit-weights', '0.5');
    expect((fitted.images as number) + (fitted.fittedOn as number)).toBe(15);
  });

  it.each([
    [['eval', '--multiscale', A], 'name the run before this option'],
    [['eval', A, '--multiscale', '2'], 'cannot take images of 2x2 pixels'],
    [['eval', A, '--ensemble', B], 'name all members after --ensemble'],
    [['eval', A, '--weights', '1,2'], 'are for ensembles'],
    [['eval', '--ensemble', A, B, '--weights', '1'], '--weights has 1 numbers for 2 members'],
    [['eval', '--ensemble', A, B, '--weights', '0,0'], 'all zero'],
    [['eval', '--ensemble', A, B, '--weights', '1,-1'], 'numbers of at least 0'],
    [['eval', '--ensemble', A, B, '--combine', 'product', '--weights', '1,1'], 'has no weights'],
    [['eval', A, '--scores', 'x.csv'], 'score files end in .safetensors'],
  ])('mistakes: %j', async (args, message) => {
    const { code, stderr } = await relaybp(...args, '--engine', 'wasm');
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  });
});

describe('compare', () => {
  it('gives the paired difference with its interval', async () => {
    const result = await json('compare', A, B);
    const top1 = result.top1 as { a: number; b: number; difference: number; interval: number[] };
    expect(result.images).toBe(15);
    expect(top1.difference).toBeCloseTo(top1.b - top1.a, 9);
    expect(top1.interval[0]).toBeLessThanOrEqual(top1.difference);
    const same = await relaybp('compare', A, A, '--engine', 'wasm');
    expect(same.stdout).toContain('B − A 0.00 points (95 %: 0.00 to 0.00)');
  });

  it('other images are an error', async () => {
    await json('eval', A, '--data', join(images, 'train'), '--scores', 'train.safetensors');
    const { code, stderr } = await relaybp('compare', 'train.safetensors', A, '--engine', 'wasm');
    expect(code).toBe(3);
    expect(stderr).toContain('have different images');
  });
});

describe('predict', () => {
  it('files, folders and stdin, in order', async () => {
    const paths = [join(images, 'val/red'), join(images, 'val/blue/0.jpg'), '-'];
    const args = ['predict', A, ...paths, '--format', 'json', '--topk', '2', '--engine', 'wasm'];
    const { child, outcome } = start(args, cwd);
    child.stdin!.end(`${join(images, 'val/green/1.jpg')}\n`);
    const { code, stdout, stderr } = await outcome;
    expect(code, stderr).toBe(0);
    const list = JSON.parse(stdout) as { image: string; predictions: unknown[] }[];
    expect(list.map(({ image }) => image.slice(images.length + 1))).toEqual([
      ...[0, 1, 2, 3, 4].map((i) => `val/red/${i}.jpg`),
      'val/blue/0.jpg',
      'val/green/1.jpg',
    ]);
    expect(list.every(({ predictions }) => predictions.length === 2)).toBe(true);
  });

  it('exit code 3 if none can be decoded, or one cannot and it must', async () => {
    const [bad, good] = [join(cwd, 'bad.jpg'), join(images, 'val/red/0.jpg')];
    writeFileSync(bad, 'x');
    const predict = (...args: string[]) => relaybp('predict', A, ...args, '--engine', 'wasm');
    const some = await predict(bad, good, '--format', 'ilsvrc');
    expect(some.code).toBe(0);
    expect(some.stderr).toContain('bad.jpg');
    expect(some.stdout).toMatch(/^0 0 0\n[123] [123] [123]\n$/);
    expect((await predict(bad)).code).toBe(3);
    expect((await predict(bad, good, '--on-error', 'fail')).code).toBe(3);
  });
});
