import { describe, expect, it } from 'vitest';
import type { ScheduleConfig } from '../../src/config/experiment-schema.js';
import { parseConfig } from '../../src/config/load.js';
import { ConfigError } from '../../src/errors.js';
import { Timeline } from '../../src/experiment/timeline.js';
import {
  afterEvaluation,
  checkSchedule,
  initialScheduleState,
  learningRate,
} from '../../src/train/schedule.js';
import { SMALL_CONFIG } from '../support/configs.js';

const schedule = (text: string): ScheduleConfig =>
  parseConfig(`${SMALL_CONFIG}schedule: ${text}\n`, 'test').config.schedule;

const timeline = Timeline.begin({ stepsPerEpoch: 10, batchSize: 4, images: 40 });
const durations = { timeline, length: 10 };
/** Rates at steps, base 1, rounded. */
const rates = (text: string, steps: number[]): number[] =>
  steps.map((step) =>
    Number(learningRate(schedule(text), 1, step, durations, initialScheduleState()).toFixed(6)),
  );

describe('learning rate', () => {
  it('constant', () => expect(rates('{type: constant}', [0, 50, 99])).toEqual([1, 1, 1]));

  it('step: every 3 epochs by 0.1', () =>
    expect(rates('{type: step, every: 3 epochs}', [0, 29, 30, 59, 60])).toEqual([
      1, 1, 0.1, 0.1, 0.01,
    ]));

  it('multistep: at the milestones, in epochs or steps', () =>
    expect(
      rates('{type: multistep, milestones: [2, 55 steps], factor: 0.5}', [19, 20, 54, 55]),
    ).toEqual([1, 0.5, 0.5, 0.25]));

  it('poly: (1 - t) ^ power', () =>
    expect(rates('{type: poly, power: 2}', [0, 50, 100])).toEqual([1, 0.25, 0]));

  it('cosine: half a period down to the minimum', () =>
    expect(rates('{type: cosine, minimum: 0.1}', [0, 50, 100])).toEqual([1, 0.55, 0.1]));

  it('warm-up rises linearly, then the schedule runs over the rest', () =>
    expect(rates('{type: cosine, warmup: 20 steps}', [0, 9, 19, 20, 60, 100])).toEqual([
      0.05, 0.5, 1, 1, 0.5, 0,
    ]));

  it('warm-up from a rate, at the first step', () =>
    expect(rates('{type: constant, warmup: 20 steps, warmupFrom: 0.2}', [0, 10, 19, 20])).toEqual([
      0.2, 0.6, 0.96, 1,
    ]));

  it('cosine over all: the warm-up takes the place of its beginning', () =>
    expect(rates('{type: cosine, warmup: 20 steps, over: all}', [19, 50, 100])).toEqual([
      1, 0.5, 0,
    ]));

  it('per epoch: the rate of an epoch is that of its first step', () => {
    expect(rates('{type: cosine, per: epoch}', [0, 9, 50, 59])).toEqual([1, 1, 0.5, 0.5]);
    expect(rates('{type: constant, per: epoch, warmup: 4}', [0, 9, 10, 39, 40])).toEqual([
      0.25, 0.25, 0.5, 1, 1,
    ]);
    // 2.34 epochs are 23 steps and a bit: they do not add up.
    expect(rates('{type: step, every: 2.34, factor: 0.5, per: epoch}', [69, 70, 90])).toEqual([
      0.25, 0.25, 0.125,
    ]);
  });
});

const NOW = { metric: 'top1', warming: false } as const;

describe('plateau', () => {
  const plateau = schedule('{type: plateau, factor: 0.1, patience: 2, minimum: 0.005}');
  const after = (errors: number[]) =>
    errors.reduce(
      (state, error) => afterEvaluation(plateau, state, error, NOW),
      initialScheduleState(),
    );
  const rate = (errors: number[]): number =>
    Number(learningRate(plateau, 1, 50, durations, after(errors)).toFixed(6));

  it('keeps the rate while the error falls', () => expect(rate([50, 49, 48, 47])).toBe(1));
  it('waits out its patience', () => expect(rate([50, 51])).toBe(1));
  it('divides after `patience` evaluations without improvement', () =>
    expect(rate([50, 50, 50])).toBe(0.1));
  it('counts anew after a reduction and after an improvement', () => {
    expect(rate([50, 51, 51, 51])).toBe(0.1);
    expect(rate([50, 51, 49, 50])).toBe(1);
    expect(rate([50, 51, 51, 51, 51])).toBe(0.01);
  });
  it('stops at the minimum', () => expect(rate(Array(20).fill(50))).toBe(0.005));
  it('better by exactly the threshold counts, by less it does not, rounding aside', () => {
    const best = (threshold: number, errors: number[]) => {
      const config = schedule(`{type: plateau, threshold: ${threshold}}`);
      return errors.reduce(
        (s, error) => afterEvaluation(config, s, error, NOW),
        initialScheduleState(),
      ).best;
    };
    expect(best(1, [50, 49])).toBe(49);
    expect(best(1, [50, 49.01])).toBe(50);
    // One image of 1000 fewer wrong, as percentages are computed: 100 - 67.9 - (100 - 68) is not quite 0.1.
    expect(best(0.1, [100 - 67.9, 100 - 68])).toBe(32);
    expect(32.099999999999994 - 32).toBeLessThan(0.1);
    expect(best(0, [50, 50])).toBe(50);
    expect(best(0, [50, 49.9])).toBe(49.9);
  });
  it('better by more than a share of the best accuracy, or loss', () => {
    const config = schedule('{type: plateau, threshold: 0.1, thresholdOf: best}');
    const best = (metric: 'top1' | 'loss', errors: number[]) =>
      errors.reduce(
        (s, error) => afterEvaluation(config, s, error, { metric, warming: false }),
        initialScheduleState(),
      ).best;
    expect(best('top1', [50, 45.1])).toBe(50); // 54.9 is no more than 1.1 × 50
    expect(best('top1', [50, 44.9])).toBe(44.9);
    expect(best('loss', [2, 1.81])).toBe(2);
    expect(best('loss', [2, 1.79])).toBe(1.79);
  });
  it('evaluations during the warm-up do not count', () => {
    const state = initialScheduleState();
    expect(afterEvaluation(plateau, state, 50, { metric: 'top1', warming: true })).toBe(state);
  });
  it('goes on from a state that an earlier version saved', () => {
    const saved = { scale: 0.1, best: 40, waited: 1 };
    expect(afterEvaluation(plateau, saved, 41, NOW)).toEqual({
      ...saved,
      scale: 0.1 * 0.1,
      waited: 0,
    });
    expect(afterEvaluation(plateau, saved, 39, NOW)).toEqual({ scale: 0.1, best: 39, waited: 0 });
  });
  it('other schedules remember nothing', () =>
    expect(afterEvaluation(schedule('{type: constant}'), initialScheduleState(), 50, NOW)).toEqual(
      initialScheduleState(),
    ));
});

describe('a minimum above the rate', () => {
  const check = (text: string, ...set: string[]) =>
    checkSchedule(parseConfig(`${SMALL_CONFIG}schedule: ${text}\n`, 'c.yaml', set));

  it.each(['cosine', 'plateau'])('%s: a config error, wherever it comes from', (type) => {
    expect(() => check(`{type: ${type}, minimum: 0.02}`)).not.toThrow(); // equal to optimizer.lr
    expect(() => check(`{type: ${type}, minimum: 0.5, warmup: 5 steps}`)).toThrow(ConfigError);
    expect(() => check(`{type: ${type}, minimum: 0.5}`)).toThrow(
      /c\.yaml:\d+:\d+: schedule\.minimum: 0\.5 is above optimizer\.lr, 0\.02 \(c\.yaml:\d+:\d+\)/,
    );
    expect(() => check(`{type: ${type}, minimum: 0.01}`, 'optimizer.lr=0.001')).toThrow(
      /schedule\.minimum: 0\.01 is above optimizer\.lr, 0\.001 \(--set optimizer\.lr=0\.001\)/,
    );
  });

  it('so is a warm-up that begins above it', () => {
    expect(() => check('{type: constant, warmup: 1, warmupFrom: 0.02}')).not.toThrow();
    expect(() => check('{type: constant, warmup: 1, warmupFrom: 0.03}')).toThrow(
      /schedule\.warmupFrom: 0\.03 is above optimizer\.lr, 0\.02/,
    );
  });

  it('the rate never rises to it', () => {
    for (const type of ['cosine', 'plateau'] as const)
      expect(rates(`{type: ${type}, minimum: 5}`, [0, 50, 100])).toEqual([1, 1, 1]);
  });

  it('schedules without one are not concerned', () => {
    for (const text of ['{type: constant}', '{type: poly}', '{type: step, every: 1}'])
      expect(() => check(text)).not.toThrow();
  });
});
