import { describe, expect, it } from 'vitest';
import { METRICS, type Metric } from '../../src/config/metric.js';
import { afterStep, afterValidation, beginning, type Standing } from '../../src/train/standing.js';

const result = (top1: number, top5: number, loss: number) => ({
  images: 100,
  top1,
  top5,
  loss,
  top1_err: 100 - top1,
  top5_err: 100 - top5,
});
const schedule = {
  ...{ type: 'plateau', warmup: 0, per: 'step', factor: 0.5, patience: 1, minimum: 0 },
  ...{ threshold: 0, thresholdOf: 'points' },
};

/** Top-1 is best at step 2, top-5 at step 1, the loss at step 3; an equal one follows each. */
const RESULTS = [
  result(40, 90, 1.5),
  result(50, 80, 1.5),
  result(50, 90, 1),
  result(45, 85, 1),
] as const;

function after(metric: Metric, counts: (step: number) => boolean = () => true) {
  let standing: Standing = { progress: beginning(), evaluated: 0, best: null };
  const improved = RESULTS.map((each) => {
    standing = afterStep(standing, 4);
    const settings = {
      counts: counts(standing.progress.step),
      schedule: plateau,
      metric,
      warming: false,
    };
    const next = afterValidation(standing, each, settings);
    standing = next.standing;
    return next.improved;
  });
  return { standing, improved };
}
const plateau = schedule as Parameters<typeof afterValidation>[2]['schedule'];

describe('the best evaluation', () => {
  it.each([
    ['top1', 2, [true, true, false, false]],
    ['top5', 1, [true, false, false, false]],
    ['loss', 3, [true, false, true, false]],
  ] as const)('by %s is at step %i, the first of equal ones', (metric, step, improvements) => {
    const { standing, improved } = after(metric);
    const { top1, top5, loss } = RESULTS[step - 1]!;
    expect(standing.best).toEqual({ top1, top5, loss, step });
    expect(standing.progress.best).toEqual(standing.best);
    expect(improved).toEqual(improvements);
  });

  it.each(METRICS)('by %s is shown, but does not go on, where only a stop brings it about', (m) => {
    const { standing } = after(m, (step) => step !== after(m).standing.best!.step);
    expect(standing.best).toEqual(after(m).standing.best);
    expect(standing.progress.best!.step).not.toBe(standing.best!.step);
  });

  it('goes on from one that an earlier version saved, which went by top-1', () => {
    const best = { top1: 45, step: 1 };
    const standing = { progress: { ...beginning(), step: 2, best }, evaluated: 1, best };
    const settings = { counts: true, schedule: plateau, metric: 'top1', warming: false } as const;
    expect(afterValidation(standing, result(45, 99, 0.1), settings).standing.best).toBe(best);
    expect(afterValidation(standing, result(46, 80, 2), settings).standing.best).toEqual({
      top1: 46,
      top5: 80,
      loss: 2,
      step: 2,
    });
  });
});

describe('plateau', () => {
  it.each([
    ['top1', 0.25, 50], // waits at steps 3 and 4
    ['top5', 0.125, 10], // at steps 2, 3 and 4
    ['loss', 0.25, 1], // at steps 2 and 4
  ] as const)('watches %s', (metric, scale, best) =>
    expect(after(metric).standing.progress.schedule).toEqual({ scale, best, waited: 0 }),
  );
});
