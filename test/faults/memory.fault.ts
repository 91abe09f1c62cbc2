/** Memory over many steps, and memory that runs out. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../src/run/checkpoint.js';
import { findCheckpoint } from '../../src/run/run-checkpoints.js';
import { colourImages } from '../support/images.js';
import { SHORT, set, times, Workplace } from './support.js';

let images: string;
beforeAll(async () => {
  images = await colourImages();
});

interface Sample {
  step: number | 'end';
  tensors: number;
  raw: number;
  mebibytes: number;
}

const STEPS = times(1000, 2000);
/** Growth from the end of the warm-up to the end, MiB: allocators round. One map of a step that leaks takes 16 KiB. */
const TOLERANCE = 16;

describe.each(['wasm', 'native'])('on the %s engine', (engine) => {
  it(`resident memory and tensor count stay flat over ${STEPS} steps, with evaluations and checkpoints`, async () => {
    const place = new Workplace(images, (config) =>
      `${config}checkpoint: {every: 50 steps}\nevaluation: {every: 50 steps}\n`.replace(
        'epochs: 2',
        'steps: 1',
      ),
    );
    const script = fileURLToPath(new URL('steps.js', import.meta.url));
    const args = [script, engine, String(STEPS), place.at('c.yaml'), place.at('run')];
    // Garbage of the loader's threads is collected when their young generation is full: so it is small here.
    const flags = ['--expose-gc', '--max-semi-space-size=1'];
    const child = spawn(process.execPath, [...flags, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
      // How much the C library's pools of many threads keep for themselves is a matter of chance.
      env: { ...process.env, MALLOC_ARENA_MAX: '1' },
    });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk;
    });
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(0);
    const samples = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Sample);
    const end = samples.pop()!;
    expect(samples).toHaveLength(STEPS / 100);
    for (const { tensors, raw } of samples) {
      expect(tensors).toBe(samples[0]!.tensors);
      expect(raw).toBe(samples[0]!.raw);
    }
    expect(end.tensors).toBe(0);
    // After the warm-up: the least of the second quarter against the least of the last.
    const quarter = Math.ceil(samples.length / 4);
    const least = (part: Sample[]) => Math.min(...part.map(({ mebibytes }) => mebibytes));
    const before = least(samples.slice(quarter, 2 * quarter));
    const after = least(samples.slice(-quarter));
    console.log(
      `${engine}: ${samples[0]!.tensors} tensors; ${before.toFixed(1)} MiB, at the end ${after.toFixed(1)} MiB; all: ${samples.map(({ mebibytes }) => mebibytes.toFixed(0)).join(' ')}`,
    );
    expect(after - before).toBeLessThan(TOLERANCE);
  });
});

/** A first layer with so many filters that a micro-batch of the whole batch cannot be had. */
const WIDE = (filters: number, batch: number): string[] =>
  set(
    `model.segments.seg1.layers=[{conv: {filters: ${filters}, kernel: 3}}, {maxpool: {size: 16}}]`,
    'model.segments.seg2.layers=[{conv: {filters: 4, kernel: 1}}]',
    `training={steps: 2, batchSize: ${batch}, microBatch: ${batch}}`,
    'checkpoint.every=1 steps',
  );

/** The micro-batch that is advised. */
function advised(stderr: string): number {
  expect(stderr).toMatch(/^error: (wasm|native) engine: /m);
  expect(stderr).not.toMatch(/^\s+at /m); // no stack: nothing else failed on the way out
  expect(stderr).toMatch(
    /^micro-batches of \d+ need about [\d.]+ GiB by the plan, work space included; there is room for [\d.]+ [GM]iB$/m,
  );
  const [, images] =
    /^hint: --set training\.microBatch=(\d+) needs about [\d.]+ [GM]iB; the batch stays at \d+ images/m.exec(
      stderr,
    ) ?? [];
  expect(images, stderr).toBeDefined();
  return Number(images);
}

describe('out of memory in a step', () => {
  // 384 images make maps of 1.5 GiB; their gradient is as large again, and ReLU's too.
  it('wasm, whose heap ends at 4 GiB: says which micro-batch fits, and that one does', async () => {
    const place = new Workplace(images);
    const args = [...WIDE(4096, 384), '--out', 'run'];
    const { code, stderr } = await place.train(args);
    expect(stderr).toMatch(/no memory left for a tensor of shape \[384, 16, 16, 4096\]/);
    expect(code).toBe(1);
    const fits = advised(stderr);
    expect(384 % fits).toBe(0);
    expect(existsSync(place.at('run/last'))).toBe(false);
    if (SHORT) return;
    const smaller = ['--max-steps', '1', ...set(`training.microBatch=${fits}`)];
    expect(await place.train([...args, ...smaller])).toMatchObject({ code: 0 });
  });

  it('native, under a limit of the process (ulimit -d): the same, and the last checkpoint stays whole', async () => {
    const place = new Workplace(images);
    // A step of a small micro-batch leaves a checkpoint; then the same run wants 512 images at once. The maps take
    // 512 MiB; with their gradient and work space 1.8 GiB are needed. The limit lets the first half of that pass.
    const train = (...more: string[]): string[] => [
      ...['train', 'c.yaml', '--engine', 'native', '--out', 'run', ...WIDE(1024, 512), ...more],
    ];
    const small = set('training.microBatch=32');
    const first = await place.relaybp(train('--max-steps', '1', ...small));
    expect(first).toMatchObject({ code: 0 });
    const under = ['sh', '-c', `ulimit -d ${1550 * 1024} && exec "$@"`, 'sh'];
    const { code, stderr } = await place.relaybp(train('--resume'), { under });
    expect(stderr).toMatch(/OOM when allocating tensor with shape\[512,16,16,1024\]/);
    expect(code).toBe(1);
    const fits = advised(stderr);
    expect(512 % fits).toBe(0);
    openCheckpoint(findCheckpoint(place.at('run'))).verify();
    const fitting = set(`training.microBatch=${fits}`);
    const again = await place.relaybp(train('--resume', ...fitting), { under });
    expect(again).toMatchObject({ code: 0 });
  });
});

const STEP = times(2000, 250); // KiB
it.each([
  // Kernels of our own have their work space as tensors; those of XNNPACK ask for theirs themselves.
  ['auto', ['no memory left', 'same']],
  ['direct', ['for want of memory', 'no memory left', 'same']],
])(
  `wasm, convolutions %s, with ever less of the heap left (every ${STEP} KiB): the same numbers or an error, never others`,
  async (form, expected) => {
    const script = fileURLToPath(new URL('full-heap.js', import.meta.url));
    const ends = new Map<string, number>();
    for (let room = 0; room <= 12_000; room += STEP) {
      const { stdout, stderr, status } = spawnSync(process.execPath, [script, String(room), form], {
        encoding: 'utf8',
      });
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(stdout, `${room} KiB`).toMatch(
        /^(same|OutOfMemoryError: wasm engine: (no memory left for a tensor of|\w+ failed, most likely for want of memory: ).*)\n$/,
      );
      const end = /no memory left|for want of memory|same/.exec(stdout)![0];
      ends.set(end, (ends.get(end) ?? 0) + 1);
    }
    console.log(
      `full heap: ${[...ends].map(([end, count]) => `${count} times ${end}`).join('; ')}`,
    );
    // An output that cannot be had, work space of a kernel that cannot, and room enough.
    expect([...ends.keys()]).toEqual(expect.arrayContaining(expected));
  },
);
