import { z } from 'zod';
import { durationSchema } from './duration.js';

/** `data.sampler`: a name, or a mapping with the rule's own numbers. Formulas and sources: docs/data.md. */

const draws = z.int().positive();
const epochSize = z
  .union([draws, z.enum(['images', 'longest-class'])], {
    error: 'epochSize: a number of draws, images, or longest-class',
  })
  .default('images')
  .describe(
    'How many draws count as an epoch: images (as many as there are), longest-class (classes times the images of the largest), or a number.',
  );
const kind = <T extends string>(value: T, what: string) => z.literal(value).describe(what);

const rule = z.discriminatedUnion(
  'kind',
  [
    z.strictObject({
      kind: kind('class-aware', 'Class by class, every class equally often (paper, §3).'),
      samplesPerClass: z
        .int()
        .positive()
        .default(1)
        .describe('Images drawn one after another at each draw of a class.'),
      epochSize,
    }),
    z.strictObject({
      kind: kind('shuffle', 'Every image once before any comes again, in a new order each time.'),
      epochSize,
    }),
    z.strictObject({
      kind: kind('power', 'A class in proportion to its number of images to the power of q.'),
      q: z
        .number()
        .min(0)
        .max(1)
        .describe('1: as often as it has images; 0.5: square root; 0: every class equally often.'),
      epochSize,
    }),
    z.strictObject({
      kind: kind('progressive', 'From q = 1 to q = 0 of power, linearly over the training.'),
      epochs: durationSchema
        .optional()
        .describe('When every class is drawn equally often; the end of the training unless given.'),
      epochSize,
    }),
    z.strictObject({
      kind: kind(
        'repeat-factor',
        'Images of a class with the share f of all images max(1, sqrt(threshold / f)) times per epoch.',
      ),
      threshold: z
        .number()
        .gt(0)
        .lte(1)
        .describe('The share of all images below which the images of a class are repeated.'),
    }),
  ],
  {
    error: ({ code }) =>
      code === 'invalid_union'
        ? 'class-aware, shuffle, power, progressive or repeat-factor'
        : undefined,
  },
);

export const samplerSchema = z
  .union([z.enum(['class-aware', 'shuffle', 'sequential']), rule], {
    error:
      'sampler: class-aware, shuffle, sequential, or a mapping with a kind: class-aware, shuffle, power, progressive or repeat-factor',
  })
  .default('class-aware');

export type SamplerConfig = z.infer<typeof samplerSchema>;
