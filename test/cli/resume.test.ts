/** --resume with another config, other batches, other images, from another folder. */
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { evaluate, train } from '../../src/index.js';
import { openCheckpoint } from '../../src/run/checkpoint.js';
import { readMetrics } from '../../src/run/rows.js';
import { type Outcome, run } from '../support/cli.js';
import { SMALL_CONFIG } from '../support/configs.js';
import { colourImages } from '../support/images.js';

vi.setConfig({ testTimeout: 240_000 });

const CONFIG = SMALL_CONFIG.replace('data/small', 'photos');
const wasm = ['--engine', 'wasm'];
let images: string;
let trained: string;
let cwd: string;

/** `photos`, `c.yaml`, and in `run` two of its four epochs: 6 steps of 8 of the 23 images. */
beforeAll(async () => {
  images = await colourImages();
  trained = mkdtempSync(join(tmpdir(), 'relaybp-resume-'));
  cpSync(images, join(trained, 'photos'), { recursive: true });
  writeFileSync(join(trained, 'c.yaml'), CONFIG.replace('epochs: 2', 'epochs: 4'));
  const args = ['train', 'c.yaml', '--max-steps', '6', '--out', 'run', ...wasm];
  expect(await run(args, trained, env(trained))).toMatchObject({ code: 0 });
});
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'relaybp-resume-'));
  cpSync(trained, cwd, { recursive: true });
  // A copy is elsewhere, and its images with it.
  const step = 'run/checkpoints/step-6';
  for (const file of ['run/config.yaml', `${step}/state.json`, `${step}/validation.csv`]) {
    writeFileSync(join(cwd, file), text(file).replaceAll(trained, cwd));
  }
  rmSync(join(cwd, 'run/checkpoints/step-6/state.sha256'));
});

const env = (folder: string) => ({ RELAYBP_CACHE_DIR: join(folder, 'cache'), HOME: folder });
const relaybp = (...args: string[]): Promise<Outcome> => run(args, cwd, env(cwd));
const resume = (...args: string[]): Promise<Outcome> =>
  relaybp('train', '--resume', 'run', ...wasm, ...args);
const set = (...values: string[]): string[] => values.flatMap((value) => ['--set', value]);
const text = (...parts: string[]): string => readFileSync(join(cwd, ...parts), 'utf8');
const configOf = (file = 'config.yaml') => parse(text('run', file));

/** Every file below a folder, by its contents. */
function contents(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(
    files.sort().map((file) => {
      return [file, createHash('sha256').update(readFileSync(file)).digest('hex')];
    }),
  );
}

describe('another config', () => {
  it.each([
    ['of another training', set('training.batchSize=16', 'losses.auxiliary.weight=1'), 4],
    ['of another network', set('model.segments.seg1.layers.0.conv.filters=5'), 4],
    ['of other images', set('data.root=elsewhere'), 3],
    ['of other classes', set('data.classes=4'), 3],
    ['without images for validation', [...set('data.val=nowhere'), '--change-all'], 3],
    ['with a mistake', set('optimizer.lr=fast'), 2],
    ['whose micro-batches do not fit', set('training.microBatch=3'), 2],
  ])('%s is refused, and nothing in the run folder changes', async (_, args, code) => {
    const before = contents(join(cwd, 'run'));
    const outcome = await resume(...args);
    expect(outcome).toMatchObject({ code });
    expect(contents(join(cwd, 'run'))).toEqual(before);
  });

  it('is compared key by key: what differs, what needs permission, and how to give it', async () => {
    const changes = ['training.batchSize=16', 'losses.auxiliary.weight=1', 'checkpoint.keep=9'];
    const { stderr } = await resume(...set(...changes));
    expect(stderr.trimEnd().split('\n')).toEqual([
      'error: run/checkpoints/step-6: step 6 was trained with another config; to go on with this one is another training:',
      '  losses.auxiliary.weight: 0.3 -> 1',
      '  training.batchSize: 8 -> 16',
      '  checkpoint.keep: 3 -> 9 (needs no permission)',
      "hint: leave it out to go on as before (--resume alone takes the checkpoint's config), or permit it: --change losses.auxiliary.weight training.batchSize, or --change-all",
    ]);
    const half = await resume(...set(...changes), '--change', 'losses');
    expect(half.stderr).toContain('\n  losses.auxiliary.weight: 0.3 -> 1 (permitted)\n');
    expect(half.stderr).toContain('permit it: --change losses training.batchSize, or --change-all');
    const typo = await resume(...set(...changes), '--change', 'training.batchsize');
    expect(typo).toMatchObject({ code: 2 });
    expect(typo.stderr).toContain("--change training.batchsize: neither the checkpoint's config");
  });

  it('that is permitted is gone on with; the one before is kept', async () => {
    const before = text('run/config.yaml');
    const { code, stdout } = await resume(
      ...set('losses.auxiliary.weight=1', 'optimizer.lr=0.001', 'logging.tensorboard=true'),
      ...['--change', 'losses', 'optimizer.lr', '--max-steps', '7'],
    );
    expect(code).toBe(0);
    expect(stdout.split('\n').slice(0, 3)).toEqual([
      'changed: losses.auxiliary.weight: 0.3 -> 1',
      'changed: optimizer.lr: 0.02 -> 0.001',
      'changed: logging.tensorboard: false -> true',
    ]);
    expect(text('run/log.jsonl')).toContain('changed: optimizer.lr: 0.02 -> 0.001');
    expect(text('run/config-until-step-6.yaml')).toBe(before);
    expect(configOf().losses[1].weight).toBe(1);
    // The same command line again: nothing differs any more.
    const again = await resume(
      ...set('optimizer.lr=0.001'),
      '--change',
      'losses',
      '--max-steps',
      '8',
    );
    expect(again.stdout).not.toContain('changed:');
    expect(readdirSync(join(cwd, 'run')).filter((name) => name.startsWith('config-'))).toEqual([
      'config-until-step-6.yaml',
    ]);
    // Back to the checkpoint before: what it was trained with is the config again.
    await relaybp('train', '--resume', 'run/checkpoints/step-6', ...wasm, '--max-steps', '7');
    expect(text('run/config.yaml')).toBe(before);
    expect(existsSync(join(cwd, 'run/config-until-step-6.yaml'))).toBe(false);
  });

  it('is that of the run once its weights are: not before the first checkpoint', async () => {
    const before = text('run/config.yaml');
    const outcome = await resume(...set('optimizer.lr=1e37'), '--change-all');
    expect(outcome).toMatchObject({ code: 1 });
    expect(text('run/config.yaml')).toBe(before);
    expect(existsSync(join(cwd, 'run/config-until-step-6.yaml'))).toBe(false);
  });

  it.each([
    ['training.epochs=5', '{type: constant}', 0],
    ['training.epochs=5', '{type: cosine}', 4],
    ['evaluation.every=2', '{type: constant}', 0],
    ['evaluation.every=2', '{type: plateau}', 4],
    ['evaluation.metric=loss', '{type: constant}', 0],
    ['evaluation.metric=loss', '{type: plateau}', 4],
  ])('%s under the schedule %s: exit code %i', async (change, schedule, code) => {
    await resume(...set(`schedule=${schedule}`), '--change', 'schedule', '--max-steps', '7');
    expect(await resume(...set(change), '--max-steps', '8')).toMatchObject({ code });
  });

  it('by another metric has another best evaluation, the first one from then on', async () => {
    const { code, stdout } = await resume(
      ...set('evaluation.metric=loss', 'evaluation.every=1 steps'),
      ...['--max-steps', '8'],
    );
    expect(code).toBe(0);
    expect(stdout).toContain('the best evaluation begins anew: it was by another metric');
    const rows = readMetrics(join(cwd, 'run')).filter(
      ({ kind, step }) => kind === 'val' && step > 6,
    );
    const losses = rows.map((row) => row['loss.primary'] as number);
    const best = rows[losses.indexOf(Math.min(...losses))]!.step;
    expect(text('run/best')).toBe(`checkpoints/step-${best}\n`);
    expect(stdout).toMatch(new RegExp(`^best by the loss: top-1 .* at step ${best}$`, 'm'));
    const listed = JSON.parse((await relaybp('runs', 'run', '--json')).stdout);
    expect(listed[0].best.step).toBe(best);
  });

  it('of another type of optimizer begins with its state anew, of other validation images with the best', async () => {
    const { code, stdout } = await resume(
      ...set('optimizer={type: adamw, lr: 0.001}', 'data.val=train', 'data.mean=pixel'),
      ...['--change-all', '--max-steps', '7'],
    );
    expect(code).toBe(0);
    expect(stdout).toContain("the optimizer's state begins anew");
    expect(stdout).toContain('the best evaluation begins anew: it was of other images');
    expect(stdout).toContain('mean and deviation are those of the new config');
    expect(openCheckpoint(join(cwd, 'run/checkpoints/step-7')).state.best).toBeNull();
    const optimizer = readFileSync(join(cwd, 'run/checkpoints/step-7/optimizer.safetensors'));
    expect(optimizer.toString('latin1')).toMatch(/"m\/conv1_1\.weight"/);
    const normalization = readFileSync(
      join(cwd, 'run/checkpoints/step-7/normalization.safetensors'),
    );
    expect(normalization.toString('latin1')).toMatch(/"shape":\[16,16,3\]/);
  });
});

describe('an epoch of another length', () => {
  const rows = () => readMetrics(join(cwd, 'run')).filter(({ kind }) => kind === 'val');
  const epochs = () => rows().map(({ step, epoch }) => [step, epoch]);

  it('batches of twice the size: as many epochs more as there were to come', async () => {
    const { code, stdout } = await resume(...set('training.batchSize=16'), '--change-all');
    expect(code).toBe(0);
    expect(stdout).toContain(
      'from here on an epoch has 2 steps of 16 images, not 3 of 8: going on at epoch 2.00, 48 images drawn',
    );
    expect(epochs()).toEqual([
      [3, 1],
      [6, 2],
      [8, 3],
      [10, 4],
    ]);
    expect(openCheckpoint(join(cwd, 'run/checkpoints/step-10')).state).toMatchObject({
      epoch: 4,
      position: 48 + 64,
    });
    // To the bit as with a stop in between.
    rmSync(join(cwd, 'run/checkpoints/step-8'), { recursive: true });
    const weights = text('run/checkpoints/step-10/weights.safetensors');
    await relaybp(
      'train',
      '--resume',
      'run/checkpoints/step-6',
      ...wasm,
      '--change-all',
      ...set('training.batchSize=16'),
      '--max-steps',
      '7',
    );
    await resume();
    expect(text('run/checkpoints/step-10/weights.safetensors')).toBe(weights);
    expect(epochs()).toEqual([
      [3, 1],
      [6, 2],
      [8, 3],
      [10, 4],
    ]);
  });

  it('more images: said, and gone on with', async () => {
    for (const name of ['red', 'green', 'blue']) {
      const folder = join(cwd, 'photos/train', name);
      for (let i = 0; i < 8; i++) cpSync(join(folder, '0.jpg'), join(folder, `more-${i}.jpg`));
    }
    const { stdout } = await resume();
    expect(stdout).toContain(
      'from here on an epoch has 6 steps of 8 images, not 3 of 8; the training set has 47 images, not 23: going on at epoch 2.00, 48 images drawn',
    );
    expect(epochs()).toEqual([
      [3, 1],
      [6, 2],
      [12, 3],
      [18, 4],
    ]);
  });

  it('a checkpoint of before paces were kept', async () => {
    const path = join(cwd, 'run/checkpoints/step-6/state.json');
    const { paces, written, ...old } = JSON.parse(readFileSync(path, 'utf8'));
    expect([paces.length, written]).toEqual([1, { 'data.root': 'photos' }]);
    old.config.data.root = 'photos';
    writeFileSync(path, JSON.stringify(old));
    const { stdout } = await resume(...set('training.batchSize=16'), '--change-all');
    expect(stdout).not.toContain('data.root');
    expect(epochs()).toEqual([
      [3, 1],
      [6, 2],
      [8, 3],
      [10, 4],
    ]);
  });
});

describe('nothing left to do', () => {
  it('is said, with the way on, and changes nothing', async () => {
    await resume();
    const before = contents(join(cwd, 'run'));
    const done = await resume();
    expect(done).toMatchObject({ code: 0 });
    expect(done.stdout).toContain(
      'nothing left to do: run is at step 12 of 12 (4 epochs); for a longer one: --set training.epochs=…',
    );
    expect(done.stdout).not.toMatch(/going on|done:/);
    const shorter = await resume(...set('training.epochs=2'));
    expect(shorter.stdout).toContain('run is at step 12, and the training ends at 6 (2 epochs)');
    const stopped = await resume(...set('training.epochs=8'), '--max-steps', '12');
    expect(stopped.stdout).toContain('run is at step 12 of 24, and is to stop after step 12');
    expect(contents(join(cwd, 'run'))).toEqual(before);
  });
});

describe('a run from another folder', () => {
  beforeEach(() => mkdirSync(join(cwd, 'other')));
  const elsewhere = (...args: string[]): Promise<Outcome> =>
    run(args, join(cwd, 'other'), env(cwd));

  it('knows where its images are, and how that was written', async () => {
    expect(text('run/config.yaml')).toContain(
      `root: ${join(cwd, 'photos')} # as written: "photos"`,
    );
    expect(await elsewhere('eval', '../run', ...wasm)).toMatchObject({ code: 0 });
    expect(await elsewhere('report', '../run')).toMatchObject({
      code: 0,
      stdout: expect.not.stringContaining('not where they were'),
    });
    const resumed = await elsewhere('train', '--resume', '../run', ...wasm, '--max-steps', '7');
    expect(resumed).toMatchObject({ code: 0, stdout: expect.not.stringContaining('changed:') });
    expect(text('run/config.yaml')).toContain('# as written: "photos"');
    process.env.RELAYBP_CACHE_DIR = join(cwd, 'cache');
    expect(await evaluate(join(cwd, 'run'), { engine: 'wasm' })).toMatchObject({ images: 15 });
    const api = await train(undefined, { resume: join(cwd, 'run'), engine: 'wasm', maxSteps: 8 });
    expect(api.step).toBe(8);
  });

  it('whose images have moved says how to name them, and takes that', async () => {
    renameSync(join(cwd, 'photos'), join(cwd, 'moved'));
    const evaluated = await relaybp('eval', 'run', ...wasm);
    expect(evaluated).toMatchObject({ code: 3 });
    expect(evaluated.stderr).toContain(
      `${join(cwd, 'photos/val')}: no such file or folder: the validation images of run/checkpoints/step-6 are not there`,
    );
    expect(evaluated.stderr).toContain('--data-root FOLDER');
    for (const root of ['moved', '~/moved']) {
      expect(await relaybp('eval', 'run', ...wasm, `--data-root=${root}`)).toMatchObject({
        code: 0,
      });
    }
    expect(await relaybp('compare', 'run', 'run', ...wasm, '--data-root', 'moved')).toMatchObject({
      code: 0,
    });
    const lost = await relaybp('report', 'run');
    expect(lost.stdout).toMatch(/images of the galleries are not where they were.*--data-root/);
    const wrong = await relaybp('report', 'run', '--data-root', 'nowhere');
    expect([wrong.code, wrong.stderr]).toEqual([
      2,
      expect.stringContaining('--data-root nowhere: no such folder'),
    ]);
    const found = await relaybp('report', 'run', '--data-root', 'moved');
    expect(found.stdout).not.toContain('not where they were');
    const refused = await resume();
    expect(refused).toMatchObject({ code: 3 });
    expect(refused.stderr).toContain('--set data.root=FOLDER');
    const resumed = await resume('--data-root=~/moved', '--max-steps', '7');
    expect(resumed).toMatchObject({ code: 0 });
    expect(resumed.stdout).toContain('changed: data.root:');
    expect(text('run/config.yaml')).toContain(`root: ${join(cwd, 'moved')}\n`);
  });

  it('of a version that kept the path as it was says so', async () => {
    const path = join(cwd, 'run/checkpoints/step-6/state.json');
    const { written: _, ...old } = JSON.parse(readFileSync(path, 'utf8'));
    old.config.data.root = 'photos';
    writeFileSync(path, JSON.stringify(old));
    const { code, stderr } = await elsewhere('eval', '../run', ...wasm);
    expect(code).toBe(3);
    expect(stderr).toContain('names its data relative to where it was trained (data.root: photos)');
    const there = await elsewhere('eval', '../run', ...wasm, '--data-root', '../photos');
    expect(there).toMatchObject({ code: 0 });
  });
});

describe('the config of a run', () => {
  it('is data: nothing in it is taken from the environment', async () => {
    renameSync(join(cwd, 'photos'), join(cwd, '${SECRET}'));
    const begun = await relaybp(
      ...['train', 'c.yaml', ...wasm, '--out', 'secret', '--max-steps', '1'],
      ...set('data.root=${SECRET}'),
    );
    expect(begun).toMatchObject({ code: 0 });
    expect(text('secret/config.yaml')).toContain('${SECRET}');
    expect(text('secret/checkpoints/step-1/state.json')).toContain('${SECRET}');
    const known = { ...env(cwd), SECRET: 'hunter2' };
    for (const args of [
      ['eval', 'secret', ...wasm],
      ['predict', 'secret', '${SECRET}/val', ...wasm],
      ['report', 'secret'],
      ['train', '--resume', 'secret', ...wasm, '--max-steps', '2'],
    ]) {
      const outcome = await run(args, cwd, known);
      expect(outcome).toMatchObject({ code: 0 });
      expect(outcome.stdout + outcome.stderr).not.toContain('hunter2');
    }
    expect(text('secret/config.yaml') + text('report.html')).not.toContain('hunter2');
    // Also before the first checkpoint, when there is no other config than that of the folder.
    rmSync(join(cwd, 'secret/checkpoints'), { recursive: true });
    for (const name of ['last', 'best']) rmSync(join(cwd, 'secret', name), { force: true });
    const anew = await run(
      ['train', '--resume', 'secret', ...wasm, '--max-steps', '1'],
      cwd,
      known,
    );
    expect(anew).toMatchObject({ code: 0 });
    expect(text('secret/config.yaml')).not.toContain('hunter2');
  });
});
