import { z } from 'zod';
import { PRECISION_CHOICES } from '../engine/engine.js';
import { durationSchema, intervalSchema } from './duration.js';
import { layerSchema } from './layers.js';

/**
 * The experiment config, version 1. Strict: an unknown key is an error. Everything that has a default gets it
 * here, so that nothing downstream checks or defaults again. A validated config is itself a valid config.
 */

const positive = z.int().positive();
const fraction = z.number().gt(0).lte(1);
const name = z.string().regex(/^[A-Za-z][\w-]*$/, 'a name: a letter, then letters, digits, _ or -');
const triple = z.tuple([z.number(), z.number(), z.number()]);

const data = z.strictObject({
  root: z.string().min(1),
  train: z.string().min(1).default('train'),
  val: z.string().min(1).default('val'),
  classes: z.int().min(2),
  sampler: z.enum(['class-aware', 'shuffle', 'sequential']).default('class-aware'),
  resize: positive,
  crop: positive,
  mean: z
    .union([z.enum(['pixel', 'channel']), triple], {
      error: 'mean: pixel (a mean image), channel, or [r, g, b] on the 0-255 scale',
    })
    .default('pixel'),
  std: z
    .union(
      [
        z.literal('channel'),
        z.number().positive(),
        z.tuple([z.number().positive(), z.number().positive(), z.number().positive()]),
      ],
      { error: 'std: channel, one positive number, or [r, g, b] on the 0-255 scale' },
    )
    .default(1),
  augment: z
    .strictObject({
      flip: z.boolean().default(true),
      color: z.enum(['none', 'pca']).default('none'),
      resizedCrop: z
        .strictObject({
          scale: z.tuple([fraction, fraction]).default([0.08, 1]),
          ratio: z.tuple([z.number().positive(), z.number().positive()]).default([0.75, 4 / 3]),
        })
        .refine(({ scale, ratio }) => scale[0] <= scale[1] && ratio[0] <= ratio[1], {
          error: 'scale and ratio are [smallest, largest]',
        })
        .optional(),
    })
    .prefault({}),
  /** Width times height of the largest image that is decoded: a guard against decompression bombs. */
  maxPixels: positive.default(100_000_000),
  onError: z
    .strictObject({
      policy: z.enum(['skip', 'fail']).default('skip'),
      limit: z.int().nonnegative().default(100),
    })
    .prefault({}),
});

const segment = z.strictObject({
  name,
  frozen: z.boolean().default(false),
  layers: z.array(layerSchema).min(1),
});

const model = z.strictObject({
  input: z.tuple([positive, positive, z.literal(3)], {
    error: 'input: [height, width, 3]',
  }),
  segments: z.array(segment).min(1),
});

const range = z
  .strictObject({ downTo: name.optional(), layers: z.int().nonnegative().optional() })
  .refine((value) => (value.downTo === undefined) !== (value.layers === undefined), {
    error: 'a range has either downTo (a segment or a layer) or layers (at most that many)',
  });

const loss = z.strictObject({
  name,
  after: name,
  weight: z.number().positive().default(1),
  range: range.optional(),
  head: z.array(layerSchema).min(1),
});

const beta = z.number().min(0).lt(1);
const anyOptimizer = {
  lr: z.number().positive(),
  weightDecay: z.number().min(0).default(0),
  decayBiases: z.boolean().default(true),
  /** Largest Euclidean norm of all gradients together. */
  clipNorm: z.number().positive().optional(),
  /** Decay of the moving average of the weights. */
  ema: z.number().gt(0).lt(1).optional(),
};
const optimizer = z.discriminatedUnion(
  'type',
  [
    z.strictObject({
      type: z.literal('sgd').default('sgd'),
      ...anyOptimizer,
      momentum: beta.default(0.9),
      nesterov: z.boolean().default(false),
    }),
    z.strictObject({
      type: z.literal('adamw'),
      ...anyOptimizer,
      betas: z.tuple([beta, beta]).default([0.9, 0.999]),
      epsilon: z.number().positive().default(1e-8),
    }),
  ],
  {
    error: ({ code }) => (code === 'invalid_union' ? 'sgd (the default) or adamw' : undefined),
  },
);

const warmup = durationSchema.default(0);
const schedule = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('constant'), warmup }),
  z.strictObject({
    type: z.literal('step'),
    warmup,
    every: durationSchema,
    factor: fraction.default(0.1),
  }),
  z.strictObject({
    type: z.literal('multistep'),
    warmup,
    milestones: z.array(durationSchema).min(1),
    factor: fraction.default(0.1),
  }),
  z.strictObject({
    type: z.literal('plateau'),
    warmup,
    factor: fraction.default(0.1),
    patience: positive.default(3),
    threshold: z.number().min(0).default(0),
    minimum: z.number().min(0).default(0),
  }),
  z.strictObject({ type: z.literal('poly'), warmup, power: z.number().positive().default(1) }),
  z.strictObject({
    type: z.literal('cosine'),
    warmup,
    minimum: z.number().min(0).default(0),
  }),
]);

const training = z
  .strictObject({
    epochs: z.number().positive().optional(),
    steps: positive.optional(),
    batchSize: positive,
    microBatch: positive.optional(),
    logEvery: durationSchema.default('20 steps'),
  })
  .refine((value) => (value.epochs === undefined) !== (value.steps === undefined), {
    error: 'training has either epochs or steps',
  });

const recompute = z.union([z.boolean(), z.array(name).min(1)], {
  error: 'recompute: true (all segments), false, or a list of segments',
});

export const experimentSchema = z.strictObject({
  version: z.literal(1, { error: 'version: 1 is the only version that this relaybp reads' }),
  name,
  seed: z.int().nonnegative().default(1),
  /** `bf16` is mixed precision; `auto` takes it where the device multiplies bfloat16 faster than float32. */
  precision: z.enum(PRECISION_CHOICES).default('float32'),
  data,
  model,
  losses: z.array(loss).min(1),
  optimizer,
  schedule: schedule.prefault({ type: 'constant' }),
  training,
  /** Segments that keep no activations for the backward pass and compute them again. */
  recompute: recompute.default(false),
  checkpoint: z
    .strictObject({ every: durationSchema.default('1 epoch'), keep: positive.default(3) })
    .prefault({}),
  evaluation: z
    .strictObject({ every: durationSchema.default('1 epoch'), batchSize: positive.optional() })
    .prefault({}),
  logging: z.strictObject({ tensorboard: z.boolean().default(false) }).prefault({}),
  /** `gradients`: how often each loss's gradients are measured layer by layer; never without it. */
  diagnostics: z.strictObject({ gradients: intervalSchema.optional() }).prefault({}),
});

export type ExperimentConfig = z.infer<typeof experimentSchema>;
export type DataConfig = ExperimentConfig['data'];
export type OptimizerConfig = ExperimentConfig['optimizer'];
export type ScheduleConfig = ExperimentConfig['schedule'];
