import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeSafetensors } from '../../src/safetensors.js';
import { type Outcome, run } from '../support/cli.js';
import { SMALL_CONFIG } from '../support/configs.js';
import { colourImages } from '../support/images.js';

let cwd: string;
let images: string;
const relaybp = (...args: string[]): Promise<Outcome> =>
  run(args, cwd, { RELAYBP_CACHE_DIR: join(cwd, 'cache') });
const train = (config: string, out: string, ...more: string[]): Promise<Outcome> =>
  relaybp('train', config, '--engine', 'wasm', '--out', out, ...more);

beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'relaybp-exchange-'));
  images = await colourImages();
  const config = SMALL_CONFIG.replace('data/small', images).replace(
    'optimizer: {lr: 0.02,',
    'optimizer: {lr: 0.02, ema: 0.9,',
  );
  writeFileSync(join(cwd, 'c.yaml'), config);
  const { code, stderr } = await train('c.yaml', 'runs/a');
  expect(code, stderr).toBe(0);
});

const weights = (folder: string, file = 'weights'): Map<string, Float32Array> => {
  const path = join(cwd, folder, `${file}.safetensors`);
  const tensors = decodeSafetensors(readFileSync(path), path);
  return new Map([...tensors].map(([name, { values }]) => [name, values]));
};
const checkpoint = (run: string): string =>
  join(run, readFileSync(join(cwd, run, 'last'), 'utf8').trim());

describe('export', () => {
  it.each(['onnx', 'tfjs', 'safetensors'])('%s, compared on validation images', async (format) => {
    const args = [
      'export',
      'runs/a',
      '--format',
      format,
      '--out',
      `small.${format}`,
      '--engine',
      'wasm',
    ];
    const { code, stdout, stderr } = await relaybp(...args, '--json');
    expect(code, stderr).toBe(0);
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({ format, path: `small.${format}` });
    expect(existsSync(join(cwd, `small.${format}`))).toBe(true);
    if (format !== 'safetensors') {
      expect(result.verified).toMatchObject({ images: 4, drawn: false });
      expect(result.verified.probabilities).toBeLessThan(1e-5);
    }
    const again = await relaybp(...args);
    expect(again.code).toBe(2);
    expect(again.stderr).toContain('is there already');
    expect((await relaybp(...args, '--force')).code).toBe(0);
  });

  it('forms of the graph: what they change is measured', async () => {
    const onnx = ['export', 'runs/a', '--format', 'onnx', '--engine', 'wasm'];
    const forms = ['--fold-batchnorm', '--weights', 'float16', '--batch', '5'];
    const measured = await relaybp(...onnx, '--out', 'form.onnx', ...forms);
    expect(measured.code, measured.stderr).toBe(0);
    expect(measured.stdout).toMatch(
      /folded batch normalizations: probabilities change by at most .*\nfloat16 weights: probabilities change by at most .* the best class of \d of 5 images/,
    );
    const sized = await relaybp(...onnx, '--out', 'sized.onnx', '--size', '40x48', '--json');
    expect(sized.code, sized.stderr).toBe(0);
    expect(JSON.parse(sized.stdout).verified.probabilities).toBeLessThan(1e-5);
    expect(readFileSync(join(cwd, 'sized.onnx'), 'latin1')).toContain('["batch",3,40,48]');
    const any = await relaybp(...onnx, '--out', 'any.onnx', '--size', 'any');
    expect(any.code, any.stderr).toBe(0);
    expect(readFileSync(join(cwd, 'any.onnx'), 'latin1')).toContain('["batch",3,"height","width"]');
    expect(readdirSync(cwd).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('--ema exports the moving average', async () => {
    const args = ['export', 'runs/a', '--checkpoint', 'last', '--ema', '--format', 'safetensors'];
    expect((await relaybp(...args, '--out', 'ema.safetensors')).code).toBe(0);
    const ema = weights(checkpoint('runs/a'), 'ema');
    const exported = weights('.', 'ema');
    expect(exported.get('conv1_1.weight')).toEqual(ema.get('conv1_1.weight'));
    expect([...exported.keys()].some((name) => name.startsWith('auxiliary'))).toBe(false);
  });

  it('mistakes leave nothing behind', async () => {
    mkdirSync(join(cwd, 'photos'));
    const mistakes: [string[], number, string][] = [
      [['export', 'runs/a'], 2, "required option '--format"],
      [['export', 'runs/a', '--format', 'pytorch'], 2, 'Allowed choices are onnx, tfjs'],
      [['export', 'runs/none', '--format', 'onnx'], 4, 'neither a checkpoint'],
      [['export', 'runs/a', '--format', 'onnx', '--out', 'none/a.onnx'], 2, 'cannot be written to'],
      [
        ['export', 'runs/a', '--format', 'tfjs', '--out', 'photos', '--force'],
        2,
        'holds no export',
      ],
      [
        ['export', 'runs/a', '--format', 'onnx', '--out', 'x.onnx', '--images', 'no.jpg'],
        3,
        'can be decoded',
      ],
      [
        ['export', 'runs/a', '--format', 'onnx', '--size', '40x'],
        2,
        'a positive integer is needed',
      ],
      [
        ['export', 'runs/a', '--format', 'onnx', '--size', '3'],
        2,
        'cannot take images of 3x3 pixels',
      ],
      [
        ['export', 'runs/a', '--format', 'safetensors', '--batch', '4', '--weights', 'float16'],
        2,
        '--batch, --weights: safetensors holds the weights',
      ],
    ];
    const before = readdirSync(cwd).sort();
    for (const [args, code, message] of mistakes) {
      const outcome = await relaybp(...args, ...(args.length > 2 ? ['--engine', 'wasm'] : []));
      expect(outcome.stderr, args.join(' ')).toContain(message);
      expect(outcome.code, args.join(' ')).toBe(code);
    }
    expect(readdirSync(cwd).sort()).toEqual(before);
  });
});

describe('import', () => {
  it('of an exported safetensors file gives the run that it came from', async () => {
    await relaybp('export', 'runs/a', '--format', 'safetensors', '--out', 'back.safetensors');
    const mean = [...weights('.', 'back').get('normalization.mean')!];
    const std = [...weights('.', 'back').get('normalization.std')!];
    const settings = ['--set', `data.mean=[${mean}]`, '--set', `data.std=[${std}]`];
    const args = [
      'import',
      'back.safetensors',
      '--config',
      'c.yaml',
      '--out',
      'runs/back',
      ...settings,
    ];
    const { code, stdout, stderr } = await relaybp(...args);
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('names of relaybp');
    expect(stdout).toContain('not used: normalization.mean, normalization.std');
    const evaluate = async (run: string) => {
      const outcome = await relaybp('eval', run, '--json', '--engine', 'wasm');
      expect(outcome.code, outcome.stderr).toBe(0);
      return JSON.parse(outcome.stdout);
    };
    const [there, here] = [await evaluate('runs/a'), await evaluate('runs/back')];
    expect(here.loss).toBeCloseTo(there.loss, 6);
    expect(here.confusion).toEqual(there.confusion);
  });

  it('mistakes', async () => {
    writeFileSync(join(cwd, 'w.pth'), 'x');
    writeFileSync(join(cwd, 'two.txt'), 'a\nb\n');
    writeFileSync(join(cwd, 'double.txt'), 'a\nb\na\n');
    const numbers = ['--set', 'data.mean=[1,2,3]', '--set', 'data.std=1'];
    const mistakes: [string[], number, string][] = [
      [['w.pth', '--config', 'c.yaml', ...numbers], 2, 'convert it: python'],
      [['none.safetensors', '--config', 'c.yaml', ...numbers], 4, 'cannot be read'],
      [['small.onnx', '--config', 'c.yaml'], 2, 'data.mean is "channel"'],
      [
        ['w.pth', '--config', 'c.yaml', ...numbers, '--classes', 'two.txt'],
        3,
        '2 classes, but data.classes is 3',
      ],
      [
        ['w.pth', '--config', 'c.yaml', ...numbers, '--classes', 'double.txt'],
        3,
        '"a" is named twice',
      ],
      [
        ['w.pth', '--config', 'c.yaml', ...numbers, '--set', 'data.root=nowhere'],
        3,
        'give --classes FILE',
      ],
    ];
    for (const [args, code, message] of mistakes) {
      const outcome = await relaybp('import', ...args, '--out', 'runs/wrong');
      expect(outcome.stderr, args.join(' ')).toContain(message);
      expect(outcome.code, args.join(' ')).toBe(code);
    }
    expect(existsSync(join(cwd, 'runs/wrong'))).toBe(false);
  });
});

describe('initialCheckpoint', () => {
  /** The same trunk; another classifier for the primary loss, and no auxiliary one. */
  const fineTuning = (initial: string): string => {
    const config = readFileSync(join(cwd, 'c.yaml'), 'utf8');
    return config
      .replace('name: small', `name: tuned\ninitialCheckpoint: ${initial}`)
      .replace(/ {2}- name: auxiliary[\s\S]*?dropout: 0\}\n/, '')
      .replace('range: {downTo: seg2}', 'range: {downTo: seg1}')
      .replace(
        '- fc: {units: classes}',
        '- fc: {units: 7, relu: true}\n      - fc: {units: classes}',
      );
  };

  it.each(['runs/a', 'last checkpoint', 'small.safetensors'])(
    'from %s: what fits is loaded, the rest listed',
    async (name) => {
      if (name === 'small.safetensors' && !existsSync(join(cwd, name))) {
        await relaybp('export', 'runs/a', '--format', 'safetensors', '--out', name);
      }
      const from = name === 'last checkpoint' ? checkpoint('runs/a') : name;
      const out = `runs/tuned-${name.replaceAll(/\W/g, '-')}`;
      writeFileSync(join(cwd, 'tune.yaml'), fineTuning(from));
      const { code, stdout, stderr } = await train(
        'tune.yaml',
        out,
        '--max-steps',
        '1',
        '--set',
        'optimizer.lr=1e-12',
      );
      expect(code, stderr).toBe(0);
      const text = stdout + stderr;
      expect(text).toMatch(/initial weights: 6 tensors from .*: conv1_1, conv2_1, conv3_1/);
      expect(text).toContain('primary.fc1.weight is [8, 3] there and [8, 7] here');
      expect(text).toContain('new, drawn from the seed: primary.fc2');
      if (name !== 'small.safetensors') expect(text).toContain('not used: auxiliary.fc1');
      const source =
        name === 'small.safetensors' ? weights('.', 'small') : weights(checkpoint('runs/a'));
      const tuned = weights(checkpoint(out));
      for (const layer of ['conv1_1.weight', 'conv2_1.bias', 'conv3_1.weight']) {
        const [before, after] = [source.get(layer)!, tuned.get(layer)!];
        expect(Math.max(...before.map((value, i) => Math.abs(value - after[i]!)))).toBeLessThan(
          1e-6,
        );
      }
    },
  );

  it('resuming does not read it again', async () => {
    const { code, stdout, stderr } = await relaybp(
      ...['train', '--resume', 'runs/tuned-runs-a', '--max-steps', '2', '--engine', 'wasm'],
      ...['--set', 'initialCheckpoint=runs/gone'],
    );
    expect(code, stderr).toBe(0);
    expect(stdout + stderr).not.toContain('initial weights');
  });

  it('images that were normalized otherwise are told', async () => {
    writeFileSync(join(cwd, 'tune.yaml'), fineTuning('runs/a'));
    const { code, stdout, stderr } = await train(
      'tune.yaml',
      'runs/other',
      '--max-steps',
      '1',
      '--set',
      'data.mean=[0,0,0]',
    );
    expect(code, stderr).toBe(0);
    expect(stdout + stderr).toMatch(
      /its images were normalized by mean \[\d+.*here they are by \[0, 0, 0\]/,
    );
  });

  it('mistakes: nothing there, nothing that fits', async () => {
    const other = SMALL_CONFIG.replace('data/small', images)
      .replaceAll('filters: ', 'filters: 1')
      .replaceAll(/seg(\d)/g, 'part$1')
      .replaceAll('auxiliary', 'other');
    writeFileSync(join(cwd, 'other.yaml'), other);
    const start = (initial: string) =>
      train('other.yaml', 'runs/never', '--set', `initialCheckpoint=${initial}`);
    const gone = await start('runs/gone');
    expect(gone.stderr).toContain('runs/gone: does not exist');
    expect(gone.code).toBe(4);
    writeFileSync(
      join(cwd, 'other.yaml'),
      other.replace('- avgpool: {size: global}', '- fc: {units: 9}'),
    );
    const nothing = await start('runs/a');
    expect(nothing.stderr).toContain('none of its tensors fits this network');
    expect(nothing.code).toBe(4);
    expect(existsSync(join(cwd, 'runs/never'))).toBe(false);
  });
});
