import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { CheckpointError } from '../errors.js';
import { replaceFile } from '../files.js';
import { readRegular } from '../regular-file.js';
import { changing, reading } from '../run/changing.js';
import { ENDS } from './ends.js';

/** How a run ended. Runs that were stopped have not ended. */
const outcomeSchema = z.object({
  formatVersion: z.literal(1),
  state: z.enum(ENDS),
  /** Of one that finished. */
  step: z.int().nonnegative().nullable(),
  /** Why, of one that did not finish. */
  message: z.string().nullable(),
  /** Spent training, over all its sessions. */
  seconds: z.number().nonnegative().nullable(),
  peakMemoryMiB: z.number().nonnegative().nullable(),
  /** Runs that went on at the same time when it ended: their times are not those of a run alone. */
  jobs: z.int().positive(),
});
export type Outcome = z.infer<typeof outcomeSchema>;

/** In the folder of a run. */
export const OUTCOME = 'outcome.json';

/** @returns null of a run that has not ended @throws CheckpointError if the file is damaged */
export function readOutcome(run: string): Outcome | null {
  const file = join(run, OUTCOME);
  if (!existsSync(file)) return null;
  return parsed(file, outcomeSchema, 'it is written anew when the run is run again');
}

/** @throws CheckpointError if it cannot be written */
export function writeOutcome(run: string, outcome: Omit<Outcome, 'formatVersion'>): void {
  writeJson(join(run, OUTCOME), { formatVersion: 1, ...outcome }, 1);
}

/** Reads a JSON file of a study. @throws CheckpointError naming it if it is damaged */
export function parsed<T>(file: string, schema: z.ZodType<T>, remedy: string): T {
  const text = reading(file, () => readRegular(file));
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    const why = error instanceof z.ZodError ? 'not what relaybp study writes' : 'not valid JSON';
    throw new CheckpointError(`${file}: ${why}`, `remove it: ${remedy}`);
  }
}

/** Writes a JSON file of a study whole or not at all. @throws CheckpointError */
export function writeJson(file: string, value: unknown, indent?: number): void {
  writeText(file, `${JSON.stringify(value, null, indent)}\n`);
}

/** @throws CheckpointError */
export function writeText(file: string, text: string): void {
  changing(
    `${file}: cannot be written`,
    () => {
      mkdirSync(join(file, '..'), { recursive: true });
      replaceFile(file, text);
    },
    'what has been trained stays: the same command goes on',
  );
}
