import { z } from 'zod';
import { rowNumber } from './json-lines.js';
import type { Estimate, SignalRow } from './signal-row.js';

const perhaps = rowNumber.nullable();
const estimate: z.ZodType<Estimate> = z.object({ value: perhaps, low: perhaps, high: perhaps });
const count = z.int().nonnegative();

/** Of a row that is read back. */
export const signalRowSchema: z.ZodType<SignalRow> = z.object({
  format: z.literal('relaybp-signals'),
  version: z.literal(1),
  step: count,
  epoch: rowNumber,
  batches: count,
  batchSize: count,
  groups: count,
  keptBytes: count,
  losses: z.array(
    z.object({
      name: z.string(),
      tap: z.string(),
      bottom: z.string().nullable(),
      weight: rowNumber,
    }),
  ),
  layers: z.array(
    z.object({
      layer: z.string(),
      segment: z.string(),
      parameters: count,
      weight: rowNumber,
      byLoss: z.record(
        z.string(),
        z.object({
          inRange: z.boolean(),
          signalToNoise: estimate,
          mean: rowNumber,
          spread: rowNumber,
          magnitude: estimate,
        }),
      ),
      pairs: z.array(
        z.object({
          losses: z.tuple([z.string(), z.string()]),
          cosine: estimate,
          batchCosine: estimate,
          difference: estimate,
        }),
      ),
    }),
  ),
});
