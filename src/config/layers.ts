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
const rate = z.number().min(0).lt(1);
const layerName = z
  .string()
  .regex(/^[A-Za-z][\w-]*$/, 'a name: a letter, then letters, digits, _ or -');

const named = { name: layerName.optional(), frozen: z.boolean().default(false) };

const statistics = {
  momentum: z.number().gt(0).lte(1).default(0.1),
  epsilon: z.number().positive().default(1e-5),
};
const batchnorm = z.strictObject({ ...named, ...statistics, relu: z.boolean().default(false) });

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
    filters: positive,
    kernel: pair('kernel'),
    stride: pair('stride').default(1),
    padding: padding.default('same'),
    repeat: positive.default(1),
    relu: z.boolean().default(true),
    bias: z.boolean().optional(),
    batchNorm: batchNormOfConv.optional(),
    dropout: rate.default(0),
  })
  .transform(({ bias, batchNorm, dropout, ...rest }) => ({
    ...rest,
    bias: bias ?? batchNorm === undefined,
    ...(batchNorm && { batchNorm }),
    dropout,
  }));

const poolShape = {
  name: layerName.optional(),
  size: z.union([pair('size'), z.literal('global')], {
    error: 'size: a positive integer, [height, width] or "global" (the whole map)',
  }),
  stride: pair('stride').optional(),
  padding: padding.default('valid'),
  rounding: z.enum(['floor', 'ceil']).default('floor'),
};
const maxpool = z.strictObject(poolShape);
const avgpool = z.strictObject({ ...poolShape, countPadding: z.boolean().default(true) });

const fc = z.strictObject({
  ...named,
  units: z.union([positive, z.literal('classes')], {
    error: 'units: a positive integer or "classes"',
  }),
  relu: z.boolean().default(false),
  bias: z.boolean().default(true),
  dropout: rate.default(0),
});

const lrn = z.strictObject({
  name: layerName.optional(),
  size: positive.refine((size) => size % 2 === 1, { error: 'size: an odd number' }).default(5),
  alpha: z.number().positive().default(1e-4),
  beta: z.number().positive().default(0.75),
  k: z.number().positive().default(1),
});

const layerList = z.array(z.lazy((): z.ZodType<LayerSpec> => layerSchema)).min(1);
const composite = { ...named, repeat: positive.default(1) };

const layerKinds = {
  conv: conv.optional(),
  maxpool: maxpool.optional(),
  avgpool: avgpool.optional(),
  fc: fc.optional(),
  dropout: rate.optional(),
  relu: z.strictObject({ name: layerName.optional() }).optional(),
  spp: z.array(positive).min(1).optional(),
  batchnorm: batchnorm.optional(),
  lrn: lrn.optional(),
  branches: z.strictObject({ ...composite, paths: z.array(layerList).min(2) }).optional(),
  residual: z
    .strictObject({
      ...composite,
      layers: layerList,
      shortcut: layerList.optional(),
      relu: z.boolean().default(true),
    })
    .optional(),
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
  });

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
}
