/** Weights and scores that are not finite are noticed where they are read, by name, and nothing is written then. */
import { cpSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { EvalResult } from '../../src/commands/eval.js';
import {
  type CheckpointTensors,
  openCheckpoint,
  writeCheckpoint,
} from '../../src/run/checkpoint.js';
import { findCheckpoint, pointTo } from '../../src/run/run-checkpoints.js';
import { encodeSafetensors, type NamedTensor } from '../../src/safetensors.js';
import { type Outcome, run } from '../support/cli.js';
import { SMALL_CONFIG } from '../support/configs.js';
import { colourImages } from '../support/images.js';

let cwd: string;
let images: string;
const relaybp = (...args: string[]): Promise<Outcome> =>
  run(args, cwd, { RELAYBP_CACHE_DIR: join(cwd, 'cache') });
const onWasm = (...args: string[]): Promise<Outcome> => relaybp(...args, '--engine', 'wasm');

beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'relaybp-finite-'));
  images = await colourImages();
  const config = SMALL_CONFIG.replace('data/small', images)
    .replace('mean: channel, std: channel', 'mean: [120, 120, 120], std: 60')
    .replace('{lr: 0.02,', '{lr: 0.02, ema: 0.9,');
  writeFileSync(join(cwd, 'c.yaml'), config);
  const { code, stderr } = await onWasm('train', 'c.yaml', '--out', 'runs/a', '--max-steps', '2');
  expect(code, stderr).toBe(0);
});

const FILES = ['weights', 'optimizer', 'normalization', 'ema'] as const;

/** A copy of the run whose checkpoint has other values in one tensor of a file. */
function damaged(
  name: string,
  file: keyof CheckpointTensors,
  tensor: string,
  value: number,
): string {
  const copy = join('runs', name);
  cpSync(join(cwd, 'runs/a'), join(cwd, copy), { recursive: true });
  const checkpoint = join(cwd, 'runs/a', readFileSync(join(cwd, 'runs/a/last'), 'utf8').trim());
  const tensors = Object.fromEntries(
    FILES.map((each) => [each, openCheckpoint(checkpoint).tensors(each)]),
  );
  const found = tensors[file]!.get(tensor)!;
  tensors[file]!.set(tensor, { ...found, values: found.values.map(() => value) });
  const written = writeCheckpoint(
    join(cwd, copy),
    openCheckpoint(checkpoint).state,
    tensors as unknown as CheckpointTensors,
  );
  for (const pointer of ['last', 'best'] as const) pointTo(join(cwd, copy), pointer, written);
  return copy;
}

const picture = (): string => join(images, 'val/red/0.jpg');

describe('a checkpoint', () => {
  it('with weights that are no numbers is refused by whatever reads it', async () => {
    const copy = damaged('nan', 'weights', 'conv1_1.weight', Number.NaN);
    const log = readFileSync(join(cwd, copy, 'metrics.jsonl'));
    for (const args of [
      ['eval', copy],
      ['predict', copy, picture()],
      ['export', copy, '--format', 'safetensors', '--out', 'x.safetensors'],
      ['train', '--resume', copy, '--max-steps', '3'],
      ['train', 'c.yaml', '--set', `initialCheckpoint=${copy}`, '--out', 'runs/none'],
    ]) {
      const { code, stdout, stderr } = await onWasm(...args);
      expect(stderr, args.join(' ')).toMatch(
        /error: \S+step-2\/weights\.safetensors: not finite in float32 \(NaN or infinite\): conv1_1\.weight \(108 of 108 values\)\n/,
      );
      expect(stderr).toContain('hint: ');
      expect(code, args.join(' ')).toBe(4);
      expect(stdout).not.toContain('%');
    }
    expect(existsSync(join(cwd, 'x.safetensors'))).toBe(false);
    expect(existsSync(join(cwd, 'runs/none'))).toBe(false);
    expect(readFileSync(join(cwd, copy, 'metrics.jsonl'))).toEqual(log);
  });

  it.each([
    ['ema', 'primary.fc1.bias', ['eval', '--ema']],
    ['normalization', 'std', ['eval']],
    ['optimizer', 'momentum/conv2_1.weight', ['train', '--max-steps', '3', '--resume']],
  ] as const)('with an infinite value in its file %s is refused', async (file, tensor, args) => {
    const copy = damaged(`infinite-${file}`, file, tensor, Number.NEGATIVE_INFINITY);
    const { code, stderr } = await onWasm(...args, copy);
    expect(stderr).toContain(`${file}.safetensors: not finite in float32`);
    expect(stderr).toContain(`${tensor} (`);
    expect(code).toBe(4);
  });

  it('whose numbers are finite, but overflow on an image, gives no scores of it', async () => {
    const copy = damaged('large', 'weights', 'primary.fc1.weight', 3e38);
    for (const args of [
      ['predict', copy, picture()],
      ['predict', copy, picture(), '--format', 'json'],
      ['eval', copy, '--json'],
      ['eval', copy, '--multiscale', '16,20'],
    ]) {
      const { code, stdout, stderr } = await onWasm(...args);
      expect(stderr, args.join(' ')).toMatch(
        /error: \S+\.jpg: the network's scores of this image are not finite numbers\n/,
      );
      expect(stdout).not.toMatch(/NaN|null|%/);
      expect(code, args.join(' ')).toBe(4);
    }
  });
});

describe('a network that no image reaches', () => {
  const SAME = /all 15 images have the same scores: what the network says does not depend on them/g;
  const told = ({ code, stdout, stderr }: Outcome): number => {
    expect(code, stderr).toBe(0);
    return (stdout + stderr).match(SAME)?.length ?? 0;
  };

  it('has the accuracy of chance, and is told of once, wherever that is shown', async () => {
    const dead = damaged('dead', 'weights', 'primary.fc1.weight', 0);
    const files = ['--scores', 'dead.safetensors', '--results', 'dead.csv', '--topk', '2'];
    const evaluated = await onWasm('eval', dead, '--json', ...files);
    expect(told(evaluated)).toBe(1);
    const { top1, top5, macro, perClass } = JSON.parse(evaluated.stdout) as EvalResult;
    expect([top1, macro.recall].map((share) => share!.toFixed(4))).toEqual(['33.3333', '33.3333']);
    expect(top5).toBe(100);
    expect(perClass.map(({ precision }) => precision).filter((one) => one !== null)).toHaveLength(
      1,
    );
    expect(readFileSync(join(cwd, 'dead.csv'), 'utf8')).toMatch(
      /^image,label,rank,class1,probability1,class2,probability2\n/,
    );
    expect(told(await onWasm('predict', dead, join(images, 'val')))).toBe(1);
    expect(told(await onWasm('compare', 'runs/a', dead))).toBe(1);
    const both = ['--ensemble', 'dead.safetensors', dead];
    expect(told(await onWasm('eval', ...both))).toBe(1);
    const page = ['report', dead, '--results', 'dead.csv', '--out', 'dead.html'];
    expect(await relaybp(...page)).toMatchObject({ code: 0 });
    expect(readFileSync(join(cwd, 'dead.html'), 'utf8').match(SAME)).toHaveLength(1);
    expect(told(await onWasm('eval', 'runs/a'))).toBe(0);
  });
});

describe('a safetensors file', () => {
  const write = (name: string, change: (tensors: Map<string, NamedTensor>) => void): void => {
    const tensors = openCheckpoint(findCheckpoint(join(cwd, 'runs/a'))).tensors('weights');
    change(tensors);
    writeFileSync(join(cwd, name), Buffer.concat([...encodeSafetensors(tensors)]));
  };
  const spoil =
    (name: string, at: number, value: number) =>
    (tensors: Map<string, NamedTensor>): void => {
      tensors.get(name)!.values[at] = value;
    };

  it('is not imported, nor fine-tuned from, with a weight that is not finite', async () => {
    write('bad.safetensors', spoil('conv3_1.weight', 17, Number.POSITIVE_INFINITY));
    const message =
      'bad.safetensors: not finite in float32 (NaN or infinite): conv3_1.weight (1 of 432 values)';
    const imported = await relaybp('import', 'bad.safetensors', '--config', 'c.yaml', '--out', 'i');
    expect(imported.stderr).toContain(`error: ${message}`);
    expect(imported.code).toBe(4);
    const tuned = await onWasm(
      ...['train', 'c.yaml', '--set', 'initialCheckpoint=bad.safetensors', '--out', 'i'],
    );
    expect(tuned.stderr).toContain(`error: initialCheckpoint ${join(cwd, message)}`);
    expect(tuned.code).toBe(4);
    expect(existsSync(join(cwd, 'i'))).toBe(false);
  });

  it('may hold what it likes in tensors that are not used', async () => {
    write('aside.safetensors', (tensors) => {
      tensors.set('other.weight', { shape: [1], values: Float32Array.of(Number.NaN) });
    });
    const { code, stderr } = await relaybp(
      ...['import', 'aside.safetensors', '--config', 'c.yaml', '--out', 'fine'],
    );
    expect(code, stderr).toBe(0);
  });
});
