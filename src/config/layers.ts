import { z } from 'zod';

/** The layer kinds that a config can name, as strict schemas. Their meaning and shapes: src/model/layers. */

const positive = z.int().positive();
const pair = (what: string) =>
  z.union([positive, z.tuple([positive, positive])], {
    error: `${what}: a positive integer or [height, width]`,
  });
const amount = z.int().nonnegative();

const padding = z.union(
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
const PADDING =
  'Zeros around the map: same (symmetric, odd kernels), tf-same (TensorFlow), valid (none), pixels, [vertical, horizontal] or [top, bottom, left, right].';
const rate = z.number().min(0).lt(1);
const layerName = z
  .string()
  .regex(/^[A-Za-z][\w-]*$/, 'a name: a letter, then letters, digits, _ or -');

const optionalName = layerName
  .optional()
  .describe('Name of the layer, instead of the automatic one such as conv3_1.');
const frozen = z
  .boolean()
  .default(false)
  .describe('Its parameters stay as they are; signals still pass through it.');
const named = { name: optionalName, frozen };
const repeat = positive.default(1).describe('So many of it, one after another.');
const relu = (byDefault: boolean) =>
  z.boolean().default(byDefault).describe('Whether a ReLU follows.');
const dropoutAfter = rate
  .default(0)
  .describe('Share of the outputs that dropout sets to zero in training.');

const statistics = {
  momentum: z
    .number()
    .gt(0)
    .lte(1)
    .default(0.1)
    .describe("Share of a micro-batch's statistics in the running ones."),
  epsilon: z.number().positive().default(1e-5).describe('Added to the variance.'),
};
const batchnorm = z.strictObject({ ...named, ...statistics, relu: relu(false) });

/** `true` is the default numbers, `false` the same as nothing. */
const batchNormOfConv = z
  .union([z.boolean(), z.strictObject(statistics)], {
    error: 'batchNorm: true, false, or {momentum, epsilon}',
  })
  .transform((value) => {
    if (value === false) return undefined;
    return value === true ? z.strictObject(statistics).parse({}) : value;
  });

/**
 * The bias defaults to true, and to false before a batch normalization, which has one of its own. The keys come in
 * one order whichever were given: a printed config prints the same again.
 */
const conv = z
  .strictObject({
    ...named,
    filters: positive.describe('Number of output channels.'),
    kernel: pair('kernel').describe('Size of the filters: one number or [height, width].'),
    stride: pair('stride')
      .default(1)
      .describe('Step of the window: one number or [height, width].'),
    padding: padding.default('same').describe(PADDING),
    repeat,
    relu: relu(true),
    bias: z
      .boolean()
      .optional()
      .describe('Whether a bias is added; by default unless batchNorm follows.'),
    batchNorm: batchNormOfConv
      .optional()
      .describe(
        'Batch normalization between convolution and ReLU: true, false, or {momentum, epsilon}.',
      ),
    dropout: dropoutAfter,
  })
  .transform(({ bias, batchNorm, dropout, ...rest }) => ({
    ...rest,
    bias: bias ?? batchNorm === undefined,
    ...(batchNorm && { batchNorm }),
    dropout,
  }));

const poolShape = {
  name: optionalName,
  size: z
    .union([pair('size'), z.literal('global')], {
      error: 'size: a positive integer, [height, width] or "global" (the whole map)',
    })
    .describe('Size of the window: one number, [height, width], or global (the whole map).'),
  stride: pair('stride').optional().describe('Step of the window; its size unless given.'),
  padding: padding.default('valid').describe(PADDING),
  rounding: z
    .enum(['floor', 'ceil'])
    .default('floor')
    .describe('How the number of windows is rounded; Caffe uses ceil.'),
};
const maxpool = z.strictObject(poolShape);
const avgpool = z.strictObject({
  ...poolShape,
  countPadding: z.boolean().default(true).describe('Whether padding counts in the divisor.'),
});

const fc = z.strictObject({
  ...named,
  units: z
    .union([positive, z.literal('classes')], {
      error: 'units: a positive integer or "classes"',
    })
    .describe('Number of outputs, or classes: as many as there are classes.'),
  relu: relu(false),
  bias: z.boolean().default(true).describe('Whether a bias is added.'),
  dropout: dropoutAfter,
});

const lrn = z.strictObject({
  name: optionalName,
  size: positive
    .refine((size) => size % 2 === 1, { error: 'size: an odd number' })
    .default(5)
    .describe('How many neighbouring channels count; odd.'),
  alpha: z.number().positive().default(1e-4).describe('Factor of the mean square.'),
  beta: z.number().positive().default(0.75).describe('The exponent.'),
  k: z.number().positive().default(1).describe('Added before the power.'),
});

const layerList = z.array(z.lazy((): z.ZodType<LayerSpec> => layerSchema)).min(1);
const composite = { ...named, repeat };

const layerKinds = {
  conv: conv.optional().describe('Convolution, with bias and ReLU unless switched off.'),
  maxpool: maxpool.optional().describe('Max pooling.'),
  avgpool: avgpool.optional().describe('Average pooling.'),
  fc: fc.optional().describe('Fully connected layer; a map is read row by row.'),
  dropout: rate
    .optional()
    .describe('Sets this share of the values to zero in training, and scales the others up.'),
  relu: z.strictObject({ name: optionalName }).optional().describe('ReLU by itself.'),
  spp: z
    .array(positive)
    .min(1)
    .optional()
    .describe(
      'Spatial pyramid pooling: max pools to n x n bins for each n of the list, joined in its order.',
    ),
  batchnorm: batchnorm.optional().describe('Batch normalization by itself.'),
  lrn: lrn.optional().describe('Local response normalization across channels.'),
  branches: z
    .strictObject({
      ...composite,
      paths: z
        .array(layerList)
        .min(2)
        .describe('Lists of layers side by side, joined along the channels.'),
    })
    .optional()
    .describe('Paths side by side on the same input, as in Inception.'),
  residual: z
    .strictObject({
      ...composite,
      layers: layerList.describe('The layers of the body.'),
      shortcut: layerList
        .optional()
        .describe('Layers on the shortcut; without it the input itself is added.'),
      relu: relu(true),
    })
    .optional()
    .describe('layers(x) + shortcut(x), then ReLU, as in ResNet.'),
  custom: z
    .looseObject({
      ...named,
      type: z.string().describe('The name that the layer type was registered under.'),
    })
    .optional()
    .describe('A layer type of your own, registered with registerLayer, with its options.'),
};

/** One layer: a mapping with exactly one key, the kind. */
export const layerSchema: z.ZodType<LayerSpec> = z
  .strictObject(layerKinds)
  .superRefine((layer, context) => {
    const given = Object.entries(layer).filter(([, value]) => value !== undefined);
    if (given.length !== 1) {
      context.addIssue({
        code: 'custom',
        message: `a layer is a mapping with exactly one key, one of ${Object.keys(layerKinds).join(', ')}; here ${
          given.length === 0 ? 'none' : given.map(([key]) => key).join(' and ')
        }`,
      });
    }
  })
  .meta({ id: 'layer', description: 'One layer: a mapping with exactly one key, the kind.' });

export type ConvSpec = z.infer<typeof conv>;
export type MaxPoolSpec = z.infer<typeof maxpool>;
export type AvgPoolSpec = z.infer<typeof avgpool>;
export type FcSpec = z.infer<typeof fc>;
export type PaddingSpec = z.infer<typeof padding>;
export type BatchNormSpec = z.infer<typeof batchnorm>;
export type LrnSpec = z.infer<typeof lrn>;
interface CompositeSpec {
  name?: string;
  frozen: boolean;
  repeat: number;
}
export interface BranchesSpec extends CompositeSpec {
  paths: LayerSpec[][];
}
export interface ResidualSpec extends CompositeSpec {
  layers: LayerSpec[];
  shortcut?: LayerSpec[];
  relu: boolean;
}
/** Other keys are options of the type. */
export interface CustomSpec {
  type: string;
  name?: string;
  frozen: boolean;
  [option: string]: unknown;
}
/** Exactly one key is present. */
export interface LayerSpec {
  conv?: ConvSpec;
  maxpool?: MaxPoolSpec;
  avgpool?: AvgPoolSpec;
  fc?: FcSpec;
  dropout?: number;
  relu?: { name?: string };
  spp?: number[];
  batchnorm?: BatchNormSpec;
  lrn?: LrnSpec;
  branches?: BranchesSpec;
  residual?: ResidualSpec;
  custom?: CustomSpec;
}
