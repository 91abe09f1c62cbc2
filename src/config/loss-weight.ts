import { z } from 'zod';
import { durationSchema } from './duration.js';

/** `losses[].weight`: a number, or how it changes over the training. Formulas: docs/method.md. */

const type = <T extends string>(value: T, what: string) => z.literal(value).describe(what);
const AT_FIRST = 'The weight at the beginning.';
const start = z.number().positive().describe(AT_FIRST);
const factor = z.number().positive().describe('What the weight is multiplied by each time.');
const way = {
  start: z.number().min(0).describe(AT_FIRST),
  end: z.number().min(0).describe('The weight at the end.'),
  from: durationSchema
    .default(0)
    .describe('When the weight begins to change, counted from the start of the training.'),
  until: durationSchema
    .optional()
    .describe('When it is end, and stays so; without it at the end of the training.'),
};

const error =
  'weight: a positive number, or a mapping with a type: linear, cosine, step, multistep';
const change = z.discriminatedUnion(
  'type',
  [
    z.strictObject({ type: type('linear', 'From start to end along a line.'), ...way }),
    z.strictObject({ type: type('cosine', 'From start to end along half a cosine.'), ...way }),
    z.strictObject({
      type: type('step', 'Multiplied by factor at regular intervals.'),
      start,
      every: durationSchema.describe('Interval between two changes.'),
      factor,
    }),
    z.strictObject({
      type: type('multistep', 'Multiplied by factor at each milestone.'),
      start,
      milestones: z
        .array(durationSchema)
        .min(1)
        .describe('Milestones, counted from the start of the training.'),
      factor,
    }),
  ],
  {
    error: ({ code }) =>
      code === 'invalid_union' ? 'linear, cosine, step or multistep' : undefined,
  },
);

export const lossWeightSchema = z.union([z.number().positive(error), change], { error });

export type LossWeight = z.infer<typeof lossWeightSchema>;

/** The weight of the first step, if the change does not begin before it. */
export const firstWeight = (weight: LossWeight): number =>
  typeof weight === 'number' ? weight : weight.start;

/** Whether it runs to the end of the training, whenever that is. */
export const dependsOnLength = (weight: LossWeight): boolean =>
  typeof weight !== 'number' &&
  (weight.type === 'linear' || weight.type === 'cosine') &&
  weight.until === undefined;
