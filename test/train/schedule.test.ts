import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import type { ScheduleConfig } from '../../src/config/schema.js';
import { afterEvaluation, initialScheduleState, learningRate } from '../../src/train/schedule.js';
import { SMALL_CONFIG } from '../support/configs.js';

const schedule = (text: string): ScheduleConfig =>
  parseConfig(`${SMALL_CONFIG}schedule: ${text}\n`, 'test').config.schedule;

const durations = { stepsPerEpoch: 10, totalSteps: 100 };
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
});

describe('plateau', () => {
  const plateau = schedule('{type: plateau, factor: 0.1, patience: 2, minimum: 0.005}');
  const after = (errors: number[]) =>
    errors.reduce((state, error) => afterEvaluation(plateau, state, error), initialScheduleState());
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
  it('other schedules remember nothing', () =>
    expect(afterEvaluation(schedule('{type: constant}'), initialScheduleState(), 50)).toEqual(
      initialScheduleState(),
    ));
});
