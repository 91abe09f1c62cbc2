/** `precision` from the config to the checkpoint, and back. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { locateNative } from '../../src/engine/locate.js';
import { openNativeEngine } from '../../src/engine/native/opening/open.js';
import { openEngine } from '../../src/engine/select.js';
import { bf16ProductsProblem } from '../engine/bf16-products.js';
import { type Outcome, run } from '../support/cli.js';
import { SMALL_CONFIG } from '../support/configs.js';
import { colourImages } from '../support/images.js';

const location = locateNative();
const needed = location || process.env.RELAYBP_REQUIRE_NATIVE === '1';

const LAYERS =
  'model.segments.seg1.layers=[{conv: {filters: 8, kernel: 3, relu: false}}, {batchnorm: {relu: true}}, {maxpool: {size: 2}}, {avgpool: {size: 5, stride: 1, padding: 2}}]';

let cwd: string;
beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'relaybp-precision-'));
  writeFileSync(join(cwd, 'c.yaml'), SMALL_CONFIG.replace('data/small', await colourImages()));
});
const relaybp = (...args: string[]): Promise<Outcome> =>
  run(args, cwd, { RELAYBP_CACHE_DIR: join(cwd, 'cache') });
const weights = (folder: string, step: number): string =>
  readFileSync(join(cwd, folder, `checkpoints/step-${step}/weights.safetensors`), 'base64');

test('wasm refuses bf16, with the way out', async () => {
  const result = await relaybp('train', 'c.yaml', '--engine', 'wasm', '--set', 'precision=bf16');
  expect(result.code).not.toBe(0);
  expect(result.stderr).toContain('precision bf16: the portable wasm engine computes in float32');
  expect(result.stderr).toContain('precision: float32');
});

test('wasm under auto is float32, and says so', async () => {
  const notices: string[] = [];
  const options = { precision: 'auto', onNotice: (line: string) => notices.push(line) } as const;
  expect((await openEngine('wasm', options)).info.precision).toBe('float32');
  expect(notices).toEqual([expect.stringContaining('float32')]);
});

test('a precision that there is not is a config error', async () => {
  const { code, stderr } = await relaybp('plan', 'c.yaml', '--set', 'precision=fp16');
  expect(code).not.toBe(0);
  expect(stderr).toMatch(/precision.*fp16.*float32.*bf16.*auto/s);
});

describe.runIf(needed)('on the native engine', () => {
  test.for([
    [true, 'bf16'],
    [false, 'float32'],
  ] as const)('auto where bfloat16 is fast: %s', async ([bf16Products, expected], { skip }) => {
    const problem = bf16Products ? await bf16ProductsProblem(location!) : null;
    if (problem !== null) skip(`no convolution in bfloat16 here: ${problem}`);
    const notices: string[] = [];
    const engine = await openNativeEngine(location!, {
      precision: 'auto',
      bf16Products,
      onNotice: (line) => notices.push(line),
    });
    expect(engine.info.precision).toBe(expected);
    expect(notices).toEqual([expect.stringContaining(`Precision ${expected}`)]);
  });

  // The first is a CPU without AVX-512, as far as bfloat16 goes; with the second TensorFlow calls oneDNN nevertheless.
  test.each<Record<string, string>>([
    { ONEDNN_MAX_CPU_ISA: 'AVX2', TF_ENABLE_ONEDNN_OPTS: '0' },
    { ONEDNN_MAX_CPU_ISA: 'AVX2' },
    { TF_ENABLE_ONEDNN_OPTS: '0' },
  ])('bf16 trains, evaluates and gives gradients with %o, and says what it lacks', async (env) => {
    const name = Object.keys(env).join();
    const restricted = (...args: string[]) =>
      run(args, cwd, { RELAYBP_CACHE_DIR: join(cwd, 'cache'), ...env });
    const bf16 = ['--engine', 'native', '--set', 'precision=bf16', '--set', LAYERS];
    const trained = await restricted('train', 'c.yaml', ...bf16, '--out', name, '--max-steps', '2');
    expect(trained).toMatchObject({ code: 0 });
    expect(trained.stdout + trained.stderr).toMatch(
      /other means on this device.*average pooling.*memory here, not time.*engine status/,
    );
    const scored = ['eval', name, '--engine', 'native', '--precision', 'bf16', '--json'];
    expect(await restricted(...scored)).toMatchObject({ code: 0 });
    const gradients = ['--out', `${name}.safetensors`];
    expect(await restricted('grad', 'c.yaml', ...bf16, ...gradients)).toMatchObject({ code: 0 });
    const { stdout } = await restricted('engine', 'status', '--json');
    const { engines, environment } = JSON.parse(stdout);
    expect(environment).toMatchObject(env);
    expect(engines[0].trials).toContainEqual(
      expect.objectContaining({
        what: expect.stringContaining('AvgPool'),
        type: 'bf16',
        problem: expect.stringMatching(/descriptor|rounds more/),
        instead: expect.stringContaining('float32'),
      }),
    );
  });

  test('float32 stays float32, whatever the environment says of oneDNN', async () => {
    const bf16 = { ONEDNN_DEFAULT_FPMATH_MODE: 'BF16', TF_SET_ONEDNN_FPMATH_MODE: 'BF16' };
    const frozen = { TF_ONEDNN_ASSUME_FROZEN_WEIGHTS: '1' };
    const train = ['train', 'c.yaml', '--engine', 'native', '--max-steps', '2', '--out'];
    await relaybp(...train, 'plain');
    const env = { RELAYBP_CACHE_DIR: join(cwd, 'cache'), ...bf16, ...frozen };
    const changed = await run([...train, 'fpmath'], cwd, env);
    expect(changed).toMatchObject({ code: 0 });
    for (const name of Object.keys({ ...bf16, ...frozen })) {
      expect(changed.stdout + changed.stderr).toContain(`${name}=`);
    }
    expect(weights('fpmath', 2)).toBe(weights('plain', 2));
  });

  test('bf16 trains, resumes to the bit, is recorded, and another precision needs a flag', async () => {
    const bf16 = ['--engine', 'native', '--set', 'precision=bf16'];
    const whole = await relaybp('train', 'c.yaml', ...bf16, '--out', 'whole', '--max-steps', '5');
    expect(whole).toMatchObject({ code: 0 });
    expect(whole.stdout).toContain('bf16');
    await relaybp('train', 'c.yaml', ...bf16, '--out', 'parts', '--max-steps', '2');
    const state = JSON.parse(
      readFileSync(join(cwd, 'parts/checkpoints/step-2/state.json'), 'utf8'),
    );
    expect(state.engine).toMatchObject({ name: 'native', precision: 'bf16' });
    expect(state.config.precision).toBe('bf16');

    const resume = ['train', '--resume', 'parts', '--engine', 'native', '--max-steps', '5'];
    const refused = await relaybp(...resume, '--set', 'precision=float32');
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain('was trained in bf16, and would go on in float32');
    expect(refused.stderr).toContain('--change-precision');
    expect(await relaybp(...resume)).toMatchObject({ code: 0 });
    expect(weights('parts', 5)).toBe(weights('whole', 5));

    await relaybp('train', 'c.yaml', ...bf16, '--out', 'changed', '--max-steps', '2');
    const changed = await relaybp(
      ...['train', '--resume', 'changed', '--engine', 'native', '--max-steps', '5'],
      ...['--set', 'precision=float32', '--change-precision'],
    );
    expect(changed).toMatchObject({ code: 0 });
    expect(weights('changed', 5)).not.toBe(weights('whole', 5));
    // Evaluation takes float32 unless told otherwise: the weights are float32.
    const evaluated = await relaybp('eval', 'parts', '--engine', 'wasm');
    expect(evaluated).toMatchObject({ code: 0 });
  });
});
