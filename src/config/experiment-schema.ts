import { z } from 'zod';
import { CONVOLUTION_CHOICES } from '../engine/convolution-form.js';
import { PRECISION_CHOICES } from '../engine/engine.js';
import { lrFactor } from '../model/layers/schema-parts.js';
import { augmentSchema } from './augmentation.js';
import { CLASS_FOLDERS } from './class-folders.js';
import { durationSchema, intervalSchema } from './duration.js';
import { ERROR_POLICIES } from './error-policy.js';
import { fileLimitSchema } from './file-limit.js';
import { LABEL_MEANINGS } from './label-meaning.js';
import { layerSchema } from './layers.js';
import { enabledSchema, rangeSchema } from './loss-times.js';
import { lossWeightSchema } from './loss-weight.js';
import { METRICS } from './metric.js';
import { FEWEST_PROBE_BATCHES } from './probe-batches.js';
import { INTERPOLATIONS, SIZE_PROTOCOLS, USUAL_RESIZING } from './resizing.js';
import { samplerNames, samplerSchema } from './sampling.js';

/**
 * The experiment config, version 1. Strict: an unknown key is an error. Everything that has a default gets it
 * here, so that nothing downstream checks or defaults again. A validated config is itself a valid config.
 *
 * Every key ends in `.describe(…)`: the text is what editors show (schema/relaybp.schema.json) and what docs/config.md
 * says. Both are generated: `npm run generate` after a change.
 */

const positive = z.int().positive();
const positiveNumber = z.number().positive();
/** Sixteen times the largest batches that anybody has trained with. */
const batch = positive.max(2 ** 20);
const fraction = z.number().gt(0).lte(1);
const NAME = 'a name: a letter, then letters, digits, _ or -';
const name = z.string(NAME).regex(/^[A-Za-z][\w-]*$/, NAME);
const optionalText = (what: string) => z.string().min(1).optional().describe(what);
const triple = z.tuple([z.number(), z.number(), z.number()]);

const data = z.strictObject({
  root: z
    .string()
    .min(1)
    .describe(
      'Folder of the data set, relative to where relaybp is run; ~ is the home folder. Text such as this may take its value from the environment.',
    ),
  train: z
    .string()
    .min(1)
    .default('train')
    .describe(
      'Training images below root: a folder with one folder per class, or a list file: `path label` lines (with a tab between, labels may contain spaces), a table (.csv, .tsv), tar shards (train-{000..146}.tar), Parquet files (train-*.parquet), or another form of docs/datasets.md.',
    ),
  val: z.string().min(1).default('val').describe('Validation images below root, as for train.'),
  roots: z
    .strictObject({
      train: optionalText('Folder that the paths in the training list are relative to.'),
      val: optionalText('Folder that the paths in the validation list are relative to.'),
    })
    .optional()
    .describe(
      'Folders below root that the paths in list files are relative to, where that is not root itself: Places365 has its training and its validation images in two (docs/datasets.md).',
    ),
  columns: z
    .strictObject({
      image: optionalText(
        'The column with the path of the image, or the member that is the image.',
      ),
      label: optionalText('The column with its class, or the member that holds it.'),
    })
    .optional()
    .describe(
      'Columns of a table (.csv, .tsv) or a Parquet file by their names, or members of the samples of tar shards by what follows the first dot; not needed where it is plain.',
    ),
  classFolders: z
    .enum(CLASS_FOLDERS)
    .optional()
    .describe(
      'Which folders of a part are its classes. top, the default: those directly in it, with all that is below them. leaves: those that hold the images, named by their paths (a/airfield).',
    ),
  classNames: optionalText(
    'A file below root that names the classes: one name a line, or with their labels or folders, in any of the forms of docs/datasets.md. Reports, predictions and exports show these names.',
  ),
  classes: z
    .int()
    .min(2)
    .describe('Number of classes; must be what the training images have. `units: classes` is it.'),
  labels: z
    .enum(LABEL_MEANINGS)
    .optional()
    .describe(
      'What the labels of list files are: names of classes, or positions in the class list, counted from 0. Without it: names if each is one of the classes of training, positions if no class has a number for its name, and otherwise a mistake (docs/data.md). In a training list positions make classes called 0 to classes - 1.',
    ),
  sampler: samplerSchema.describe(
    `Order of the training images. ${samplerNames} Or a mapping with a kind and its numbers (docs/data.md).`,
  ),
  resize: positive.describe(
    'Images are resized so that their shorter side has this many pixels; the aspect ratio stays.',
  ),
  interpolation: z
    .enum(INTERPOLATIONS)
    .default(USUAL_RESIZING.interpolation)
    .describe(
      "How they are resized, antialiased in any case: lanczos3, of JPEGs fast and approximately; bilinear or bicubic (a = -0.5) to the bit as Pillow's, whatever the format, as torchvision and timm mostly do.",
    ),
  protocol: z
    .enum(SIZE_PROTOCOLS)
    .default(USUAL_RESIZING.protocol)
    .describe(
      "Whose rounding: relaybp rounds the longer side to the nearest pixel and begins the centre crop at the lower one; torchvision, timm too, rounds the longer side down and the crop's beginning to the nearest, halves to even, and lanczos3 is then Pillow's too.",
    ),
  crop: positive.describe(
    "Side of the square cut from it, in pixels: random in training, central in evaluation. Must be the network's input.",
  ),
  mean: z
    .union([z.enum(['pixel', 'channel']), triple], {
      error: 'mean: pixel (a mean image), channel, or [r, g, b] on the 0-255 scale',
    })
    .default('pixel')
    .describe(
      'Subtracted from the pixels: pixel (the mean image of the training set), channel (one mean per channel), or [r, g, b] on the 0-255 scale.',
    ),
  std: z
    .union(
      [
        z.literal('channel'),
        z.number().positive(),
        z.tuple([z.number().positive(), z.number().positive(), z.number().positive()]),
      ],
      { error: 'std: channel, one positive number, or [r, g, b] on the 0-255 scale' },
    )
    .default(1)
    .describe(
      'Divides the pixels after the mean is taken off: 1 (the paper), channel (the deviations of the training set), one number, or [r, g, b].',
    ),
  augment: augmentSchema,
  maxPixels: positive
    .default(100_000_000)
    .describe(
      'Width times height of the largest image that is decoded: a guard against decompression bombs.',
    ),
  onError: z
    .strictObject({
      policy: z
        .enum(ERROR_POLICIES)
        .default('skip')
        .describe(
          'skip: in training another image of the class takes its place, in evaluation it does not count. fail: stop.',
        ),
      limit: fileLimitSchema
        .default(100)
        .describe(
          'With skip: how many undecodable files there may be, as a number or as a share of the images such as "5 %"; with more, training stops, before its first step where they are known by then.',
        ),
    })
    .prefault({})
    .describe('What to do about files that cannot be decoded.'),
});

const segment = z.strictObject({
  name: name.describe('Name of the segment, for after, downTo and extends.'),
  frozen: z
    .boolean()
    .default(false)
    .describe(
      'Its parameters are not updated; gradients still pass through it to the layers below.',
    ),
  lrFactor,
  layers: z.array(layerSchema).min(1).describe('Layers from input to output.'),
});

const model = z.strictObject({
  input: z
    .tuple([positive, positive, z.literal(3)], { error: 'input: [height, width, 3]' })
    .describe('[height, width, 3]; height and width are data.crop.'),
  segments: z
    .array(segment)
    .min(1)
    .describe('The trunk, cut into named segments, from the image to the top.'),
});

const CLASS_WEIGHTS = 'classWeights: balanced, or a positive number for each class, by its name';
const classWeights = z
  .union(
    [
      z.literal('balanced'),
      z
        .record(z.string(), positiveNumber)
        .refine((weights) => Object.keys(weights).length > 0, { error: CLASS_WEIGHTS }),
    ],
    { error: CLASS_WEIGHTS },
  )
  .meta({ title: '`balanced` or a mapping of class names to numbers' });

const loss = z.strictObject({
  name: name.describe('Name of the loss, for metrics and extends.'),
  after: name.describe('The segment or layer of the trunk whose output the head reads.'),
  weight: lossWeightSchema
    .default(1)
    .describe(
      'Factor of the loss and of its gradient: a number, or how it changes over the training.',
    ),
  range: rangeSchema(name)
    .optional()
    .describe(
      'Down to where the gradient of this loss goes, and no further: downTo or layers. Without it, down to the image. Or a list of ranges, each but the first with from: the time from which on it holds.',
    ),
  enabled: enabledSchema
    .default(true)
    .describe(
      'Whether, or from when until when, the loss takes part; while it does not it costs nothing, and its head stays as it is.',
    ),
  classWeights: classWeights
    .optional()
    .describe(
      'How much the images of each class count in this loss: a factor by class name (1 for those that are not named), or balanced, which is images / (classes * images of the class). Training only.',
    ),
  head: z
    .array(layerSchema)
    .min(1)
    .describe('Layers from the tap to the logits; the last one gives one value per class.'),
});

const beta = z.number().min(0).lt(1);
const anyOptimizer = {
  lr: z.number().positive().describe('Learning rate, before the schedule.'),
  weightDecay: z
    .number()
    .min(0)
    .default(0)
    .describe('Weight decay: with sgd added to the gradient, with adamw decoupled.'),
  decayBiases: z.boolean().default(true).describe("Whether biases decay too, as Caffe's do."),
  clipNorm: z
    .number()
    .positive()
    .optional()
    .describe(
      'Largest Euclidean norm of all gradients together; larger ones are scaled down. Off unless given.',
    ),
  ema: z
    .number()
    .gt(0)
    .lt(1)
    .optional()
    .describe('Decay of a moving average of the weights, evaluated as well. Off unless given.'),
};
const optimizer = z.discriminatedUnion(
  'type',
  [
    z.strictObject({
      type: z.literal('sgd').default('sgd').describe('SGD with momentum, as Caffe defines it.'),
      ...anyOptimizer,
      momentum: beta
        .default(0.9)
        .describe('Momentum: the share of the previous update in the next one.'),
      nesterov: z.boolean().default(false).describe("Nesterov's momentum."),
    }),
    z.strictObject({
      type: z.literal('adamw').describe('AdamW, as PyTorch defines it.'),
      ...anyOptimizer,
      betas: z
        .tuple([beta, beta])
        .default([0.9, 0.999])
        .describe('Decay rates of the first and second moment estimates (betas).'),
      epsilon: z
        .number()
        .positive()
        .default(1e-8)
        .describe('Epsilon, added to the square root of the second moment.'),
    }),
  ],
  {
    error: ({ code }) => (code === 'invalid_union' ? 'sgd (the default) or adamw' : undefined),
  },
);

const anySchedule = {
  warmup: durationSchema
    .default(0)
    .describe('Length of the linear warm-up to the full learning rate.'),
  warmupFrom: z
    .number()
    .min(0)
    .optional()
    .describe(
      "Rate of the warm-up's first step; at most optimizer.lr. Without it the first step has one step's share of the full rate.",
    ),
  per: z
    .enum(['step', 'epoch'])
    .default('step')
    .describe(
      'When the rate changes: step, with every step; epoch, only when an epoch begins, and stays what it is then (timm by default, and most scripts of PyTorch).',
    ),
};
const over = z
  .enum(['rest', 'all'])
  .default('rest')
  .describe(
    'What it falls over: rest, the training after the warm-up; all, the whole training, of which the warm-up takes the place of the beginning, so that the full rate is never reached (timm without warmup_prefix).',
  );
const factor = fraction.default(0.1);
const minimum = z
  .number()
  .min(0)
  .default(0)
  .describe('Lower bound of the learning rate after the warm-up; at most optimizer.lr.');
const type = <T extends string>(value: T, what: string) => z.literal(value).describe(what);
const schedule = z.discriminatedUnion('type', [
  z.strictObject({ type: type('constant', 'The same rate throughout.'), ...anySchedule }),
  z.strictObject({
    type: type('step', 'Multiplied by factor at regular intervals.'),
    ...anySchedule,
    every: durationSchema.describe('Interval between two decays.'),
    factor: factor.describe('Factor by which the learning rate is multiplied each time (gamma).'),
  }),
  z.strictObject({
    type: type('multistep', 'Multiplied by factor at each milestone.'),
    ...anySchedule,
    milestones: z
      .array(durationSchema)
      .min(1)
      .describe('Milestones, counted from the start of the training.'),
    factor: factor.describe('Factor by which the learning rate is multiplied each time (gamma).'),
  }),
  z.strictObject({
    type: type(
      'plateau',
      'Multiplied by factor when the validation error, or loss (evaluation.metric), stops falling.',
    ),
    ...anySchedule,
    factor: factor.describe('Factor by which the learning rate is multiplied each time (gamma).'),
    patience: positive
      .default(3)
      .describe(
        'Evaluations without a better error before the rate is lowered; those during the warm-up do not count. PyTorch and timm lower it one later: patience 10 there is 11 here.',
      ),
    threshold: z
      .number()
      .min(0)
      .default(0)
      .describe(
        'Better by at least so many percentage points (of evaluation.metric loss: by so much), or it does not count; an equal error never does.',
      ),
    thresholdOf: z
      .enum(['points', 'best'])
      .default('points')
      .describe(
        'What threshold is: points; or best, a share of the best accuracy (or loss), which a better one must exceed (threshold_mode rel of PyTorch and timm).',
      ),
    minimum,
  }),
  z.strictObject({
    type: type('poly', 'Falls to zero at the end as (1 - step / steps)^power.'),
    ...anySchedule,
    power: z
      .number()
      .positive()
      .default(1)
      .describe('Exponent of the polynomial; 1 is linear decay.'),
    over,
  }),
  z.strictObject({
    type: type('cosine', 'Falls to minimum at the end along half a cosine.'),
    ...anySchedule,
    over,
    minimum,
  }),
]);

const training = z
  .strictObject({
    epochs: z
      .number()
      .positive()
      .optional()
      .describe(
        'How long to train, in epochs of as many images as there are, or as data.sampler says. Either this or steps.',
      ),
    steps: positive
      .optional()
      .describe('How long to train, in optimizer steps. Either this or epochs.'),
    batchSize: batch.describe('Images per optimizer step.'),
    microBatch: positive
      .optional()
      .describe(
        'Images per forward and backward pass; gradients are accumulated to those of the batch, in less memory. A divisor of batchSize, which is the default.',
      ),
    labelSmoothing: z
      .number()
      .min(0)
      .lt(1)
      .default(0)
      .describe(
        'Targets of all losses are (1 - s) * label + s / classes (Szegedy et al. 2016); evaluation takes the labels as they are.',
      ),
    logEvery: durationSchema
      .default('20 steps')
      .describe('How often losses are logged; means over the steps between.'),
  })
  .refine((value) => (value.epochs === undefined) !== (value.steps === undefined), {
    error: 'training has either epochs or steps',
  });

const recompute = z.union([z.boolean(), z.array(name).min(1)], {
  error: 'recompute: true (all segments), false, or a list of segments',
});

export const experimentSchema = z.strictObject({
  version: z
    .literal(1, { error: 'version: 1 is the only version that this relaybp reads' })
    .describe('Version of the config format.'),
  name: name.describe('Name of the experiment; run folders begin with it.'),
  seed: z
    .int()
    .nonnegative()
    .default(1)
    .describe('Every random number derives from it: initial weights, order, crops, dropout.'),
  precision: z
    .enum(PRECISION_CHOICES)
    .default('float32')
    .describe(
      'bf16 is mixed precision; auto takes it where the device multiplies bfloat16 faster than float32.',
    ),
  convolution: z
    .enum(CONVOLUTION_CHOICES)
    .default('auto')
    .describe(
      "auto computes 3x3 convolutions with stride 1 by Winograd's filtering where that is less work; direct does not.",
    ),
  initialCheckpoint: z
    .string()
    .min(1)
    .optional()
    .describe(
      'A run folder, a checkpoint or a safetensors file whose weights training begins with, where they fit.',
    ),
  data: data.describe('The images, and how they become input.'),
  model: model.describe('The trunk of the network.'),
  losses: z
    .array(loss)
    .min(1)
    .describe(
      "The losses with their heads and ranges. The first one at the end of the trunk is the network's output; the others exist in training only.",
    ),
  optimizer: optimizer.describe('The optimizer and its hyperparameters.'),
  schedule: schedule
    .prefault({ type: 'constant' })
    .describe('How the learning rate changes over the training.'),
  training: training.describe('Length of the training, and batch sizes.'),
  resting: z
    .array(name)
    .default([])
    .describe(
      'Segments and layers that may lie outside all ranges for a part of the training: they are not trained then.',
    ),
  recompute: recompute
    .default(false)
    .describe(
      'Segments that keep no activations for the backward pass and compute them again: less memory, more time, the same numbers.',
    ),
  checkpoint: z
    .strictObject({
      every: durationSchema
        .default('1 epoch')
        .describe('How often a checkpoint is written, besides the best and the last one.'),
      keep: positive
        .default(3)
        .describe(
          'Number of the newest regular checkpoints that are kept, besides the best and the last one.',
        ),
    })
    .prefault({})
    .describe('Which checkpoints are written, and how often.'),
  evaluation: z
    .strictObject({
      every: durationSchema
        .default('1 epoch')
        .describe('How often the validation images are evaluated.'),
      batchSize: batch.optional().describe('Images per forward pass; default training.microBatch.'),
      metric: z
        .enum(METRICS)
        .default('top1')
        .describe(
          'What the best checkpoint and the plateau schedule go by: the top-1 or top-5 accuracy of the primary head on the validation images, or its loss there.',
        ),
    })
    .prefault({})
    .describe('Evaluation during training.'),
  logging: z
    .strictObject({
      tensorboard: z
        .boolean()
        .default(false)
        .describe('Also event files that TensorBoard reads, in the run folder.'),
    })
    .prefault({})
    .describe('What is written besides metrics.jsonl, metrics.csv and log.jsonl.'),
  diagnostics: z
    .strictObject({
      gradients: intervalSchema
        .optional()
        .describe(
          "How often each loss's gradients are measured layer by layer, for instance every 500 steps; never without it.",
        ),
      signals: z
        .strictObject({
          every: intervalSchema.describe(
            'How often, counted from the start of the training; it begins with the initial weights.',
          ),
          batches: z
            .int()
            .min(FEWEST_PROBE_BATCHES)
            .default(16)
            .describe('Batches to measure over each time: as much work as so many steps.'),
        })
        .optional()
        .describe(
          "Measures how far each loss's signal carries, as relaybp probe does, every so often; never without it.",
        ),
    })
    .prefault({})
    .describe('What is measured during training beyond losses and errors; it changes no number.'),
});

export type ExperimentConfig = z.infer<typeof experimentSchema>;
export type LossConfig = ExperimentConfig['losses'][number];
export type DataConfig = ExperimentConfig['data'];
export type OptimizerConfig = ExperimentConfig['optimizer'];
export type ScheduleConfig = ExperimentConfig['schedule'];
