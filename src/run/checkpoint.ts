import { createHash } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, readSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ruleText } from '../config/rule-text.js';
import { type ExperimentConfig, experimentSchema } from '../config/schema.js';
import { CheckpointError, DamagedCheckpointError } from '../errors.js';
import { syncFolder, writeDurably } from '../files.js';
import { expectFinite } from '../finite.js';
import { expectSize, MOST_BYTES, openRegular } from '../regular-file.js';
import { decodeSafetensors, encodeSafetensors, type NamedTensor } from '../safetensors.js';
import { messageOf } from '../system-error.js';
import { changing, readFile, reading } from './changing.js';

const FORMAT_VERSION = 1;

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
  best: z.object({ top1: z.number(), step: z.int() }).nullable(),
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

/** Tensors by file, each by name. */
export interface CheckpointTensors {
  /** Parameters and running statistics. */
  weights: Map<string, NamedTensor>;
  /** What the optimizer keeps beside parameters, as `<slot>/<parameter>`. */
  optimizer: Map<string, NamedTensor>;
  normalization: Map<string, NamedTensor>;
  /** The moving average of the weights; absent without `optimizer.ema`. */
  ema?: Map<string, NamedTensor>;
}

/** Of a run's checkpoints, in its folder. */
export const FOLDER = 'checkpoints';
const STATE_SUM = 'state.sha256';
const LARGEST_STATE = 64 * 1024 * 1024;
/** Of a file that holds a name or a checksum. */
const LARGEST_NOTE = 4096;
const tensorFiles = ['weights', 'optimizer', 'normalization', 'ema'] as const;

/**
 * Writes `checkpoints/step-N` under the run folder: into a temporary folder, to the disk, and then renamed, so that
 * a folder of that name is always whole.
 *
 * @returns its path
 * @throws CheckpointError if it cannot be written, a run folder that is gone included: none is made anew
 */
export function writeCheckpoint(
  run: string,
  state: CheckpointState,
  tensors: CheckpointTensors,
): string {
  const folder = join(run, FOLDER);
  const final = join(folder, `step-${state.step}`);
  const temporary = join(folder, `.writing-step-${state.step}-${process.pid}`);
  const old = join(folder, `.old-step-${state.step}`);
  return changing(`${final}: the checkpoint could not be written`, () => {
    if (!existsSync(folder)) mkdirSync(folder);
    rmSync(temporary, { recursive: true, force: true });
    mkdirSync(temporary);
    try {
      writeInto(temporary, state, tensors);
      syncFolder(temporary);
      rmSync(old, { recursive: true, force: true });
      if (existsSync(final)) renameSync(final, old);
      renameSync(temporary, final);
    } catch (error) {
      rmSync(temporary, { recursive: true, force: true });
      if (existsSync(old) && !existsSync(final)) renameSync(old, final);
      throw error;
    }
    syncFolder(folder);
    rmSync(old, { recursive: true, force: true });
    return final;
  });
}

/** `state.json` has its SHA-256 beside it, in the form of `sha256sum`; those of the other files are in it. */
function writeInto(folder: string, state: CheckpointState, tensors: CheckpointTensors): void {
  const files: Record<string, { bytes: number; sha256: string }> = {};
  for (const name of tensorFiles) {
    const file = `${name}.safetensors`;
    const content = tensors[name];
    if (content === undefined) continue;
    files[file] = writeDurably(join(folder, file), encodeSafetensors(content));
  }
  const json = JSON.stringify({ ...state, files }, null, 1);
  const { sha256 } = writeDurably(join(folder, 'state.json'), [Buffer.from(json)]);
  writeDurably(join(folder, STATE_SUM), [Buffer.from(`${sha256}  state.json\n`)]);
}

/** @throws CheckpointError naming the file if anything is missing, damaged (SHA-256) or of another format version. */
export function readState(checkpoint: string): CheckpointState {
  return parseState(checkpoint).state;
}

/**
 * The weights to test with: those of the last step, or their moving average.
 *
 * @throws CheckpointError as `readState`, or if there is no moving average
 */
export function weightsOf(checkpoint: string, { ema }: { ema: boolean }): Map<string, NamedTensor> {
  if (!ema) return readTensors(checkpoint, 'weights');
  const average = readOptionalTensors(checkpoint, 'ema');
  if (average) return average;
  throw new CheckpointError(
    `${checkpoint}: holds no moving average of the weights (no ema.safetensors)`,
    'train with optimizer.ema, or test the weights themselves',
  );
}

/** As `readTensors`; null if the checkpoint was written without them. */
export function readOptionalTensors(
  checkpoint: string,
  name: 'ema',
): Map<string, NamedTensor> | null {
  const { files } = parseState(checkpoint);
  return files[`${name}.safetensors`] ? readTensors(checkpoint, name) : null;
}

/** Reads one of a checkpoint's tensor files. @throws CheckpointError as `readState`, or naming tensors that are not finite */
export function readTensors(
  checkpoint: string,
  name: keyof CheckpointTensors,
): Map<string, NamedTensor> {
  const { files } = parseState(checkpoint);
  const file = `${name}.safetensors`;
  const path = join(checkpoint, file);
  const expected = files[file];
  if (!expected) {
    throw new CheckpointError(
      `${checkpoint}/state.json: does not list ${file}`,
      'the checkpoint was written by another version of relaybp',
    );
  }
  checkSize(path, expected);
  const bytes = readFile(path, MOST_BYTES);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  checkFile(path, expected, { bytes: bytes.byteLength, sha256 });
  const tensors = decodeSafetensors(bytes, path);
  expectFinite(tensors, path);
  return tensors;
}

/**
 * Reads a checkpoint through, without taking its tensors into memory.
 *
 * @param names the tensor files that are needed; all by default
 * @throws DamagedCheckpointError naming the file that is missing, cut off or altered
 * @throws CheckpointError if it cannot be read, or is of a newer format version
 */
export function verifyCheckpoint(
  checkpoint: string,
  names: readonly (keyof CheckpointTensors)[] = tensorFiles,
): void {
  const { files } = parseState(checkpoint);
  for (const name of names) {
    const expected = files[`${name}.safetensors`];
    if (!expected) continue;
    const path = join(checkpoint, `${name}.safetensors`);
    checkSize(path, expected);
    checkFile(path, expected, digest(path));
  }
}

interface Sum {
  bytes: number;
  sha256: string;
}

/** Before it is read: the file may hold anything. */
function checkSize(path: string, { bytes, sha256 }: Sum): void {
  const stats = reading(path, () => statSync(path));
  if (stats.isFile()) checkFile(path, { bytes, sha256 }, { bytes: stats.size, sha256 });
  reading(path, () => expectSize(stats.size, MOST_BYTES));
}

function checkFile(path: string, expected: Sum, found: Sum): void {
  const hint = 'use another checkpoint of the run';
  if (found.bytes !== expected.bytes) {
    throw new DamagedCheckpointError(
      `${path}: has ${found.bytes} bytes, state.json says ${expected.bytes}: truncated or replaced`,
      hint,
    );
  }
  if (found.sha256 !== expected.sha256) {
    throw new DamagedCheckpointError(
      `${path}: its SHA-256 differs from the one in state.json: damaged`,
      hint,
    );
  }
}

/** Size and SHA-256 of a file, read piece by piece. */
function digest(path: string): Sum {
  const hash = createHash('sha256');
  const piece = Buffer.allocUnsafe(1 << 20);
  let bytes = 0;
  reading(path, () => {
    const file = openRegular(path);
    try {
      for (let got = readSync(file, piece); got > 0; got = readSync(file, piece)) {
        hash.update(piece.subarray(0, got));
        bytes += got;
      }
    } finally {
      closeSync(file);
    }
  });
  return { bytes, sha256: hash.digest('hex') };
}

function parseState(checkpoint: string): {
  state: CheckpointState;
  files: z.infer<typeof stateSchema>['files'];
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
  const [expected] = readFile(path, LARGEST_NOTE).toString('latin1').split(' ');
  if (expected === createHash('sha256').update(state).digest('hex')) return true;
  throw new DamagedCheckpointError(
    `${join(checkpoint, 'state.json')}: its SHA-256 differs from the one in ${STATE_SUM}: damaged or edited`,
    `use another checkpoint of the run; if you edited it yourself, remove ${path}`,
  );
}
