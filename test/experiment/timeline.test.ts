/** Steps, epochs and images of a training whose batch or images change on the way. */
import { describe, expect, it } from 'vitest';
import { toSteps } from '../../src/config/duration.js';
import { Timeline } from '../../src/experiment/timeline.js';
import { describePaceChange, resumedTimeline } from '../../src/train/resumed-timeline.js';
import { learningRate } from '../../src/train/schedule.js';

const size = (stepsPerEpoch: number, batchSize: number, images: number) => {
  return { stepsPerEpoch, batchSize, images };
};
const even = Timeline.begin(size(8, 4, 32));
/** After 5 epochs, 40 steps, 160 images: batches of 8. */
const doubled = even.goingOn(40, size(4, 8, 32));
const halved = even.goingOn(40, size(16, 2, 32));

const dues = (timeline: Timeline, interval: string | number, last: number): number[] =>
  Array.from({ length: last }, (_, i) => i + 1).filter((step) => timeline.due(interval, step));

describe('a training of one pace', () => {
  it.each([1, 0.5, 0.3, 2.25, 3, '5 steps', 'every 2 epochs', '0.01 epochs'])(
    'an interval of %s ends every so many steps',
    (interval) => {
      for (const stepsPerEpoch of [1, 3, 8, 10]) {
        const timeline = Timeline.begin(size(stepsPerEpoch, 4, 4 * stepsPerEpoch));
        const every = Math.max(1, toSteps(interval, stepsPerEpoch));
        for (let step = 0; step < 60; step++) {
          expect(timeline.count(interval, step)).toBe(Math.floor(step / every));
          expect(timeline.due(interval, step)).toBe(step > 0 && step % every === 0);
          expect(timeline.stepAt(interval)).toBe(toSteps(interval, stepsPerEpoch));
        }
      }
    },
  );
});

describe('a training that goes on in other batches', () => {
  it('keeps its epochs, and goes on in them', () => {
    expect([0, 40, 44, 60].map((step) => doubled.epochAt(step))).toEqual([0, 5, 6, 10]);
    expect([0, 40, 56, 120].map((step) => halved.epochAt(step))).toEqual([0, 5, 6, 10]);
    expect([20, 40, 44].map((step) => doubled.positionAt(step))).toEqual([80, 160, 192]);
    expect([2.5, 5, 6, 10].map((epochs) => doubled.stepAt(epochs))).toEqual([20, 40, 44, 60]);
    expect(doubled.stepAt('50 steps')).toBe(50);
  });

  it('ends intervals in epochs when the epochs end, and intervals in steps as before', () => {
    expect(dues(doubled, 1, 52)).toEqual([8, 16, 24, 32, 40, 44, 48, 52]);
    expect(dues(doubled, 2, 60)).toEqual([16, 32, 44, 52, 60]);
    expect(dues(halved, 2, 90)).toEqual([16, 32, 56, 88]);
    expect(dues(doubled, '7 steps', 60)).toEqual([7, 14, 21, 28, 35, 42, 49, 56]);
  });

  it('also from the middle of an epoch, and again and again', () => {
    const middle = even.goingOn(12, size(4, 8, 32)); // epoch 1.5
    expect(middle.epochAt(14)).toBe(2);
    expect(dues(middle, 1, 20)).toEqual([8, 14, 18]);
    const back = middle.goingOn(16, size(8, 4, 32)); // epoch 2.5
    expect(back.epochAt(20)).toBe(3);
    expect(dues(back, 1, 30)).toEqual([8, 14, 20, 28]);
    expect(back.paces.map(({ step, epoch, position }) => [step, epoch, position])).toEqual([
      [0, 0, 0],
      [12, 1.5, 48],
      [16, 2.5, 80],
    ]);
  });

  it('is the same where nothing changed, and forgets a pace that no step was done in', () => {
    expect(even.goingOn(40, size(8, 4, 32))).toBe(even);
    expect(doubled.goingOn(40, size(16, 2, 32)).paces).toEqual(halved.paces);
    expect(even.goingOn(0, size(4, 8, 32)).paces).toEqual(Timeline.begin(size(4, 8, 32)).paces);
  });

  it('counts more images from where it is: no epoch comes twice', () => {
    const more = even.goingOn(40, size(16, 4, 64));
    expect(more.epochAt(40)).toBe(5);
    expect(more.stepAt(10)).toBe(120);
  });
});

describe('schedules go on', () => {
  const state = { scale: 1, best: null, waited: 0 };
  const at = (timeline: Timeline, schedule: object, step: number, length: number | string = 10) =>
    learningRate({ warmup: 0, ...schedule } as never, 1, step, { timeline, length }, state);

  it('multistep and step at the epochs that they were to', () => {
    const multistep = { type: 'multistep', milestones: [4, 6, '58 steps'], factor: 0.5 };
    expect([39, 40, 43, 44, 57, 58].map((step) => at(doubled, multistep, step))).toEqual([
      0.5, 0.5, 0.5, 0.25, 0.25, 0.125,
    ]);
    const steps = { type: 'step', every: 2, factor: 0.5 };
    expect([31, 32, 43, 44, 51, 52].map((step) => at(doubled, steps, step))).toEqual([
      0.5, 0.25, 0.25, 0.125, 0.125, 0.0625,
    ]);
  });

  it.each([
    ['cosine', { type: 'cosine', minimum: 0 }],
    ['poly', { type: 'poly', power: 2 }],
    ['poly after a warm-up in epochs', { type: 'poly', power: 1, warmup: 2 }],
    ['cosine after a warm-up in steps', { type: 'cosine', minimum: 0, warmup: '16 steps' }],
  ])('%s over the whole training, by epochs', (_, schedule) => {
    for (const [epoch, step] of [5, 6, 7.5, 9, 10].map(
      (one) => [one, doubled.stepAt(one)] as const,
    )) {
      expect(at(doubled, schedule, step)).toBeCloseTo(at(even, schedule, 8 * epoch), 12);
    }
  });

  it('over a training in steps, by steps', () => {
    for (const step of [40, 50, 79]) {
      const poly = { type: 'poly', power: 1 };
      expect(at(doubled, poly, step, '80 steps')).toBe(at(even, poly, step, '80 steps'));
    }
  });

  it('a warm-up that is still going on, in its own unit', () => {
    const early = even.goingOn(8, size(4, 8, 32)); // epoch 1
    const epochs = { type: 'constant', warmup: 2 };
    const end = (timeline: Timeline, step: number) => at(timeline, epochs, step - 1);
    expect([7, 8].map((step) => end(even, step))).toEqual([7 / 16, 8 / 16]);
    expect([10, 12].map((step) => end(early, step))).toEqual([6 / 8, 1]);
    expect(at(early, { type: 'constant', warmup: '20 steps' }, 9)).toBe(0.5);
  });
});

describe('a checkpoint that is gone on from', () => {
  const checkpoint = (epoch: number, batchSize: number, paces: Timeline['paces'] = []) => {
    return { step: 40, epoch, paces, config: { training: { batchSize } } };
  };

  it('says what changed', () => {
    const timeline = resumedTimeline(checkpoint(5, 4, even.paces), size(8, 8, 64));
    expect(describePaceChange(timeline, 40)).toBe(
      'from here on an epoch has 8 steps of 8 images, not 8 of 4; the training set has 64 images, not 32: going on at epoch 5.00, 160 images drawn',
    );
    expect(describePaceChange(timeline, 44)).toBeNull();
    const same = resumedTimeline(checkpoint(5, 4, even.paces), size(8, 4, 32));
    expect(describePaceChange(same, 40)).toBeNull();
  });

  it('of a version without paces: they follow from its epochs and its batch', () => {
    expect(resumedTimeline(checkpoint(5, 4), size(8, 4, 32)).paces).toEqual(even.paces);
    const other = resumedTimeline(checkpoint(5, 4), size(4, 8, 32));
    expect(other.epochAt(44)).toBe(6);
    expect(other.positionAt(40)).toBe(160);
    expect(describePaceChange(other, 40)).toBe(
      'from here on an epoch has 4 steps of 8 images, not 8 of 4: going on at epoch 5.00, 160 images drawn',
    );
    // 40 of 31,640 steps: four decimals do not tell their number, but whether it is the same.
    const large = resumedTimeline(checkpoint(0.0013, 4), size(31_640, 4, 126_560));
    expect(large.paces).toEqual(Timeline.begin(size(31_640, 4, 126_560)).paces);
  });
});
