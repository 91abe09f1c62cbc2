import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, cpus, hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readMetrics } from '../../src/run/rows.js';
import { readSessions } from '../../src/run/sessions.js';
import { version } from '../../src/version.js';
import { type Outcome, run, start } from '../support/cli.js';
import { SMALL_CONFIG } from '../support/configs.js';
import { colourImages } from '../support/images.js';

let images: string;
let cwd: string;
let env: Record<string, string>;
beforeAll(async () => {
  images = await colourImages();
});
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'relaybp-cli-'));
  env = { RELAYBP_CACHE_DIR: join(cwd, 'cache') };
  writeFileSync(join(cwd, 'c.yaml'), SMALL_CONFIG.replace('data/small', images));
});

const relaybp = (...args: string[]): Promise<Outcome> => run(args, cwd, env);
const train = (...args: string[]): Promise<Outcome> =>
  relaybp('train', 'c.yaml', '--engine', 'wasm', ...args);
const file = (...parts: string[]): Buffer => readFileSync(join(cwd, ...parts));
const bytesOf = (folder: string): string[] =>
  ['weights', 'optimizer', 'normalization'].map((name) =>
    file(folder, `${name}.safetensors`).toString('base64'),
  );

describe('train', () => {
  it('learns, and leaves a complete run folder', async () => {
    const { code, stdout, stderr } = await train('--set', 'training.epochs=12', '--out', 'run');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('23 training images, 36 steps, run folder run');
    const { best } = JSON.parse(file('run', 'summary.json').toString());
    expect(stdout).toMatch(/\ndone: 36 steps, 12 epochs in \d+ s\n/);
    expect(stdout).toContain(
      `\nbest: top-1 ${best.top1.toFixed(2)} %  top-5 100.00 %  at step ${best.step}\nrun folder: run\n`,
    );
    for (const command of ['report run', 'eval run', 'predict run <images>']) {
      expect(stdout).toMatch(new RegExp(`\n {2}node \\S+ ${command}\n`));
    }
    expect(readdirSync(join(cwd, 'run')).sort()).toEqual([
      'best',
      'checkpoints',
      'config.yaml',
      'last',
      'log.jsonl',
      'metrics.csv',
      'metrics.jsonl',
      'sessions.jsonl',
      'summary.json',
    ]);
    expect(file('run', 'last').toString()).toBe('checkpoints/step-36\n');
    const summary = JSON.parse(file('run', 'summary.json').toString());
    expect(summary).toMatchObject({ step: 36, interrupted: false, final: { images: 15 } });
    expect(summary.final.top1).toBeGreaterThanOrEqual(90);

    const rows = readMetrics(join(cwd, 'run'));
    expect(rows.filter((row) => row.kind === 'val').map((row) => row.step)).toEqual(
      Array.from({ length: 12 }, (_, i) => 3 * (i + 1)),
    );
    expect(Object.keys(rows[0]!)).toEqual(
      expect.arrayContaining([
        'kind',
        'step',
        'epoch',
        'loss.primary',
        'loss.auxiliary',
        'top1',
        'top5_err',
      ]),
    );
    const csv = file('run', 'metrics.csv').toString().trimEnd().split('\n');
    expect(csv[0]).toMatch(/^kind,step,epoch,lr,loss\.primary,loss\.auxiliary,images,top1/);
    expect(csv).toHaveLength(rows.length + 1);
    for (const line of file('run', 'log.jsonl').toString().trimEnd().split('\n')) {
      expect(JSON.parse(line)).toHaveProperty('msg');
    }
  });

  it('goes to runs/<name>-<date> without --out', async () => {
    await train('--max-steps', '1');
    expect(readdirSync(join(cwd, 'runs'))[0]).toMatch(/^small-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d$/);
  });

  it('writes down when, where, with what and by which command, in every session', async () => {
    const out = "it's a run";
    await train('--max-steps', '2', '--out', out);
    appendFileSync(join(cwd, out, 'sessions.jsonl'), '{"started": "torn by a cr');
    const resumed = await relaybp(
      ...['train', '--resume', out, '--engine', 'wasm', '--max-steps', '3'],
    );
    expect(resumed.code).toBe(0);
    const sessions = readSessions(join(cwd, out));
    expect(sessions).toHaveLength(2);
    expect(file(out, 'sessions.jsonl').toString().trimEnd().split('\n')).toHaveLength(2);
    const [first, second] = sessions;
    expect(first).toMatchObject({
      step: 0,
      folder: realpathSync(cwd),
      host: hostname(),
      cpu: cpus()[0]!.model.trim(),
      cores: availableParallelism(),
      relaybp: version,
      node: process.versions.node,
      engine: { name: 'wasm', precision: 'float32', device: 'cpu' },
    });
    expect(first!.command).toMatch(
      /^node \S+ train c\.yaml .*--max-steps 2 --out 'it'\\''s a run'$/,
    );
    expect(second).toMatchObject({ step: 2 });
    expect(second!.command).toMatch(
      / train --resume 'it'\\''s a run' --engine wasm --max-steps 3$/,
    );
    const age = Date.now() - Date.parse(second!.started);
    expect(age).toBeGreaterThan(0);
    expect(age).toBeLessThan(600_000);
  });

  it('is the same from run to run', async () => {
    await train('--out', 'a');
    await train('--out', 'b');
    expect(bytesOf('a/checkpoints/step-6')).toEqual(bytesOf('b/checkpoints/step-6'));
  });

  it('keeps the last K checkpoints and the best', async () => {
    await train('--out', 'run', '--set', 'checkpoint.keep=1', '--set', 'checkpoint.every=2 steps');
    const kept = readdirSync(join(cwd, 'run/checkpoints'));
    const best = file('run', 'best').toString().trim().split('/')[1];
    expect(new Set(kept)).toEqual(new Set(['step-6', best]));
  });

  it('--fast-dev-run does three steps, an evaluation and a checkpoint', async () => {
    const { code, stdout } = await train('--fast-dev-run', '--set', 'seed=5', '--out', 'run');
    expect(code).toBe(0);
    expect(stdout).toMatch(/\nit works: 3 steps, a small evaluation and a checkpoint in \d+ s\n/);
    expect(stdout).toMatch(/\nnext: node \S+ train c.yaml --engine wasm --set seed=5\n$/);
    expect(stdout).not.toContain('best');
    expect(readdirSync(join(cwd, 'run/checkpoints'))).toContain('step-3');
    expect(readMetrics(join(cwd, 'run')).map((row) => row.kind)).toContain('val');
  });
});

describe('--resume', () => {
  it('gives the same weights and metrics as an uninterrupted run', async () => {
    await train('--out', 'whole');
    await train('--out', 'parts', '--max-steps', '2');
    const { code, stdout } = await relaybp('train', '--resume', 'parts', '--engine', 'wasm');
    expect(code).toBe(0);
    expect(stdout).toContain('going on after step 2');
    expect(bytesOf('parts/checkpoints/step-6')).toEqual(bytesOf('whole/checkpoints/step-6'));
    const last = (name: string) =>
      readMetrics(join(cwd, name)).findLast((row) => row.kind === 'val');
    expect(last('parts')).toEqual(last('whole'));
  });

  it.each([
    '{kind: class-aware, samplesPerClass: 2}',
    '{kind: power, q: 0.5, epochSize: 30}',
    '{kind: progressive}',
    '{kind: repeat-factor, threshold: 0.4}',
  ])('the same with sampler %s, all augmentations, and pairs that batches cut', async (sampler) => {
    const options = [
      `data.sampler=${sampler}`,
      'data.augment={colorJitter: {contrast: 0.5, hue: 0.2}, randomErasing: {}, mixup: {}, cutmix: {}}',
      'training={steps: 5, batchSize: 9, microBatch: 3, labelSmoothing: 0.1}',
    ].flatMap((one) => ['--set', one]);
    await train('--out', 'whole', ...options);
    await train('--out', 'parts', '--max-steps', '3', ...options);
    const { code } = await relaybp('train', '--resume', 'parts', '--engine', 'wasm');
    expect(code).toBe(0);
    expect(bytesOf('parts/checkpoints/step-5')).toEqual(bytesOf('whole/checkpoints/step-5'));
    const weights = bytesOf('whole/checkpoints/step-5')[0];
    await train('--out', 'plain', '--set', 'training={steps: 5, batchSize: 9, microBatch: 3}');
    expect(bytesOf('plain/checkpoints/step-5')[0]).not.toEqual(weights);
  });

  it('after kill -9 at any moment ends at the same weights, with no doubled or torn rows', async () => {
    const long = [
      '--set',
      'training.epochs=8',
      '--set',
      'checkpoint.every=1 steps',
      '--set',
      'training.logEvery=1 steps',
    ];
    await train('--out', 'whole', ...long);
    const { child, outcome, stdout } = start(
      ['train', 'c.yaml', '--engine', 'wasm', '--out', 'killed', ...long],
      cwd,
      env,
    );
    while (!stdout().includes('step 7/')) await sleep(5);
    child.kill('SIGKILL');
    expect((await outcome).signal).toBe('SIGKILL');
    const { code } = await relaybp('train', '--resume', 'killed', '--engine', 'wasm');
    expect(code).toBe(0);
    expect(bytesOf('killed/checkpoints/step-24')).toEqual(bytesOf('whole/checkpoints/step-24'));
    const steps = (name: string) =>
      readMetrics(join(cwd, name)).map((row) => `${row.kind} ${row.step}`);
    expect(steps('killed')).toEqual(steps('whole'));
  });

  it('takes more epochs, and the newest run by itself', async () => {
    await train('--max-steps', '3');
    const { code, stdout } = await relaybp(
      'train',
      '--resume',
      '--engine',
      'wasm',
      '--set',
      'training.epochs=3',
    );
    expect(code).toBe(0);
    expect(stdout).toContain('step 9');
  });

  it('goes on only inside a run folder, and not into another', async () => {
    await train('--max-steps', '1', '--out', 'run');
    cpSync(join(cwd, 'run/checkpoints/step-1'), join(cwd, 'copy'), { recursive: true });
    const copied = await train('--resume', 'copy');
    expect(copied.code).toBe(4);
    expect(copied.stderr).toContain('copy: not inside a run folder');
    const two = await train('--resume', 'run', '--out', 'other');
    expect(two.code).toBe(2);
    expect(two.stderr).toContain('--out other cannot be given as well');
  });

  it('from an earlier checkpoint takes the run back to it', async () => {
    await train('--out', 'run', '--set', 'checkpoint={every: 2 steps, keep: 9}');
    const back = await train('--resume', 'run/checkpoints/step-2', '--max-steps', '4');
    expect(back.code).toBe(0);
    expect(file('run', 'last').toString()).toBe('checkpoints/step-4\n');
    expect(readdirSync(join(cwd, 'run/checkpoints'))).not.toContain('step-6');
    expect(Math.max(...readMetrics(join(cwd, 'run')).map((row) => row.step))).toBe(4);
  });

  it('leaves files alone that are not its own', async () => {
    mkdirSync(join(cwd, 'mine'));
    writeFileSync(join(cwd, 'mine/notes.tmp'), 'mine');
    await train('--max-steps', '1', '--out', 'mine');
    await train('--resume', 'mine', '--max-steps', '2');
    expect(file('mine', 'notes.tmp').toString()).toBe('mine');
  });

  it('where no run folder can be made another one is advised, not checkpoints that are not there', async () => {
    writeFileSync(join(cwd, 'file'), '');
    for (const out of ['file', 'file/run']) {
      const { code, stderr } = await train('--out', out);
      expect(code).toBe(4);
      expect(stderr).toMatch(/^error: file\S*: the run folder cannot be made: /);
      expect(stderr).toMatch(/hint: .*another folder is given by --out\n$/);
      expect(stderr).not.toContain('--resume');
    }
  });

  it('refuses another network, other classes, and a run that is not there', async () => {
    await train('--max-steps', '1', '--out', 'run');
    const other = await train(
      '--resume',
      'run',
      '--set',
      'model.segments.seg1.layers.0.conv.filters=5',
    );
    expect(other.code).toBe(4);
    expect(other.stderr).toContain(
      'parameter conv1_1.weight is [3, 3, 3, 4] in the checkpoint, but [3, 3, 3, 5] in the network',
    );
    const missing = await relaybp('train', '--resume', 'nowhere');
    expect(missing.code).toBe(4);
    expect(missing.stderr).toContain(
      'nowhere: neither a checkpoint (no state.json) nor a run folder',
    );
    const fewer = await colourImages();
    rmSync(join(fewer, 'train', 'red'), { recursive: true });
    const changed = await train(
      '--resume',
      'run',
      '--set',
      `data.root=${fewer}`,
      '--set',
      'data.classes=2',
    );
    expect(changed.code).toBe(4);
    expect(changed.stderr).toContain('gone: red; new: none');
  });
});

describe('signals', () => {
  it('SIGINT: the last whole step is saved, exit 130, and --resume goes on', async () => {
    const { child, outcome, stdout } = start(
      [
        'train',
        'c.yaml',
        '--engine',
        'wasm',
        '--out',
        'run',
        '--set',
        'training.epochs=500',
        '--set',
        'training.logEvery=1 steps',
      ],
      cwd,
      env,
    );
    while (!stdout().includes('step 4/')) await sleep(5);
    child.kill('SIGINT');
    const { code, stdout: text, stderr } = await outcome;
    expect(code).toBe(130);
    expect(stderr).toContain('finishing the current step');
    const step = Number(/interrupted after step (\d+)/.exec(text)?.[1]);
    expect(step).toBeGreaterThanOrEqual(4);
    expect(file('run', 'last').toString()).toBe(`checkpoints/step-${step}\n`);
    const resumed = await relaybp(
      'train',
      '--resume',
      'run',
      '--engine',
      'wasm',
      '--max-steps',
      String(step + 1),
    );
    expect(resumed.code).toBe(0);
  });
});

describe('what goes wrong', () => {
  it('a loss that is not finite stops the run with step, loss and layers; earlier checkpoints stay', async () => {
    const { code, stderr } = await train(
      '--out',
      'run',
      '--set',
      'optimizer.lr=1e30',
      '--set',
      'checkpoint.every=1 steps',
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(/error: step \d+: the loss "(primary|auxiliary)" is (NaN|Infinity)/);
    expect(stderr).toMatch(/gradients that are not finite: .*conv/);
    expect(stderr).toContain(
      'hint: the last checkpoint is untouched; lower optimizer.lr (now 1e+30)',
    );
    expect(existsSync(join(cwd, 'run/checkpoints/step-1/state.json'))).toBe(true);
  });

  it("a schedule's minimum above the rate: an error before anything is done; runs that were trained so are read", async () => {
    const wrong = ['--set', 'schedule={type: cosine, minimum: 1}'];
    const message = 'schedule.minimum: 1 is above optimizer.lr, ';
    for (const args of [
      ['train', 'c.yaml', '--out', 'run'],
      ['plan', 'c.yaml'],
    ]) {
      const { code, stderr } = await relaybp(...args, ...wrong);
      expect(stderr, args[0]).toContain(message);
      expect(code, args[0]).toBe(2);
    }
    expect(existsSync(join(cwd, 'run'))).toBe(false);

    expect((await train('--out', 'run', '--max-steps', '1')).code).toBe(0);
    const older = join(cwd, 'run/checkpoints/step-1');
    const state = JSON.parse(readFileSync(join(older, 'state.json'), 'utf8'));
    state.config.schedule = { type: 'cosine', minimum: 1 };
    writeFileSync(join(older, 'state.json'), JSON.stringify(state));
    rmSync(join(older, 'state.sha256'));
    const evaluated = await relaybp('eval', 'run', '--engine', 'wasm');
    expect(evaluated.code, evaluated.stderr).toBe(0);
    const log = file('run', 'metrics.jsonl');
    const resumed = await relaybp('train', '--resume', 'run', '--engine', 'wasm');
    expect(resumed.stderr).toContain(message);
    expect(resumed.code).toBe(2);
    expect(file('run', 'metrics.jsonl')).toEqual(log);
    const mended = await relaybp(
      ...['train', '--resume', 'run', '--engine', 'wasm', '--set', 'schedule.minimum=0'],
      ...['--change', 'schedule.minimum'],
    );
    expect(mended.code, mended.stderr).toBe(0);
  });

  it('diverged weights never become a checkpoint', async () => {
    const each = ['--set', 'evaluation.every=1 steps'];
    const good = await train('--out', 'run', '--max-steps', '1', ...each);
    expect(good.code).toBe(0);
    const { code, stderr } = await train(
      ...each,
      '--resume',
      'run',
      '--set',
      'optimizer.lr=1e37',
      '--change',
      'optimizer.lr',
      '--max-steps',
      '2',
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(/step 2: the (validation loss|weight \w+\.\w+ is not finite)/);
    expect(file('run', 'last').toString()).toBe('checkpoints/step-1\n');
    expect(file('run', 'best').toString()).toBe('checkpoints/step-1\n');
  });

  it("the accuracy shown is the primary head's, wherever it stands", async () => {
    const text = SMALL_CONFIG.replace('data/small', images);
    const [start, rest] = text.split('losses:\n') as [string, string];
    const [primary, others] = rest.split('  - name: auxiliary') as [string, string];
    const [auxiliary, end] = others.split('optimizer:') as [string, string];
    const swapped = `${start}losses:\n  - name: auxiliary${auxiliary}${primary}optimizer:${end}`;
    writeFileSync(join(cwd, 'c.yaml'), swapped);
    const { stdout } = await train('--out', 'run');
    const shown = [...stdout.matchAll(/validation: top-1 ([\d.]+) %/g)].map(([, top1]) =>
      Number(top1),
    );
    const logged = readMetrics(join(cwd, 'run')).filter((row) => row.kind === 'val');
    expect(shown).toEqual(logged.map((row) => Number(Number(row.top1).toFixed(2))));
  });

  it('data that are not there or do not fit the config', async () => {
    const gone = await train('--set', 'data.root=nowhere');
    expect(gone.code).toBe(3);
    expect(gone.stderr).toContain('nowhere/train');
    const count = await train('--set', 'data.classes=4');
    expect(count.code).toBe(3);
    expect(count.stderr).toContain('3 classes, but data.classes is 4');
    expect(existsSync(join(cwd, 'runs'))).toBe(false);
  });

  it('undecodable files are skipped and named, or stop the run', async () => {
    const broken = await colourImages();
    writeFileSync(join(broken, 'train/red/bad.jpg'), 'no image');
    const skipped = await train(
      '--set',
      `data.root=${broken}`,
      '--set',
      'training.epochs=8',
      '--set',
      'data.mean=[1,1,1]',
      '--set',
      'data.std=50',
    );
    expect(skipped.code).toBe(0);
    expect(
      skipped.stdout.match(/skipped, another image of its class takes its place: .*bad\.jpg/g),
    ).toHaveLength(1);
    const failed = await train(
      '--set',
      `data.root=${broken}`,
      '--set',
      'training.epochs=8',
      '--set',
      'data.onError.policy=fail',
    );
    expect(failed.code).toBe(3);
    expect(failed.stderr).toMatch(
      /1 of \d+ training images cannot be decoded; the first: red\/bad\.jpg: /,
    );
  });

  it('a run folder in use is refused', async () => {
    await train('--max-steps', '1', '--out', 'run');
    const again = await train('--max-steps', '1', '--out', 'run');
    expect(again.code).toBe(4);
    expect(again.stderr).toContain('run: holds a run already');
  });
});
