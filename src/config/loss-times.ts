import { z } from 'zod';
import { durationSchema } from './duration.js';

/** When a loss is on, and how far down it reaches at what time: `losses[].enabled` and `losses[].range`. */

/** @param name the schema of a segment's or a layer's name */
export function rangeSchema(name: z.ZodString) {
  const parts = {
    downTo: name
      .optional()
      .describe('The lowest segment or layer that the gradient of this loss reaches.'),
    layers: z
      .int()
      .nonnegative()
      .optional()
      .describe(
        'Number of trunk layers that the gradient reaches, counted down from the tap; 0: its head only.',
      ),
  };
  const both = 'a range has either downTo (a segment or a layer) or layers (at most that many)';
  const one = z
    .strictObject(parts)
    .refine((range) => (range.downTo === undefined) !== (range.layers === undefined), {
      error: both,
    });
  const timed = z
    .strictObject({
      from: durationSchema
        .optional()
        .describe(
          'In a list: from when on this range holds, counted from the start of the training; the first one holds from the start.',
        ),
      ...parts,
    })
    .refine((range) => range.downTo === undefined || range.layers === undefined, { error: both });
  return z.union([one, z.array(timed).min(1)], {
    error:
      'range: a mapping with downTo or layers, or a list of them, each but the first with from',
  });
}

const between = z.strictObject({
  from: durationSchema
    .optional()
    .describe('When it is switched on, counted from the start of the training.'),
  until: durationSchema
    .optional()
    .describe('When it is switched off, counted from the start of the training.'),
});

export const enabledSchema = z.union([z.boolean(), between], {
  error: 'enabled: true, false, or a mapping with from, until or both',
});

export type Enabled = z.infer<typeof enabledSchema>;
