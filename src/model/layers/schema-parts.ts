import { z } from 'zod';
import type { LearningSpec } from './learning.js';

/** Parts that the schemas of several layer types have in common. */

export const positive = z.int().positive();
export const pairOf = (what: string) =>
  z.union([positive, z.tuple([positive, positive])], {
    error: `${what}: a positive integer or [height, width]`,
  });
const amount = z.int().nonnegative();

export const padding = z.union(
  [
    z.enum(['same', 'tf-same', 'valid']),
    amount,
    z.tuple([amount, amount]),
    z.tuple([amount, amount, amount, amount]),
  ],
  {
    error:
      'padding: "same" (symmetric, odd kernels), "tf-same" (TensorFlow\'s SAME), "valid" (none), pixels, [vertical, horizontal] or [top, bottom, left, right]',
  },
);
export type PaddingSpec = z.infer<typeof padding>;
export const PADDING =
  'Zeros around the map: same (symmetric, odd kernels), tf-same (TensorFlow), valid (none), pixels, [vertical, horizontal] or [top, bottom, left, right].';

export const rate = z.number().min(0).lt(1);
const layerName = z
  .string()
  .regex(/^[A-Za-z][\w-]*$/, 'a name: a letter, then letters, digits, _ or -');

export const optionalName = layerName
  .optional()
  .describe('Name of the layer, instead of the automatic one such as conv3_1.');
const frozen = z
  .boolean()
  .default(false)
  .describe('Its parameters are not updated; gradients still pass through it to the layers below.');
export const lrFactor = z
  .number()
  .min(0)
  .default(1)
  .describe(
    "Its learning rate is so many times the schedule's; the factors of a segment, its layers and those inside them are multiplied. 0 is the same as frozen.",
  );
/** Of every layer with parameters. */
export const named = { name: optionalName, frozen, lrFactor };
export const repeat = positive
  .default(1)
  .describe('Number of copies of the layer, stacked one after another.');
export const relu = (byDefault: boolean) =>
  z.boolean().default(byDefault).describe('Whether a ReLU follows.');
export const dropoutRate = rate
  .default(0)
  .describe('Dropout rate: share of the outputs that are set to zero in training.');

/** Of every layer that holds others. */
export const composite = { ...named, repeat };
export interface CompositeSpec extends LearningSpec {
  name?: string;
  repeat: number;
}
