import { z } from 'zod';
import { type AugmentationsGiven, augmentations } from '../data/augment/table.js';

/** `data.augment`: how training images are varied. Semantics and sources: docs/data.md. */

const positive = z.number().positive();
const probability = z.number().min(0).max(1);

type Optional<Given> = {
  [Key in keyof Given]-?: z.ZodOptional<z.ZodType<NonNullable<Given[Key]>>>;
};

const single = Object.fromEntries(
  Object.entries(augmentations).map(([key, type]) => {
    const schema: z.ZodType = type.schema(z);
    return [key, schema.optional().describe(type.about)];
  }),
) as object as Optional<AugmentationsGiven>;

const alphaOf = (preset: number) =>
  positive
    .default(preset)
    .describe('Shares are drawn from Beta(alpha, alpha): small values mix little, 1 uniformly.');

export const augmentSchema = z
  .strictObject({
    flip: z.boolean().default(true).describe('Mirrors half of the training images left to right.'),
    color: z
      .enum(['none', 'pca'])
      .default('none')
      .describe(
        'pca: shifts the colours along the principal components of the training set (AlexNet).',
      ),
    ...single,
    mixup: z
      .strictObject({ alpha: alphaOf(0.2) })
      .optional()
      .describe(
        'Blends pairs of images and of their labels (Zhang et al. 2018), by one share per pair.',
      ),
    cutmix: z
      .strictObject({ alpha: alphaOf(1) })
      .optional()
      .describe(
        'Swaps a rectangle within pairs of images and mixes their labels by its area (Yun et al. 2019).',
      ),
    mixProbability: probability
      .default(1)
      .describe('Share of the pairs that are mixed, where mixup or cutmix is given.'),
    switchProbability: probability
      .default(0.5)
      .describe('Share of the mixed pairs that cutmix mixes, where mixup is given as well.'),
  })
  .prefault({})
  .describe('How training images are varied.');
