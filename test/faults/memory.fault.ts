/** Memory over many steps, and memory that runs out. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { verifyCheckpoint } from '../../src/checkpoint/checkpoint.js';
import { findCheckpoint } from '../../src/checkpoint/run-checkpoints.js';
import { colourImages } from '../support/images.js';
import { need, SHORT, set, times, Workplace } from './support.js';

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

const STEPS = times(600, 2000);
/** Growth from the end of the warm-up to the end, MiB: allocators round, collectors are lazy. */
const TOLERANCE = 24;

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
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
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
    // After the warm-up: the least of the first third against the least of the last third.
    const third = Math.ceil(samples.length / 3);
    const least = (part: Sample[]) => Math.min(...part.map(({ mebibytes }) => mebibytes));
    const [before, after] = [least(samples.slice(1, 1 + third)), least(samples.slice(-third))];
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
    `training={steps: 2, batchSize: ${batch}}`,
    'checkpoint.every=1 steps',
  );

/** The micro-batch that is advised. */
function advised(stderr: string): number {
  expect(stderr).toMatch(/^error: (wasm|native) engine: /m);
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
  it('wasm, whose heap ends at 4 GiB: says which micro-batch fits, and that one does', async () => {
    const place = new Workplace(images);
    const args = [...WIDE(4096, 1152), '--out', 'run'];
    const { code, stderr } = await place.train(args);
    expect(stderr).toMatch(/no memory left for a tensor|for want of memory/);
    expect(code).toBe(1);
    const fits = advised(stderr);
    expect(1152 % fits).toBe(0);
    expect(existsSync(place.at('run/last'))).toBe(false);
    if (SHORT) return;
    const again = await place.train([
      ...args,
      '--max-steps',
      '1',
      ...set(`training.microBatch=${fits}`),
    ]);
    expect(again).toMatchObject({ code: 0 });
  });

  it('native, under a limit of the process (ulimit -d): the same, and the last checkpoint stays whole', async () => {
    const place = new Workplace(images);
    // A few steps without a limit leave a checkpoint; then the same run meets one.
    const wide = (batch: number) => [...WIDE(1024, batch), '--engine', 'native'];
    const first = await place.relaybp([
      'train',
      'c.yaml',
      ...wide(512),
      '--out',
      'run',
      '--max-steps',
      '1',
      ...set('training.microBatch=32'),
    ]);
    expect(first).toMatchObject({ code: 0 });
    need('prlimit', '--version');
    const under = ['prlimit', `--data=${1500 * 2 ** 20}`, '--'];
    const resume = ['train', 'c.yaml', ...wide(512), '--out', 'run', '--resume'];
    const { code, stderr } = await place.relaybp(resume, { under });
    expect(stderr).toMatch(/OOM when allocating|RESOURCE_EXHAUSTED|out of memory|[Aa]llocat/);
    expect(code).toBe(1);
    const fits = advised(stderr);
    expect(512 % fits).toBe(0);
    verifyCheckpoint(findCheckpoint(place.at('run')));
    const again = await place.relaybp([...resume, ...set(`training.microBatch=${fits}`)], {
      under,
    });
    expect(again).toMatchObject({ code: 0 });
  });
});
