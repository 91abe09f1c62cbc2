import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { CheckpointError } from '../errors.js';
import { parsed, writeJson } from './outcome.js';
import type { StudyConfig } from './study-schema.js';

/** How final runs are tested: as the study says, less what it leaves out. */
export type Protocol = StudyConfig['evaluation'];

const percent = z.number().min(0).max(100);
const evaluationSchema = z.object({
  formatVersion: z.literal(1),
  /** The study's `evaluation` that it was made by. */
  protocol: z.record(z.string(), z.unknown()),
  /** Of the checkpoint. */
  step: z.int().nonnegative(),
  skipped: z.int().nonnegative(),
  loss: z.number(),
  top1: percent,
  top5: percent,
  classes: z.array(z.string()),
  /** Of each image that counts, relative to the root of its data; its class; the rank of that, from 1. */
  paths: z.array(z.string()),
  labels: z.array(z.int().nonnegative()),
  ranks: z.array(z.int().positive()),
  /** What a reader has to know of the scores. */
  notes: z.array(z.string()).default([]),
});
export type RunEvaluation = z.infer<typeof evaluationSchema>;

const FILE = 'evaluation.json';
const REMEDY = 'the run is tested again';

/**
 * The test of a final run, image by image.
 *
 * @returns null of a run that has not been tested in this way
 * @throws CheckpointError if the file is damaged
 */
export function readEvaluation(run: string, protocol: Protocol): RunEvaluation | null {
  const file = join(run, FILE);
  if (!existsSync(file)) return null;
  const found = parsed(file, evaluationSchema, REMEDY);
  const { paths, labels, ranks } = found;
  if (labels.length !== paths.length || ranks.length !== paths.length) {
    throw new CheckpointError(
      `${file}: ${paths.length} images, ${labels.length} labels and ${ranks.length} ranks`,
      `remove it: ${REMEDY}`,
    );
  }
  return keyOf(found.protocol) === keyOf(protocol) ? found : null;
}

/** @throws CheckpointError if it cannot be written */
export function writeEvaluation(
  run: string,
  evaluation: Omit<RunEvaluation, 'formatVersion'>,
): void {
  writeJson(join(run, FILE), { formatVersion: 1, ...evaluation });
}

const keyOf = (protocol: Readonly<Record<string, unknown>>): string =>
  JSON.stringify(
    Object.entries(protocol)
      .filter(([, value]) => value !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
