import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { z } from 'zod';
import { type ExperimentConfig, experimentSchema } from '../config/schema.js';
import { CheckpointError, RelaybpError } from '../errors.js';
import { decodeSafetensors, encodeSafetensors, type NamedTensor } from '../safetensors.js';
import { replaceFile, syncFolder, writeDurably } from './files.js';

/** What a checkpoint holds besides tensors: `state.json`, format version 1 (docs/checkpoint.md). */
const stateSchema = z.object({
  formatVersion: z.literal(1),
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
  classes: z.array(z.string()),
  engine: z.object({
    name: z.string(),
    library: z.string(),
    device: z.string(),
    precision: z.enum(['float32', 'bf16']).default('float32'),
  }),
  config: experimentSchema,
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

const FOLDER = 'checkpoints';
const tensorFiles = ['weights', 'optimizer', 'normalization', 'ema'] as const;

/**
 * Writes `checkpoints/step-N` under the run folder: into a temporary folder, to the disk, and then renamed, so that
 * a folder of that name is always whole.
 *
 * @returns its path
 */
export function writeCheckpoint(
  run: string,
  state: CheckpointState,
  tensors: CheckpointTensors,
): string {
  const folder = join(run, FOLDER);
  const final = join(folder, `step-${state.step}`);
  const temporary = join(folder, `.writing-step-${state.step}-${process.pid}`);
  rmSync(temporary, { recursive: true, force: true });
  mkdirSync(temporary, { recursive: true });
  try {
    const files: Record<string, { bytes: number; sha256: string }> = {};
    for (const name of tensorFiles) {
      const file = `${name}.safetensors`;
      const content = tensors[name];
      if (content === undefined) continue;
      files[file] = writeDurably(join(temporary, file), encodeSafetensors(content));
    }
    const json = JSON.stringify({ ...state, files }, null, 1);
    writeDurably(join(temporary, 'state.json'), [Buffer.from(json)]);
    syncFolder(temporary);
    const old = join(folder, `.old-step-${state.step}`);
    rmSync(old, { recursive: true, force: true });
    if (existsSync(final)) renameSync(final, old);
    renameSync(temporary, final);
    syncFolder(folder);
    rmSync(old, { recursive: true, force: true });
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    if (error instanceof RelaybpError) throw error;
    throw new CheckpointError(
      `${final}: the checkpoint could not be written: ${(error as Error).message}`,
      'the checkpoints before it are untouched; make room or fix the permissions, then --resume',
    );
  }
  return final;
}

/** Lets `last` or `best` in the run folder name a checkpoint. */
export function pointTo(run: string, pointer: 'last' | 'best', checkpoint: string): void {
  replaceFile(join(run, pointer), `${FOLDER}/${basename(checkpoint)}\n`);
}

/** Removes all but the newest `keep` checkpoints and those that `last` and `best` name. */
export function pruneCheckpoints(run: string, keep: number): void {
  const kept = new Set(
    (['last', 'best'] as const).flatMap((pointer) => {
      const target = readPointer(run, pointer);
      return target ? [basename(target)] : [];
    }),
  );
  const names = listCheckpoints(run);
  for (const name of names.slice(0, Math.max(0, names.length - keep))) {
    if (!kept.has(name)) rmSync(join(run, FOLDER, name), { recursive: true, force: true });
  }
}

/** Removes what an interrupted write left behind, and brings back a checkpoint that was just being replaced. */
export function removeStaleFiles(run: string): void {
  const folder = join(run, FOLDER);
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const [, replaced] = /^\.old-(step-\d+)$/.exec(name) ?? [];
    if (replaced && !existsSync(join(folder, replaced))) {
      renameSync(join(folder, name), join(folder, replaced));
    } else if (replaced || name.startsWith('.writing-')) {
      rmSync(join(folder, name), { recursive: true, force: true });
    }
  }
  for (const name of existsSync(run) ? readdirSync(run) : []) {
    if (
      /^(config\.yaml|metrics\.(jsonl|csv)|gradients\.jsonl|summary\.json|last|best)\.[0-9a-f]{8}\.tmp$/.test(
        name,
      )
    ) {
      rmSync(join(run, name), { force: true });
    }
  }
}

/**
 * Takes a run back to a checkpoint: removes later ones, lets `last` name it, and `best` the best one until then, if
 * that is still there.
 */
export function rewind(run: string, checkpoint: string, state: CheckpointState): void {
  for (const name of listCheckpoints(run)) {
    if (stepOf(name) > state.step)
      rmSync(join(run, FOLDER, name), { recursive: true, force: true });
  }
  pointTo(run, 'last', checkpoint);
  const best = `step-${state.best?.step}`;
  if (listCheckpoints(run).includes(best)) pointTo(run, 'best', best);
  else rmSync(join(run, 'best'), { force: true });
}

const stepOf = (name: string): number => Number(name.slice('step-'.length));

/** The run that a checkpoint belongs to: it is `<run>/checkpoints/step-N`. */
export function runOf(checkpoint: string): string {
  const path = resolve(checkpoint);
  const run = dirname(dirname(path));
  if (basename(dirname(path)) !== FOLDER || !existsSync(join(run, 'config.yaml'))) {
    throw new CheckpointError(
      `${checkpoint}: not inside a run folder (<run>/${FOLDER}/step-N beside config.yaml), so there is nothing to go on with`,
      'copy the whole run folder, or put the checkpoint back where it was',
    );
  }
  return relative(process.cwd(), run) || '.';
}

/** Names of the checkpoints of a run, oldest step first. */
export function listCheckpoints(run: string): string[] {
  const folder = join(run, FOLDER);
  if (!existsSync(folder)) return [];
  const steps = readdirSync(folder).flatMap((name) => {
    const match = /^step-(\d+)$/.exec(name);
    return match ? [Number(match[1])] : [];
  });
  return steps.sort((a, b) => a - b).map((step) => `step-${step}`);
}

function readPointer(run: string, pointer: 'last' | 'best'): string | undefined {
  const path = join(run, pointer);
  return existsSync(path) ? join(run, readFileSync(path, 'utf8').trim()) : undefined;
}

/**
 * Finds the checkpoint that a user means: a run folder (its `best` or `last`), a pointer in it, or a checkpoint.
 *
 * @throws CheckpointError if there is none.
 */
export function findCheckpoint(path: string, prefer: 'last' | 'best' = 'last'): string {
  if (existsSync(join(path, 'state.json'))) return path;
  const name = basename(path);
  const direct = name === 'last' || name === 'best' ? readPointer(dirname(path), name) : undefined;
  const target = direct ?? readPointer(path, prefer) ?? readPointer(path, 'last');
  if (target === undefined || !existsSync(join(target, 'state.json'))) {
    throw new CheckpointError(
      target === undefined
        ? `${path}: neither a checkpoint (no state.json) nor a run folder with one (no "last")`
        : `${path}: names ${target}, which is not a whole checkpoint (no state.json)`,
      'give a run folder such as runs/<name>-<date>, or a folder checkpoints/step-N in it',
    );
  }
  return target;
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

/** Reads one of a checkpoint's tensor files. @throws CheckpointError as `readState`. */
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
  const bytes = readFile(path);
  if (bytes.byteLength !== expected.bytes) {
    throw new CheckpointError(
      `${path}: has ${bytes.byteLength} bytes, state.json says ${expected.bytes}: truncated or replaced`,
      'use another checkpoint of the run',
    );
  }
  if (createHash('sha256').update(bytes).digest('hex') !== expected.sha256) {
    throw new CheckpointError(
      `${path}: its SHA-256 differs from the one in state.json: damaged`,
      'use another checkpoint of the run',
    );
  }
  return decodeSafetensors(bytes, path);
}

function parseState(checkpoint: string): {
  state: CheckpointState;
  files: z.infer<typeof stateSchema>['files'];
} {
  const path = join(checkpoint, 'state.json');
  let data: unknown;
  try {
    data = JSON.parse(readFile(path).toString('utf8'));
  } catch (error) {
    if (error instanceof CheckpointError) throw error;
    throw new CheckpointError(`${path}: not valid JSON: ${(error as Error).message}`);
  }
  const result = stateSchema.safeParse(data);
  if (!result.success) {
    const issue = result.error.issues[0]!;
    throw new CheckpointError(`${path}: ${issue.path.join('.')}: ${issue.message}`);
  }
  const { files, ...state } = result.data;
  return { state, files };
}

function readFile(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new CheckpointError(`${path}: cannot be read: ${(error as Error).message}`);
  }
}
