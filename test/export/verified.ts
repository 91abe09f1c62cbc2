import type { ExportRuntime, PixelBatch, Scores } from '../../src/export/runtimes.js';
import {
  differenceOf,
  excessOf,
  runExport,
  type ScoreDifference,
} from '../../src/export/verify.js';

/** Runs a written export and compares. @throws Error if it says something else than the network */
export async function verify(
  runtime: ExportRuntime,
  path: string,
  batch: PixelBatch,
  expected: Scores,
): Promise<ScoreDifference> {
  const difference = differenceOf(await runExport(runtime, path, batch), expected);
  const excess = excessOf(runtime, difference);
  if (excess !== null) throw new Error(excess);
  return difference;
}
