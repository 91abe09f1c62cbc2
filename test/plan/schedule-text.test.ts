import { expect, test } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import { scheduleText } from '../../src/plan/schedule-text.js';
import { SMALL_CONFIG } from '../support/configs.js';

test.each([
  ['{type: constant}', 'constant'],
  ['{type: constant, warmup: 0 steps}', 'constant'],
  ['{type: constant, warmup: 1}', 'constant, after a warm-up of 1 epoch'],
  ['{type: step, every: 30, factor: 0.2}', 'step, × 0.2 every 30 epochs'],
  [
    '{type: multistep, milestones: [30, 500 steps], warmup: 0.5}',
    'multistep, × 0.1 at 30 epochs, 500 steps, after a warm-up of 0.5 epochs',
  ],
  ['{type: plateau, patience: 1}', 'plateau, × 0.1 after 1 evaluation without a better error'],
  [
    '{type: plateau, threshold: 0.5, minimum: 0.0001}',
    'plateau, × 0.1 after 3 evaluations without an error better by 0.5 points, not below 0.0001',
  ],
  ['{type: poly, power: 2}', 'poly, to 0 with power 2'],
  ['{type: cosine, warmup: 100 steps}', 'cosine, to 0, after a warm-up of 100 steps'],
  ['{type: cosine, minimum: 0.001}', 'cosine, to 0.001'],
])('%s: %s', (schedule, text) => {
  const { config } = parseConfig(`${SMALL_CONFIG}schedule: ${schedule}\n`, 'c.yaml');
  expect(scheduleText(config.schedule, 'top1')).toBe(text);
});

test.each([
  ['top5', 0, 'a better top-5 error'],
  ['top5', 1, 'a top-5 error better by 1 points'],
  ['loss', 0, 'a better loss'],
  ['loss', 0.01, 'a loss better by 0.01'],
] as const)('plateau by %s with threshold %d', (metric, threshold, better) => {
  const text = `${SMALL_CONFIG}schedule: {type: plateau, threshold: ${threshold}}\n`;
  const { schedule } = parseConfig(text, 'c.yaml').config;
  const words = scheduleText(schedule, metric);
  expect(words).toBe(`plateau, × 0.1 after 3 evaluations without ${better}`);
});
