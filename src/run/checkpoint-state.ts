import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type ExperimentConfig, experimentSchema } from '../config/experiment-schema.js';
import { ruleText } from '../config/rule-text.js';
import { CheckpointError, DamagedCheckpointError } from '../errors.js';
import { messageOf } from '../system-error.js';
import { readFile } from './changing.js';

const FORMAT_VERSION = 1;
export const STATE_SUM = 'state.sha256';
const LARGEST_STATE = 64 * 1024 * 1024;
/** Of a file that holds a checksum. */
const LARGEST_SUM = 4096;

/** What `state.json` says of another file. */
export interface FileSum {
  bytes: number;
  sha256: string;
}

/** What a checkpoint holds besides tensors: `state.json`, format version 1 (docs/checkpoint.md). */
const stateSchema = z.object({
  formatVersion: z.literal(FORMAT_VERSION),
  relaybp: z.string(),
  /** Optimizer steps done. */
  step: z.int().nonnegative(),
  /** The step of the last evaluation. */
  evaluated: z.int().nonnegative(),
  /** Epochs done, a fraction in the middle of one. */
  epoch: z.number().nonnegative(),
  /** Images drawn from the sampler; with the seed that is all of its state, and of every random choice's. */
  position: z.int().nonnegative(),
  seed: z.int().nonnegative(),
  schedule: z.object({
    scale: z.number(),
    best: z.number().nullable(),
    waited: z.int(),
  }),
  /** Percent, and the mean loss; earlier versions went by top-1, and kept nothing else. */
  best: z
    .object({
      top1: z.number(),
      top5: z.number().optional(),
      loss: z.number().optional(),
      step: z.int(),
    })
    .nullable(),
  /** Of the training until then (src/experiment/timeline.ts); none in files of earlier versions. */
  paces: z
    .array(
      z.object({
        step: z.int().nonnegative(),
        position: z.int().nonnegative(),
        epoch: z.number().nonnegative(),
        stepsPerEpoch: z.number().positive(),
        batchSize: z.int().positive(),
        images: z.int().nonnegative(),
      }),
    )
    .default([]),
  /** By parameter: steps that did not update it, as no loss trained it then; only where there are any. */
  rested: z.record(z.string(), z.int().nonnegative()).default({}),
  classes: z.array(z.string()),
  engine: z.object({
    name: z.string(),
    library: z.string(),
    device: z.string(),
    precision: z.enum(['float32', 'bf16']).default('float32'),
  }),
  config: experimentSchema,
  /** How paths that are absolute in `config` were written, by key. */
  written: z.record(z.string(), z.string()).default({}),
  files: z.record(z.string(), z.object({ bytes: z.int(), sha256: z.string() })),
});

export type CheckpointState = Omit<z.infer<typeof stateSchema>, 'files' | 'config'> & {
  config: ExperimentConfig;
};

/**
 * Reads `state.json`, and checks it.
 *
 * @returns also what it says of the checkpoint's other files
 * @throws CheckpointError naming the file if it is missing, damaged (SHA-256) or of another format version
 */
export function readStateFile(checkpoint: string): {
  state: CheckpointState;
  files: Readonly<Record<string, FileSum>>;
} {
  const path = join(checkpoint, 'state.json');
  const bytes = readFile(path, LARGEST_STATE);
  const summed = checkStateSum(checkpoint, bytes);
  const wrong = (what: string): CheckpointError =>
    new (summed ? CheckpointError : DamagedCheckpointError)(`${path}: ${what}`);
  let data: unknown;
  try {
    data = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw wrong(`not valid JSON: ${messageOf(error)}`);
  }
  const { formatVersion } = (data ?? {}) as { formatVersion?: unknown };
  if (typeof formatVersion === 'number' && formatVersion > FORMAT_VERSION) {
    throw new CheckpointError(
      `${path}: formatVersion: ${formatVersion}; this relaybp reads version ${FORMAT_VERSION}`,
      'it was written by a newer relaybp: update this one',
    );
  }
  const result = stateSchema.safeParse(data, { error: ruleText });
  if (!result.success) {
    const issue = result.error.issues[0]!;
    throw wrong(`${issue.path.join('.')}: ${issue.message}`);
  }
  const { files, ...state } = result.data;
  return { state, files };
}

/** @returns whether the state has its checksum; checkpoints of version 0.1.0 had none */
function checkStateSum(checkpoint: string, state: Uint8Array): boolean {
  const path = join(checkpoint, STATE_SUM);
  if (!existsSync(path)) return false;
  const [expected] = readFile(path, LARGEST_SUM).toString('latin1').split(' ');
  if (expected === createHash('sha256').update(state).digest('hex')) return true;
  throw new DamagedCheckpointError(
    `${join(checkpoint, 'state.json')}: its SHA-256 differs from the one in ${STATE_SUM}: damaged or edited`,
    `use another checkpoint of the run; if you edited it yourself, remove ${path}`,
  );
}
