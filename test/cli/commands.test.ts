import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeSafetensors } from '../../src/safetensors.js';
import { type Outcome, run } from '../support/cli.js';
import { SMALL_CONFIG } from '../support/configs.js';
import { colourImages } from '../support/images.js';

let cwd: string;
let images: string;
beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'relaybp-cli-'));
  images = await colourImages();
  writeFileSync(join(cwd, 'c.yaml'), SMALL_CONFIG.replace('data/small', images));
  await relaybp(
    'train',
    'c.yaml',
    '--engine',
    'wasm',
    '--set',
    'training.epochs=12',
    '--out',
    'runs/small-2026-01-01T00-00-00',
  );
});

const relaybp = (...args: string[]): Promise<Outcome> =>
  run(args, cwd, { RELAYBP_CACHE_DIR: join(cwd, 'cache') });

describe('eval', () => {
  it('without a run takes the newest and says which', async () => {
    const { code, stdout } = await relaybp('eval', '--engine', 'wasm');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /evaluating the newest run: runs\/small-2026-01-01T00-00-00\/checkpoints\/step-\d+/,
    );
    expect(stdout).toMatch(/15 images {2}loss \d\.\d+ {2}top-1 \d+\.\d\d % \(error \d+\.\d\d %\)/);
  });

  it('--json prints one object and nothing else', async () => {
    const { stdout, stderr } = await relaybp('eval', '--json', '--engine', 'wasm');
    const result = JSON.parse(stdout);
    expect(stderr).toContain('evaluating the newest run');
    expect(result).toMatchObject({ images: 15, top5: 100, top5_err: 0, skipped: 0 });
    expect(result.top1 + result.top1_err).toBeCloseTo(100, 9);
    expect(Object.keys(result)).toEqual(
      expect.arrayContaining(['loss', 'top1', 'step', 'checkpoint']),
    );
  });

  it('agrees with the validation of the training run', async () => {
    const run = 'runs/small-2026-01-01T00-00-00';
    const rows = readFileSync(join(cwd, run, 'metrics.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const last = rows.findLast((row) => row.kind === 'val');
    const { stdout } = await relaybp(
      'eval',
      run,
      '--checkpoint',
      'last',
      '--json',
      '--engine',
      'wasm',
    );
    const result = JSON.parse(stdout);
    expect(result.top1).toBe(last.top1);
    expect(result.loss).toBeCloseTo(last['loss.primary'], 5);
  });

  it('--data: another folder; classes by name, one that is missing shifts nothing', async () => {
    const other = mkdtempSync(join(tmpdir(), 'relaybp-other-'));
    cpSync(join(images, 'val'), other, { recursive: true });
    const whole = JSON.parse(
      (await relaybp('eval', '--data', other, '--json', '--engine', 'wasm')).stdout,
    );
    rmSync(join(other, 'blue'), { recursive: true });
    const { stdout } = await relaybp(
      'eval',
      '--data',
      other,
      '--json',
      '--engine',
      'wasm',
      '--results',
      'r.csv',
    );
    expect(JSON.parse(stdout).images).toBe(10);
    const lines = readFileSync(join(cwd, 'r.csv'), 'utf8').trimEnd().split('\n');
    expect(lines[0]).toBe(
      'image,label,rank,class1,probability1,class2,probability2,class3,probability3,class4,probability4,class5,probability5',
    );
    expect(lines).toHaveLength(11);
    expect(whole.top1).toBeGreaterThan(80);
    expect(JSON.parse(stdout).top1).toBeGreaterThan(70);
  });

  it('a class that was never trained is a data error', async () => {
    const other = mkdtempSync(join(tmpdir(), 'relaybp-other-'));
    cpSync(join(images, 'val', 'red'), join(other, 'purple'), { recursive: true });
    const { code, stderr } = await relaybp('eval', '--data', other, '--engine', 'wasm');
    expect(code).toBe(3);
    expect(stderr).toContain('"purple"');
  });

  it('--results FILE.json writes the summary', async () => {
    await relaybp('eval', '--engine', 'wasm', '--results', 'r.json');
    expect(JSON.parse(readFileSync(join(cwd, 'r.json'), 'utf8'))).toMatchObject({ images: 15 });
  });
});

describe('plan', () => {
  it('needs no data, and draws the ranges', async () => {
    const { code, stdout } = await relaybp('plan', 'c.yaml', '--set', 'data.root=nowhere');
    expect(code).toBe(0);
    expect(stdout).toMatch(/conv2_1 +conv 3x3 relu +8x8x6 +222 +13,824 +█ +█/);
    expect(stdout).toContain(
      'loss auxiliary: weight 0.3, taps after pool2_1, range pool2_1 down to conv1_1',
    );
    expect(stdout).not.toContain('\u001b[');
  });

  it('--json has the documented top level', async () => {
    const plan = JSON.parse((await relaybp('plan', 'c.yaml', '--json')).stdout);
    // conv 3·3·3·4+4, 3·3·4·6+6, 3·3·6·8+8; fc 8·3+3; auxiliary fc 4·4·6·3+3
    expect(plan.totals).toMatchObject({
      parameters: 112 + 222 + 440 + 27,
      auxiliaryParameters: 291,
    });
    expect(plan.layers.map((layer: { name: string }) => layer.name)).toContain('conv3_1');
    expect(plan.losses[0]).toMatchObject({ name: 'primary', range: { downTo: 'conv2_1' } });
  });

  it('says where a size does not fit', async () => {
    const { code, stderr } = await relaybp(
      'plan',
      'c.yaml',
      '--set',
      'model.segments.seg3.layers.0.conv.kernel=[9, 3]',
      '--set',
      'model.segments.seg3.layers.0.conv.padding=valid',
    );
    expect(code).toBe(2);
    expect(stderr).toContain(
      'model.segments[2].layers[0].conv: a 9x3 kernel does not fit the 4x4 map',
    );
  });
});

describe('grad', () => {
  it('writes batch, weights and gradients, by loss if asked', async () => {
    const { code, stdout } = await relaybp(
      'grad',
      'c.yaml',
      '--engine',
      'wasm',
      '--out',
      'g.safetensors',
      '--by-loss',
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/tensors written to g\.safetensors; losses: /);
    const tensors = decodeSafetensors(readFileSync(join(cwd, 'g.safetensors')), 'g');
    expect(tensors.get('batch.images')?.shape).toEqual([8, 16, 16, 3]);
    expect(tensors.get('logits/primary')?.shape).toEqual([8, 3]);
    const [sum, a, b] = ['gradient', 'gradient-of/primary', 'gradient-of/auxiliary'].map(
      (prefix) => tensors.get(`${prefix}/conv2_1.weight`)!.values,
    );
    for (const [i, value] of sum!.entries()) expect(value).toBeCloseTo(a![i]! + b![i]!, 5);
    expect(tensors.has('gradient-of/primary/conv1_1.weight')).toBe(false);
    expect(tensors.get('gradient/conv1_1.weight')).toEqual(
      tensors.get('gradient-of/auxiliary/conv1_1.weight'),
    );
  });
});

describe('losses that change over the training', () => {
  const phased = (...args: string[]): Promise<Outcome> =>
    relaybp(...args, '--engine', 'wasm', ...sets);
  const sets = [
    'losses.primary.range=[{downTo: seg2}, {from: 1 epoch, downTo: seg1}]',
    'losses.auxiliary.enabled={until: 1 epoch}',
  ].flatMap((change) => ['--set', change]);

  it('grad --phase has those of a phase', async () => {
    const gradients = async (...more: string[]): Promise<string[]> => {
      const { code, stderr } = await phased('grad', 'c.yaml', '--out', 'p.safetensors', ...more);
      expect(stderr).toBe('');
      expect(code).toBe(0);
      const tensors = decodeSafetensors(readFileSync(join(cwd, 'p.safetensors')), 'p');
      return [...tensors.keys()].filter((name) => /^gradient-of.*weight$/.test(name)).sort();
    };
    const first = await gradients('--by-loss');
    expect(first).toContain('gradient-of/auxiliary/conv1_1.weight');
    expect(first).not.toContain('gradient-of/primary/conv1_1.weight');
    const second = await gradients('--by-loss', '--phase', '2');
    expect(second).toEqual(
      ['conv1_1', 'conv2_1', 'conv3_1', 'primary.fc1'].map(
        (layer) => `gradient-of/primary/${layer}.weight`,
      ),
    );
  });

  it('a phase that there is not is refused, with those that there are', async () => {
    expect(await phased('grad', 'c.yaml', '--out', 'p.safetensors', '--phase', '3')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(
        '--phase 3: the losses of this training have the phases 1 (at first), 2 (from 1 epoch on)',
      ),
    });
    const { code, stderr } = await relaybp('bench', 'c.yaml', '--phase', '2');
    expect(code).toBe(2);
    expect(stderr).toContain('--phase 2: the losses of this training have one phase');
  });
});

describe('the command line', () => {
  it('--help and --version', async () => {
    const help = await relaybp('--help');
    expect(help.code).toBe(0);
    for (const command of ['train', 'eval', 'plan', 'grad', 'engine'])
      expect(help.stdout).toContain(command);
    expect((await relaybp('--version')).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('wrong usage is exit code 2', async () => {
    expect((await relaybp('trian')).code).toBe(2);
    expect((await relaybp('train', 'c.yaml', '--max-steps', '0')).code).toBe(2);
    expect((await relaybp('train')).code).toBe(2);
    expect((await relaybp('train', 'nowhere.yaml')).stderr).toContain(
      'nowhere.yaml: cannot read this config: no such file or directory',
    );
  });

  it('--print-config prints a config that loads to the same', async () => {
    const first = await relaybp('plan', 'c.yaml', '--print-config', '--set', 'seed=5');
    writeFileSync(join(cwd, 'printed.yaml'), first.stdout);
    expect((await relaybp('train', 'printed.yaml', '--print-config')).stdout).toBe(first.stdout);
    expect(first.stdout).toContain('seed: 5');
  });

  it('engine status tells about both engines', async () => {
    const { code, stdout } = await relaybp('engine', 'status', '--json');
    expect(code).toBe(0);
    const status = JSON.parse(stdout);
    expect(status.engines.map((engine: { name: string }) => engine.name)).toEqual([
      'native',
      'wasm',
    ]);
    expect(status.engines[1].works).toBe(true);
  });
});
