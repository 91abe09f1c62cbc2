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
  if (typeof duration === 'number') return Math.round(duration * stepsPerEpoch);
  const value = Number.parseFloat(duration.replace(/^\s*every\s/, ''));
  return Math.round(isInSteps(duration) ? value : value * stepsPerEpoch);
}

/** Whether it is in optimizer steps, not in epochs. */
export const isInSteps = (duration: Duration): boolean =>
  typeof duration === 'string' && /step/.test(duration);
