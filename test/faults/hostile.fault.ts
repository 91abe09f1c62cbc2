/** Files made to do harm: refused with a message, in bounded memory and time, and nothing in them is executed. */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { colourImages } from '../support/images.js';
import { followPeak, set, Workplace } from './support.js';

let images: string;
let place: Workplace;
beforeAll(async () => {
  images = await colourImages();
  place = new Workplace(images);
});

/** Runs a command. `peak`: its largest resident memory in MiB, as the kernel keeps count of it. */
async function measured(args: readonly string[]) {
  const began = performance.now();
  const { child, outcome } = place.start(args);
  const peakOf = followPeak(child);
  const result = await outcome;
  const peak = peakOf();
  expect(peak).toBeGreaterThan(20);
  return { ...result, peak, seconds: (performance.now() - began) / 1000 };
}

const valid = (): string => readFileSync(place.at('c.yaml'), 'utf8');
const repeated = (text: string, length: number): string =>
  text.repeat(Math.ceil(length / text.length)).slice(0, length);
const MB10 = 10_000_000;
const LIMIT = 256 * 1024 - 100;

describe('a config', () => {
  const bomb = Array.from({ length: 12 }, (_, i) =>
    i === 0 ? 'a0: &a0 [x, x, x, x, x, x, x, x, x]' : `a${i}: &a${i} [${`*a${i - 1}, `.repeat(9)}]`,
  ).join('\n');
  it.each<[string, () => string, RegExp]>([
    ['10 MB of nested lists', () => '['.repeat(MB10), /a config has at most 262144 characters/],
    ['10 MB of nested mappings', () => repeated('{a: ', MB10), /at most 262144 characters/],
    ['nested lists within the limit of size', () => '['.repeat(LIMIT), /nested too deeply/],
    ['nested mappings within it', () => repeated('{a: ', LIMIT), /nested too deeply/],
    [
      'nested by indentation',
      () => Array.from({ length: 700 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'),
      /nested too deeply/,
    ],
    ['nested in one line', () => `${repeated('- ', LIMIT)}x`, /nested too deeply/],
    ['nested keys', () => `${repeated('? ', LIMIT)}x`, /nested too deeply/],
    ['a bomb of anchors', () => bomb, /Excessive alias count/],
    [
      'duplicate keys',
      () => `${valid()}seed: 1\nseed: 2\n`,
      /:\d+:1: the key "seed" is there twice/,
    ],
    [
      '__proto__',
      () => `${valid()}__proto__: {polluted: 1}\n`,
      /"__proto__" is not allowed as a key/,
    ],
    [
      '__proto__ deep inside',
      () => valid().replace('optimizer: {', 'optimizer: {__proto__: {lr: 1}, '),
      /"__proto__" is not allowed/,
    ],
    [
      'constructor',
      () => `${valid()}constructor: {prototype: {polluted: 1}}\n`,
      /"constructor" is not allowed as a key/,
    ],
    [
      'a function',
      () => `${valid()}seed: !!js/function "function(){ process.exit(77) }"\n`,
      /Unresolved tag/,
    ],
    ['a hundred thousand quotes', () => '"'.repeat(100_000), /not valid YAML/],
    [
      'thirty thousand keys',
      () =>
        Array.from({ length: 30_000 }, (_, i) => `k${i}: 1`)
          .join('\n')
          .slice(0, LIMIT),
      /unknown key|not valid YAML/,
    ],
    [
      'variables in variables',
      () => `${valid()}x: "${repeated('${A:-', 100_000)}"\n`,
      /nested too deeply|unknown key/,
    ],
    ['zero bytes', () => '\0'.repeat(1000), /not valid YAML|a config is a YAML mapping/],
  ])('of %s is refused in bounded memory and time', async (name, text, message) => {
    writeFileSync(place.at('hostile.yaml'), text());
    const { code, stderr, peak, seconds } = await measured(['plan', 'hostile.yaml']);
    expect(stderr.slice(0, 1000)).toMatch(message);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(code).toBe(2);
    expect(peak, name).toBeLessThan(400);
    expect(seconds, name).toBeLessThan(120);
  });

  it('that never ends (/dev/zero) is refused', async () => {
    const { code, stderr, peak } = await measured(['plan', '/dev/zero']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/at most 262144 characters/);
    expect(peak).toBeLessThan(300);
  });

  it.each([
    ['--set', '__proto__.polluted=1'],
    ['--set', 'training.__proto__={a: 1}'],
    ['--set', `${'a.'.repeat(3000)}b=1`],
    ['--set', `seed=${'['.repeat(60_000)}`],
    ['--set', 'constructor.prototype.x=1'],
  ])('key or value by %s %.40s is refused', async (...args) => {
    const { code, stderr } = await place.relaybp(['plan', 'c.yaml', ...args]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/not allowed as a key|nested too deeply/);
  });

  it('executes nothing: neither shell nor JavaScript, whatever its values say', async () => {
    const mark = place.at('executed');
    const evil = [
      `$(touch ${mark})`,
      `\`touch ${mark}\``,
      `;touch ${mark}`,
      `javascript:require('fs').writeFileSync('${mark}','')`,
    ];
    for (const value of evil) {
      for (const key of ['data.root', 'data.train', 'data.val']) {
        const { code } = await place.train([
          ...set(`${key}=${JSON.stringify(value)}`),
          '--out',
          'evil',
        ]);
        expect(code).toBe(3);
      }
    }
    expect(existsSync(mark)).toBe(false);
  });
});

describe('a safetensors file with a lying header', () => {
  /** A sparse file of `size` bytes that begins with a header. */
  function file(
    header: string,
    { claims = BigInt(header.length), size = 8 + header.length } = {},
  ): string {
    const path = place.at('hostile.safetensors');
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(claims);
    const descriptor = openSync(path, 'w');
    writeSync(descriptor, length);
    writeSync(descriptor, header);
    truncateSync(path, size);
    return path;
  }
  const tensor = (shape: unknown, offsets: unknown, dtype: unknown = 'F32'): string =>
    JSON.stringify({ a: { dtype, shape, data_offsets: offsets } });

  it.each<[string, () => string, RegExp]>([
    [
      'that it is 2^63 bytes long',
      () => file('{}', { claims: 2n ** 63n }),
      /the header claims 9223372036854775808 bytes, the file has 2 after its first 8/,
    ],
    [
      'that it is 2^64 - 1 bytes long',
      () => file('{}', { claims: 2n ** 64n - 1n }),
      /the header claims 18446744073709551615 bytes, the file has 2/,
    ],
    [
      'that it is 99 MB long',
      () => file('{}', { claims: 99_000_000n }),
      /the header claims 99000000 bytes, the file has 2/,
    ],
    [
      'of 110 MB, which the file has',
      () => file('{}', { claims: 110_000_000n, size: 110_000_008 }),
      /the header claims 110000000 bytes, at most 100000000 are read/,
    ],
    [
      'of a tensor of 4 TB',
      () => file(tensor([2 ** 40], [0, 2 ** 42])),
      /ends at byte \d+, the file has \d+: truncated/,
    ],
    [
      'of 2^53 elements that take nothing',
      () => file(tensor([2 ** 53 - 1], [0, 0])),
      /has 0 bytes, its shape needs/,
    ],
    [
      'of sizes whose product overflows',
      () => file(tensor([2 ** 40, 2 ** 40, 2 ** 40], [0, 8])),
      /its shape needs/,
    ],
    ['of negative sizes', () => file(tensor([-1, -4], [0, 16])), /has the shape \[-1,-4\]/],
    [
      'of offsets that are no numbers',
      () => file('{"a":{"dtype":"F32","shape":[1],"data_offsets":[{"valueOf":1,"toString":1},4]}}'),
      /has the data_offsets/,
    ],
    [
      'of a type that is no text',
      () => file('{"a":{"dtype":{"toString":1},"shape":[1],"data_offsets":[0,4]}}'),
      /has dtype \{"toString":1\}/,
    ],
    [
      'of overlapping tensors',
      () =>
        file(
          '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}',
          { size: 139 },
        ),
      /begins at 4, not 8: a gap or an overlap/,
    ],
    [
      'nested a million deep',
      () => file(`{"a":${'['.repeat(1e6)}${']'.repeat(1e6)}}`),
      /tensor "a" has dtype undefined/,
    ],
  ])('%s is refused, and nothing is allocated for it', async (_, make, message) => {
    const path = make();
    const { code, stderr, peak } = await measured(['eval', path]);
    expect(stderr.slice(0, 1000)).toMatch(message);
    expect(code).toBe(4);
    expect(peak).toBeLessThan(300);
  });
});

describe('a checkpoint from elsewhere', () => {
  it('executes nothing, and reads nothing outside its folder', async () => {
    expect(await place.train(['--out', 'run', '--max-steps', '2'])).toMatchObject({ code: 0 });
    const mark = place.at('executed');
    const state = place.at('run/checkpoints/step-2/state.json');
    const data = JSON.parse(readFileSync(state, 'utf8'));
    data.files['../../../../etc/passwd'] = { bytes: 1, sha256: '0' };
    data.classes[0] = `<script>$(touch ${mark})</script>`;
    data.toString = 'function(){}';
    data.config.data.val = `$(touch ${mark})`;
    writeFileSync(state, JSON.stringify(data).replace('{', '{"__proto__":{"polluted":true},'));
    rmSync(place.at('run/checkpoints/step-2/state.sha256'));
    const { code, stderr } = await place.relaybp(['eval', 'run', '--engine', 'wasm']);
    expect(code).toBe(3); // there is no such folder of images
    expect(stderr).toMatch(/no such file or folder/);
    expect(existsSync(mark)).toBe(false);
  });

  it('no source file evaluates text as code', () => {
    const { stdout } = spawnSync(
      'grep',
      ['-rnE', String.raw`\beval\(|new Function\(|runIn(New|This)?Context\(`, 'src'],
      { encoding: 'utf8' },
    );
    // The one call there is makes the garbage collector reachable; its text is a constant.
    expect(stdout.trim().split('\n')).toEqual([
      expect.stringMatching(/collect-garbage\.ts:.*runInNewContext\('gc'\)/),
    ]);
  });
});

describe('a JPEG of 280 megapixels', () => {
  let big: string;
  beforeAll(async () => {
    big = place.at('big');
    mkdirSync(big);
    const noise = {
      create: { width: 20_000, height: 14_000, channels: 3 as const, background: '#358' },
    };
    for (const progressive of [false, true]) {
      await sharp({ ...noise, limitInputPixels: false })
        .jpeg({ progressive, quality: 50 })
        .toFile(join(big, progressive ? 'progressive.jpg' : 'baseline.jpg'));
    }
    expect(await place.train(['--out', 'trained', '--max-steps', '2'])).toMatchObject({ code: 0 });
  });
  const predict = (...args: string[]) =>
    measured(['predict', 'trained', ...args, '--engine', 'wasm', '--format', 'json']);

  it('is refused with its size, the limit and the key, in the memory of a small one', async () => {
    const small = await predict(join(images, 'val/red/0.jpg'));
    expect(small.code).toBe(0);
    for (const name of ['baseline.jpg', 'progressive.jpg']) {
      const { code, stdout, stderr, peak } = await predict(join(big, name));
      expect(code).toBe(3);
      expect(stdout).toContain(
        '20000x14000 is 280 megapixels, more than the limit of 100 (data.maxPixels)',
      );
      expect(stderr).toContain('none of 1 images could be decoded');
      console.log(
        `${name}: refused at ${peak.toFixed(0)} MiB, a small image took ${small.peak.toFixed(0)} MiB`,
      );
      expect(peak).toBeLessThan(small.peak + 50);
    }
  });

  it('in a training is skipped; with data.maxPixels raised it is decoded', async () => {
    const root = await colourImages();
    for (let i = 0; i < 4; i++) rmSync(join(root, 'train/red', `${i}.jpg`));
    writeFileSync(join(root, 'train/red/0.jpg'), readFileSync(join(images, 'train/red/0.jpg')));
    writeFileSync(join(root, 'train/red/big.jpg'), readFileSync(join(big, 'baseline.jpg')));
    const args = (limit: string[]): string[] => [
      ...['train', 'c.yaml', '--engine', 'wasm', '--max-steps', '6'],
      ...set(`data.root=${JSON.stringify(root)}`, ...limit),
    ];
    const skipped = await measured(args([]));
    expect(skipped.code).toBe(0);
    expect(skipped.stdout).toMatch(/skipped, .*big\.jpg: 20000x14000 is 280 megapixels/);
    const taken = await measured(args(['data.maxPixels=300000000']));
    expect(taken.code).toBe(0);
    expect(taken.stdout).not.toContain('skipped');
    console.log(
      `training: skipped at ${skipped.peak.toFixed(0)} MiB, decoded at ${taken.peak.toFixed(0)} MiB`,
    );
    expect(taken.peak).toBeLessThan(skipped.peak + 400); // JPEGs are shrunk while they are read
  });
});
