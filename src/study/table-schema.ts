import { z } from 'zod';
import { ENDS } from './ends.js';

/** `table.json`: all that the table and the page of a study show. */

const text = z.string();
const count = z.int().nonnegative();
const number = z.number();
const scalar = z.union([number, text, z.boolean()]);
const values = z.record(text, scalar);
const interval = z.tuple([number, number]);
const spread = z.object({
  n: count,
  mean: number,
  deviation: number.nullable(),
  interval: interval.nullable(),
});
const METRIC = z.enum(['top1', 'top5', 'top1_err', 'top5_err', 'loss']);

const run = z.object({
  id: text,
  seed: count,
  state: z.enum(['to do', ...ENDS]),
  message: text.nullable(),
  /** Null of a run that has not been tested. */
  result: z.record(METRIC, number).nullable(),
  /** What a reader has to know of its scores. */
  notes: z.array(text).default([]),
});

const combination = z.object({
  id: text,
  label: text,
  variants: z.record(text, text),
  /** Tuned values; null until the trials have chosen. */
  chosen: values.nullable(),
  runs: z.array(run),
  /** Over the seeds that were tested; null where none was. */
  results: z.record(METRIC, spread.nullable()),
  /** Images that were tested. */
  images: count.nullable(),
  cost: z.object({
    /** For one image. */
    stepMultiplyAdds: number,
    relativeToStandardBp: number,
    testMultiplyAdds: number,
    /** Bytes. */
    predictedMemory: number,
    /** Of a training, measured. */
    seconds: spread.nullable(),
    /** The largest, measured. */
    peakMemoryMiB: number.nullable(),
  }),
});

/** Positive differences are higher values of the metric, which of errors and losses is worse. */
const comparison = z.object({
  /** Ids of combinations: what is compared, and its baseline. */
  of: text,
  to: text,
  label: text,
  /** Seeds that both have a result of. */
  seeds: z.array(count),
  /** Over these seeds, seed by seed. */
  difference: spread.nullable(),
  /** Over the images, image by image: each counts by its mean over the seeds. Null of a loss. */
  images: z
    .object({
      images: count,
      /** Images that are right more often with the one than with the other. */
      onlyOf: count,
      onlyTo: count,
      difference: number,
      interval,
    })
    .nullable(),
  /** Only where no interval holds zero is something said to be better or worse. */
  verdict: z.enum(['better', 'worse', 'no difference shown', 'one seed', 'not known']),
});

const tuning = z.object({
  combination: text,
  /** Whether all trials have ended. */
  over: z.boolean(),
  candidates: z.array(
    z.object({
      values,
      mean: number.nullable(),
      chosen: z.boolean(),
      /** Beside the chosen one: one key is the next lower or higher. */
      neighbour: z.boolean(),
      trials: z.array(
        z.object({ seed: count, state: z.enum(ENDS).nullable(), value: number.nullable() }),
      ),
    }),
  ),
  /** Where a value is the lowest or the highest of those tried. */
  edges: z.array(z.object({ key: text, value: scalar, side: z.enum(['lowest', 'highest']) })),
});

export const tableSchema = z.object({
  formatVersion: z.literal(1),
  relaybp: text,
  name: text,
  metric: METRIC,
  /** Of the trials. */
  tuningMetric: METRIC.nullable(),
  /** What was tested: the test part, or the validation images. */
  part: z.enum(['test', 'validation']),
  seeds: z.array(count),
  axes: z.array(z.object({ name: text, variants: z.array(z.object({ name: text, label: text })) })),
  rows: z.array(text),
  columns: z.array(text),
  combinations: z.array(combination),
  comparisons: z.array(comparison),
  tuning: z.array(tuning),
  /** What a reader has to know. */
  notes: z.array(text),
  /** Runs that are not over. */
  left: count,
});

export type StudyTable = z.infer<typeof tableSchema>;
export type TableCombination = StudyTable['combinations'][number];
export type TableComparison = StudyTable['comparisons'][number];
export type TableTuning = StudyTable['tuning'][number];
