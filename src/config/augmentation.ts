import { z } from 'zod';

/** `data.augment`: how training images are varied. Semantics and sources: docs/data.md. */

const positive = z.number().positive();
const probability = z.number().min(0).max(1);
const share = z.number().gt(0).lte(1);
const ordered = ([low, high]: readonly [number, number]): boolean => low <= high;
const ORDERED = { error: '[smallest, largest]: the first must not exceed the second' };

const strength = z.union(
  [z.number().min(0), z.tuple([z.number().min(0), z.number().min(0)]).refine(ordered, ORDERED)],
  { error: 'a number of 0 or more, or [smallest, largest] factor' },
);
const hue = z.union(
  [
    z.number().min(0).max(0.5),
    z
      .tuple([z.number().min(-0.5).max(0.5), z.number().min(-0.5).max(0.5)])
      .refine(ordered, ORDERED),
  ],
  { error: 'hue: a number from 0 to 0.5, or [smallest, largest] between -0.5 and 0.5' },
);
const factorOf = (what: string) =>
  strength
    .default(0)
    .describe(`${what}: a factor from [1 - b, 1 + b], at least 0, or from [smallest, largest].`);

const colorJitter = z.strictObject({
  brightness: factorOf('Brightness'),
  contrast: factorOf('Contrast'),
  saturation: factorOf('Saturation'),
  hue: hue
    .default(0)
    .describe('A turn of the hue from [-h, h] or [smallest, largest]; 1 is the whole circle.'),
});

const randomErasing = z.strictObject({
  probability: probability.default(0.5).describe('Share of the images in which it happens.'),
  scale: z
    .tuple([share, share])
    .refine(ordered, ORDERED)
    .default([0.02, 0.33])
    .describe("[smallest, largest] share of the image's area."),
  ratio: z
    .tuple([positive, positive])
    .refine(ordered, ORDERED)
    .default([0.3, 3.3])
    .describe('[smallest, largest] aspect ratio, height over width.'),
  value: z
    .union([z.enum(['mean', 'random']), z.number().min(0).max(255)], {
      error: 'value: mean, random, or a number from 0 to 255',
    })
    .default('mean')
    .describe(
      'What the rectangle is filled with: mean (zero once the mean is taken off), random (every value uniform from 0 to 255), or one value on the 0-255 scale.',
    ),
});

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
    resizedCrop: z
      .strictObject({
        scale: z
          .tuple([share, share])
          .default([0.08, 1])
          .describe("[smallest, largest] share of the image's area."),
        ratio: z
          .tuple([positive, positive])
          .default([0.75, 4 / 3])
          .describe('[smallest, largest] aspect ratio, width over height.'),
      })
      .refine(({ scale, ratio }) => scale[0] <= scale[1] && ratio[0] <= ratio[1], {
        error: 'scale and ratio are [smallest, largest]',
      })
      .optional()
      .describe(
        'In training, a random part of the image of random size and aspect ratio is scaled to the crop (Inception), in place of a crop of fixed size.',
      ),
    colorJitter: colorJitter
      .optional()
      .describe(
        "Random brightness, contrast, saturation and hue in random order, as torchvision's ColorJitter.",
      ),
    randomErasing: randomErasing
      .optional()
      .describe('Fills a random rectangle of the input (Zhong et al.), as torchvision draws it.'),
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

export type AugmentConfig = z.infer<typeof augmentSchema>;
