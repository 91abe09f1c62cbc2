import { z } from 'zod';

/**
 * A study, version 1: what is compared, tuned and repeated, and how the table of it is laid out. Strict, as configs are
 * (src/config/experiment-schema.ts); `npm run generate` after a change.
 */

const NAME = 'a name: a letter, then letters, digits, _ or -';
const name = z.string(NAME).regex(/^[A-Za-z][\w-]*$/, NAME);
const VARIANT = 'a name: letters, digits, _ . + or -, the first one a letter or digit';
const variantName = z.string(VARIANT).regex(/^[A-Za-z0-9][\w.+-]*$/, VARIANT);
const text = z.string().min(1);
const seed = z.int().nonnegative();

const SETTINGS = 'settings: a mapping of key paths, as --set has them, to values';
const settings = z.record(text, z.unknown(), { error: SETTINGS });
const scalar = z.union([z.number(), z.string(), z.boolean()], {
  error: 'a number, a text, true or false',
});
const GRID = 'a mapping of key paths, as --set has them, to the values to try';
const grid = z.record(text, z.array(scalar).min(1), { error: GRID });
const paths = z.union([text, z.array(text).min(1)], {
  error: 'a path to a config, or a list of paths',
});

const variant = z.strictObject({
  name: variantName.describe(
    'Name of the variant: run folders have it in their names. In quotes where it is a number.',
  ),
  label: text.optional().describe('What tables and charts call it; its name unless given.'),
  extends: paths
    .optional()
    .describe(
      'A config, or a list of them, that is laid over the base, relative to the study: as extends in a config.',
    ),
  set: settings
    .default({})
    .describe(
      'Settings of this variant: key paths as --set has them, with their values, for instance {losses.auxiliary.weight: 1}. null deletes a key.',
    ),
  tune: grid
    .default({})
    .describe(
      'Other values to try than those of tune.values, for keys of these; for this variant.',
    ),
});

const axis = z.strictObject({
  name: name.describe('What the variants differ in, for instance method or depth.'),
  variants: z.array(variant).min(1).describe('What is compared, in the order of the table.'),
});

/** What a table is about, as metrics.jsonl calls it. */
export const METRICS = ['top1', 'top5', 'top1_err', 'top5_err', 'loss'] as const;
export type Metric = (typeof METRICS)[number];

const tune = z.strictObject({
  values: grid.describe(
    'The values that each variant is tried with, by key path: {optimizer.lr: [0.01, 0.02, 0.04]}. Several keys multiply.',
  ),
  seeds: z
    .array(seed)
    .min(1)
    .describe('Seeds of the trials; better others than those of the final runs.'),
  metric: z
    .enum(METRICS)
    .default('top1')
    .describe('What is best: the validation result that decides, its mean over the seeds.'),
  set: settings
    .default({})
    .describe('Settings of the trials alone, for instance a shorter training.'),
});

const evaluation = z
  .strictObject({
    test: text
      .optional()
      .describe(
        'Images of the table that tuning has not seen: a folder of class folders or a list file, as eval --data. Without it the table is of the validation images, on which values are tuned too.',
      ),
    checkpoint: z
      .enum(['last', 'best'])
      .default('last')
      .describe(
        'The weights that count, in trials and in final runs: of the end of the training, or of its best evaluation, which the validation images choose.',
      ),
    multiscale: z
      .union([z.literal(true), z.array(z.int().positive()).min(1)], {
        error: 'true (the default sides), or a list of sides',
      })
      .optional()
      .describe('Tests whole images at several scales, as eval --multiscale.'),
    tenCrop: z.boolean().optional().describe('Tests ten crops, as eval --ten-crop.'),
    flip: z.boolean().optional().describe('Tests mirror images too, as eval --flip.'),
    ema: z
      .boolean()
      .optional()
      .describe('Tests the moving average of the weights (optimizer.ema), as eval --ema.'),
  })
  .prefault({})
  .describe('How final runs are tested; trials go by the evaluations of the training.');

const kept = z.enum(['none', 'best-and-last', 'all']);

const keep = z
  .strictObject({
    trials: kept
      .default('none')
      .describe(
        'Of trials, once they are done: no checkpoints, those that best and last name, or all that checkpoint.keep leaves. A trial that is a final run too counts as one.',
      ),
    finals: kept
      .default('best-and-last')
      .describe(
        'The same of final runs, once they are tested. With none their images and classes are not on the page, and another test needs them trained anew.',
      ),
  })
  .prefault({})
  .describe('Which weights stay on the disk; everything else of a run does.');

const choice = z.union([variantName, z.array(variantName).min(1)], {
  error: 'the name of a variant, or a list of names',
});
const combination = z.record(name, choice, { error: 'a mapping of axes to variants' });
const baseline = z.record(name, variantName, { error: 'a mapping of axes to a variant each' });

const table = z
  .strictObject({
    metric: z
      .enum(METRICS)
      .default('top1')
      .describe('What the table shows: accuracies or errors in percent, or the loss.'),
    rows: z
      .array(name)
      .optional()
      .describe('Axes whose variants are rows; those that are not columns unless given.'),
    columns: z.array(name).default([]).describe('Axes whose variants stand side by side.'),
    baseline: z
      .union([baseline, z.array(baseline).min(1)], {
        error: 'a mapping of axes to a variant each, or a list of such',
      })
      .optional()
      .describe(
        'What the others are compared to, by axis: {method: bp} compares each with bp of the same depth, say. A list makes several comparisons.',
      ),
  })
  .prefault({})
  .describe('How the table is laid out.');

export const studySchema = z.strictObject({
  version: z
    .literal(1, { error: 'version: 1 is the only version that this relaybp reads' })
    .describe('Version of the format.'),
  name: name.describe('Name of the study; its runs are in the folder of this name below studies.'),
  base: paths
    .optional()
    .describe(
      'The config that all runs begin with, relative to this file, or a list of them, the later over the earlier. Not needed where the variants of an axis extend whole configs.',
    ),
  set: settings.default({}).describe('Settings of all runs, laid over the base.'),
  axes: z
    .array(axis)
    .min(1)
    .describe('What is varied. The variants of several axes are combined, each with each.'),
  combinations: z
    .array(
      z.strictObject({
        for: combination.describe('The combinations: axes with a variant of each, or several.'),
        extends: paths
          .optional()
          .describe('Configs that are laid over those of the variants, as extends of a variant.'),
        set: settings.default({}).describe('Settings, laid over those of the variants.'),
      }),
    )
    .default([])
    .describe(
      'What only some combinations have, where the variants of one axis depend on those of another.',
    ),
  exclude: z
    .array(combination)
    .default([])
    .describe(
      'Combinations that are left out: mappings of axes to a variant or several, for instance {sampler: shuffle, depth: ["10", "28"]}.',
    ),
  tune: tune
    .optional()
    .describe(
      'What is tuned for each combination, on the validation images, before the final runs.',
    ),
  seeds: z
    .array(seed)
    .min(1)
    .describe(
      'Seeds of the final runs, the same for every combination; intervals need two or more.',
    ),
  evaluation,
  keep,
  table,
});

export type StudyConfig = z.infer<typeof studySchema>;
export type Scalar = z.infer<typeof scalar>;
/** Tuned keys with a value each. */
export type Values = Readonly<Record<string, Scalar>>;
