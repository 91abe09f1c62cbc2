import { z } from 'zod';

/**
 * A duration in a config: a number of epochs (`30`), or a number with its unit
 * (`"30 epochs"`, `"1 epoch"`, `"500 steps"`).
 */
const error = 'a duration: a number of epochs, or text such as "30 epochs" or "500 steps"';
export const durationSchema = z
  .union(
    [
      z.number().nonnegative(error),
      z.string().regex(/^\s*\d+(\.\d+)?\s*(epochs?|steps?)\s*$/, error),
    ],
    { error },
  )
  .meta({ title: 'duration' });

/** How often something happens: a duration, or the same after "every": `"every 500 steps"`. */
export const intervalSchema = z.union(
  [durationSchema, z.string().regex(/^\s*every\s+\d+(\.\d+)?\s*(epochs?|steps?)\s*$/)],
  { error: 'an interval: "every 500 steps", "every 2 epochs", or a number of epochs' },
);

export type Duration = z.infer<typeof durationSchema>;

/**
 * A duration or interval in optimizer steps (rounded to the nearest). `stepsPerEpoch` is not used for those in steps.
 */
export function toSteps(duration: Duration, stepsPerEpoch: number): number {
  const amount = amountOf(duration);
  return Math.round(isInSteps(duration) ? amount : amount * stepsPerEpoch);
}

/** Whether it is in optimizer steps, not in epochs. */
export const isInSteps = (duration: Duration): boolean =>
  typeof duration === 'string' && /step/.test(duration);

/** Whether it is over at once, whatever the length of an epoch. */
export const isNone = (duration: Duration): boolean => amountOf(duration) === 0;

/** How many steps or epochs it is. */
export const amountOf = (duration: Duration): number =>
  typeof duration === 'number' ? duration : Number.parseFloat(duration.replace(/^\s*every\s/, ''));

/** `1 epoch`, `500 steps` */
export function durationText(duration: Duration): string {
  if (typeof duration !== 'number') return duration.trim();
  return `${duration} ${duration === 1 ? 'epoch' : 'epochs'}`;
}
