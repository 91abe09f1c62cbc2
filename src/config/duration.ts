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

export type Duration = z.infer<typeof durationSchema>;

/** A duration in optimizer steps (rounded to the nearest). `stepsPerEpoch` is not used for durations in steps. */
export function toSteps(duration: Duration, stepsPerEpoch: number): number {
  if (typeof duration === 'number') return Math.round(duration * stepsPerEpoch);
  const value = Number.parseFloat(duration);
  return Math.round(/step/.test(duration) ? value : value * stepsPerEpoch);
}
