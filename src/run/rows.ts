/** The rows of metrics.jsonl, gradients.jsonl and signals.jsonl (docs/run-folder.md), read back. */
import { join } from 'node:path';
import { z } from 'zod';
import type { GradientRow } from './gradient-row.js';
import { linesOf, rowNumber, rowOf } from './json-lines.js';
import type { SignalRow } from './signal-row.js';
import { signalRowSchema } from './signal-row-schema.js';

/** One line of metrics.jsonl. */
export interface MetricsRow {
  kind: 'train' | 'val';
  step: number;
  epoch: number;
  [column: string]: string | number;
}

export const METRICS = 'metrics.jsonl';
export const GRADIENTS = 'gradients.jsonl';
export const SIGNALS = 'signals.jsonl';

/** Rows that are whole, and how many lines are none. The last line does not count: it may be just being written. */
export interface FoundRows<Row> {
  rows: Row[];
  damaged: number;
}

const at = { step: z.int().nonnegative(), epoch: rowNumber };
const metricsRow: z.ZodType<MetricsRow> = z
  .object({ kind: z.enum(['train', 'val']), ...at })
  .catchall(z.union([z.string(), rowNumber, z.null()]))
  .transform(withoutNull);
const gradientRow: z.ZodType<GradientRow> = z.object({
  ...at,
  layers: z.array(
    z.object({
      layer: z.string(),
      weight: rowNumber,
      gradient: rowNumber,
      byLoss: z.record(z.string(), rowNumber),
      cosines: z
        .array(
          z.object({ losses: z.tuple([z.string(), z.string()]), cosine: rowNumber.nullable() }),
        )
        .optional(),
    }),
  ),
});

/** What was not finite is null in JSON. */
function withoutNull(row: { [column: string]: string | number | null }): MetricsRow {
  return Object.fromEntries(
    Object.entries(row).filter(([, value]) => value !== null),
  ) as MetricsRow;
}

/** @throws CheckpointError if the file cannot be read, or is no regular file */
export const findMetrics = (run: string): FoundRows<MetricsRow> =>
  findRows(join(run, METRICS), metricsRow);

/** As `findMetrics`; none without `diagnostics.gradients`. */
export const findGradients = (run: string): FoundRows<GradientRow> =>
  findRows(join(run, GRADIENTS), gradientRow);

/** As `findMetrics`; none without `diagnostics.signals`. */
export const findSignals = (run: string): FoundRows<SignalRow> =>
  findRows(join(run, SIGNALS), signalRowSchema);

/** Whole rows of metrics.jsonl; others are left out. @throws CheckpointError as `findMetrics` */
export const readMetrics = (run: string): MetricsRow[] => findMetrics(run).rows;

/** Whole rows of gradients.jsonl. @throws CheckpointError as `findMetrics` */
export const readGradients = (run: string): GradientRow[] => findGradients(run).rows;

/** Whole rows of signals.jsonl. @throws CheckpointError as `findMetrics` */
export const readSignals = (run: string): SignalRow[] => findSignals(run).rows;

function findRows<Row>(path: string, schema: z.ZodType<Row>): FoundRows<Row> {
  const lines = linesOf(path);
  const torn = lines.pop() ?? '';
  const found = lines.map((line) => rowOf(line, schema));
  const rows = [...found, rowOf(torn, schema)].filter((row) => row !== null);
  return { rows, damaged: found.filter((row) => row === null).length };
}
