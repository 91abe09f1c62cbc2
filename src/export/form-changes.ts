import { rmSync } from 'node:fs';
import { ExportError } from '../errors.js';
import { temporaryPath } from '../temporary-path.js';
import type { ExportFormat, ExportModel, GraphForm } from './exported-model.js';
import type { ExportRuntime, PixelBatch, Scores } from './runtimes.js';
import { differenceOf, otherBest, runExport, type ScoreDifference } from './verify.js';
import { writeExport } from './write.js';

/** By how much a form of the graph changes what it says, both run by the same program. */
export interface FormChange extends ScoreDifference {
  readonly what: 'folded batch normalizations' | 'float16 weights';
  /** Images whose best class is another. */
  readonly otherBest: number;
}

/** What is compared, in which program. */
export interface Comparison {
  readonly runtime: ExportRuntime;
  readonly batch: PixelBatch;
}

/**
 * Writes the export without the form, too, runs it and compares.
 *
 * @param plain what is different without the form
 * @param out beside which it is written for a while
 * @param found what the export says
 * @returns what the one without says, and the difference
 * @throws ExportError if a score of the export is not a number
 */
export async function formChange(
  { what, plain }: { what: FormChange['what']; plain: Partial<GraphForm> },
  { model, format, out }: { model: ExportModel; format: ExportFormat; out: string },
  { runtime, batch }: Comparison,
  found: Scores,
): Promise<{ without: Scores; change: FormChange }> {
  const other = temporaryPath(out);
  try {
    const graph = { ...model.graph, ...plain };
    await writeExport({ ...model, graph }, format, other, async () => {});
    const without = await runExport(runtime, other, batch);
    const difference = differenceOf(found, without);
    if (!Number.isFinite(difference.logits) || !Number.isFinite(difference.probabilities)) {
      throw new ExportError(
        `${what}: scores are not finite in ${runtime.name}`,
        'nothing was kept; export it without them',
      );
    }
    const best = otherBest(found, without, model.classes.length);
    return { without, change: { what, ...difference, otherBest: best } };
  } finally {
    rmSync(other, { recursive: true, force: true });
  }
}
