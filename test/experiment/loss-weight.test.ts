import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import { dependsOnLength } from '../../src/config/loss-weight.js';
import { planExperiment } from '../../src/experiment/experiment-plan.js';
import { planAt } from '../../src/experiment/moment.js';
import { Timeline } from '../../src/experiment/timeline.js';
import { weightAt } from '../../src/experiment/weight-at.js';
import { weightText } from '../../src/plan/loss-text.js';
import { SMALL_CONFIG } from '../support/configs.js';

const load = (text: string) => parseConfig(SMALL_CONFIG, 'c', [`losses.auxiliary.weight=${text}`]);
const weightOf = (text: string) => load(text).config.losses[1]!.weight;

const timeline = Timeline.begin({ stepsPerEpoch: 10, batchSize: 4, images: 40 });
const durations = { timeline, length: 10 };
const weights = (text: string, steps: number[]): number[] =>
  steps.map((step) => Number(weightAt(weightOf(text), step, durations).toFixed(6)));

describe('the weight of a loss', () => {
  it('constant', () => expect(weights('0.3', [0, 50, 99])).toEqual([0.3, 0.3, 0.3]));

  it('linear, over the whole training', () =>
    expect(weights('{type: linear, start: 1, end: 0.5}', [0, 25, 50, 100, 120])).toEqual([
      1, 0.875, 0.75, 0.5, 0.5,
    ]));

  it('linear, between two times, up as well as down', () =>
    expect(
      weights(
        '{type: linear, start: 0, end: 2, from: 20 steps, until: 4 epochs}',
        [0, 20, 25, 39, 40, 90],
      ),
    ).toEqual([0, 0, 0.5, 1.9, 2, 2]));

  it('cosine: half a period', () =>
    expect(
      weights('{type: cosine, start: 0.3, end: 0.1, until: 60 steps}', [0, 20, 30, 40, 60, 99]),
    ).toEqual([0.3, 0.25, 0.2, 0.15, 0.1, 0.1]));

  it('step: at regular intervals', () =>
    expect(weights('{type: step, start: 2, every: 3, factor: 0.5}', [0, 29, 30, 59, 60])).toEqual([
      2, 2, 1, 1, 0.5,
    ]));

  it('multistep: at milestones, also upwards', () =>
    expect(
      weights(
        '{type: multistep, start: 0.1, milestones: [2, 55 steps], factor: 3}',
        [19, 20, 54, 55],
      ),
    ).toEqual([0.1, 0.3, 0.3, 0.9]));

  it('goes on by the epochs where an epoch gets another length', () => {
    const longer = timeline.goingOn(20, { stepsPerEpoch: 20, batchSize: 2, images: 40 });
    const text = '{type: linear, start: 1, end: 0, until: 4}';
    expect(weightAt(weightOf(text), 20, { ...durations, timeline: longer })).toBeCloseTo(0.5, 12);
    expect(weightAt(weightOf(text), 40, { ...durations, timeline: longer })).toBeCloseTo(0.25, 12);
  });

  it('runs to the end of the training where nothing else is said', () => {
    expect(dependsOnLength(weightOf('{type: cosine, start: 1, end: 0}'))).toBe(true);
    expect(dependsOnLength(weightOf('{type: cosine, start: 1, end: 0, until: 5}'))).toBe(false);
    expect(dependsOnLength(weightOf('{type: step, start: 1, every: 5, factor: 2}'))).toBe(false);
    expect(dependsOnLength(0.3)).toBe(false);
  });

  it.each([
    ['0.3', '0.3'],
    ['{type: linear, start: 0.3, end: 0}', '0.3 to 0, linear, until the end'],
    [
      '{type: cosine, start: 1, end: 0.1, from: 1, until: 500 steps}',
      '1 to 0.1, cosine, from 1 epoch until 500 steps',
    ],
    ['{type: step, start: 1, every: 30, factor: 0.2}', '1, × 0.2 every 30 epochs'],
    [
      '{type: multistep, start: 1, milestones: [5, 9], factor: 0.2}',
      '1, × 0.2 at 5 epochs, 9 epochs',
    ],
  ])('in words: %s', (text, words) => expect(weightText(weightOf(text))).toBe(words));

  it.each([
    ['0', /losses\[1\]\.weight: 0: .*a positive number, or a mapping with a type/],
    ['many', /a positive number, or a mapping with a type: linear, cosine, step, multistep/],
    [
      '{type: lniear, start: 1, end: 0}',
      /losses\[1\]\.weight\.type: .*linear, cosine, step or multi/,
    ],
    ['{type: linear, start: -1, end: 0}', /losses\[1\]\.weight\.start: -1: must be at least 0/],
    ['{type: linear, start: 1}', /losses\[1\]\.weight\.end: .*missing/],
    [
      '{type: step, start: 1, every: 1, factor: 1, end: 2}',
      /losses\[1\]\.weight\.end: unknown key/,
    ],
    [
      '{type: linear, start: 0, end: 0}',
      /losses\[1\]\.weight: start and end are both 0: the loss would train nothing/,
    ],
    [
      '{type: cosine, start: 1, end: 0, from: 5 epochs, until: 5}',
      /losses\[1\]\.weight\.until: 5 epochs is not after 5 epochs/,
    ],
    [
      '{type: step, start: 0, every: 1, factor: 1}',
      /losses\[1\]\.weight\.start: 0: .*greater than 0/,
    ],
  ])('%s is refused', (text, message) => {
    expect(() => planExperiment(load(text))).toThrow(message);
  });
});

describe('the plan at a step', () => {
  it('has the weights of that step, and all else as it is', () => {
    const plan = planExperiment(load('{type: linear, start: 1, end: 0, until: 10 steps}'));
    const at = planAt(plan, 4, durations);
    expect(at.losses.map(({ weight }) => weight)).toEqual([1, 0.6]);
    expect(plan.losses.map(({ weight }) => weight)).toEqual([1, 1]);
    expect(at.step).toBe(plan.step);
    expect({ ...at, losses: plan.losses }).toEqual(plan);
  });
});
