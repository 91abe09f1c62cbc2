/**
 * Stops leave no trace: a training that is stopped after every single step, each time with the evaluation that
 * `--max-steps` brings about, ends as the one that was never stopped.
 */
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, it, vi } from 'vitest';
import { parseConfig, train } from '../../src/index.js';
import { openCheckpoint } from '../../src/run/checkpoint.js';
import { readMetrics } from '../../src/run/rows.js';
import { SMALL_CONFIG } from '../support/configs.js';
import { colourImages } from '../support/images.js';

vi.setConfig({ testTimeout: 240_000 });

const STEPS = 6;
let folder: string;
let images: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'relaybp-stops-'));
  process.env.RELAYBP_CACHE_DIR = join(folder, 'cache');
  images = await colourImages();
});

/** What the end of a training is made of. */
function endOf(run: string) {
  const checkpoint = join(run, `checkpoints/step-${STEPS}`);
  const { config: _, ...state } = openCheckpoint(checkpoint).state;
  const summary = JSON.parse(readFileSync(join(run, 'summary.json'), 'utf8'));
  return {
    tensors: ['weights', 'optimizer', 'ema'].map((name) =>
      readFileSync(join(checkpoint, `${name}.safetensors`), 'base64'),
    ),
    state,
    evaluations: readMetrics(run).filter(({ kind }) => kind === 'val'),
    best: [readFileSync(join(run, 'best'), 'utf8'), summary.best],
    last: readFileSync(join(run, 'last'), 'utf8'),
  };
}

/** The weight of the auxiliary loss by step, where it changes. */
const weights = (run: string) =>
  readMetrics(run).flatMap(({ kind, step, 'weight.auxiliary': weight }) =>
    kind === 'train' && weight !== undefined ? [[step, weight]] : [],
  );

it.each([
  ['{type: constant, warmup: 4 steps}', 'top5', '{type: linear, start: 1, end: 0}'],
  ['{type: step, every: 1, factor: 0.5}', 'top1', '0.3'],
  ['{type: multistep, milestones: [1, 5 steps], factor: 0.5}', 'top1', '0.3'],
  ['{type: plateau, factor: 0.5, patience: 1, threshold: 30}', 'top1', '0.3'],
  ['{type: plateau, factor: 0.25, patience: 1, threshold: 3}', 'loss', '0.3'],
  ['{type: poly, power: 2, warmup: 1}', 'loss', '0.3'],
  ['{type: cosine, minimum: 0.001}', 'top1', '0.3'],
])('schedule %s', async (schedule, metric, weight) => {
  const config = parseConfig(SMALL_CONFIG.replace('data/small', images), 'c', [
    `schedule=${schedule}`,
    `losses.auxiliary.weight=${weight}`,
    `training={steps: ${STEPS}, batchSize: 8}`,
    'training.logEvery=1 steps',
    'optimizer.ema=0.5',
    `evaluation={every: 2 steps, metric: ${metric}}`,
    'checkpoint={every: 4 steps, keep: 1}',
  ]);
  const name = schedule.replace(/\W+/g, '-');
  const engine = 'wasm';
  const whole = join(folder, `whole${name}`);
  await train(config, { out: whole, engine });
  const parts = join(folder, `parts${name}`);
  for (let maxSteps = 1; maxSteps <= STEPS; maxSteps++) {
    const where = maxSteps === 1 ? { out: parts } : { resume: parts };
    const result = await train(maxSteps === 1 ? config : undefined, { ...where, engine, maxSteps });
    expect(result).toMatchObject({ step: maxSteps, interrupted: false });
    // It is evaluated where it stops, and that is told as any other evaluation.
    expect(readMetrics(parts).findLast(({ kind }) => kind === 'val')?.step).toBe(maxSteps);
    expect(result.best).not.toBeNull();
  }
  expect(endOf(parts)).toEqual(endOf(whole));
  expect(weights(parts)).toEqual(weights(whole));
  expect(weights(whole)).toHaveLength(weight.startsWith('{') ? STEPS : 0);
  const { schedule: memory } = openCheckpoint(join(whole, `checkpoints/step-${STEPS}`)).state;
  if (schedule.includes('plateau')) expect(memory.scale).toBeLessThan(1); // so that the test tests something
});
