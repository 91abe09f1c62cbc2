import { createHash } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, readSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CheckpointError, DamagedCheckpointError } from '../errors.js';
import { syncFolder, writeDurably } from '../files.js';
import { expectFinite } from '../finite.js';
import { expectSize, MOST_BYTES, openRegular } from '../regular-file.js';
import { decodeSafetensors, encodeSafetensors, type NamedTensor } from '../safetensors.js';
import { changing, readFile, reading } from './changing.js';
import {
  type CheckpointState,
  type FileSum,
  readStateFile,
  STATE_SUM,
} from './checkpoint-state.js';

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

/** What must hold of a tensor that is saved: it throws where it does not. */
export type TensorCheck = (
  file: keyof CheckpointTensors,
  name: string,
  values: Float32Array,
) => void;

/** Of a run's checkpoints, in its folder. */
export const FOLDER = 'checkpoints';
const TENSOR_FILES = ['weights', 'optimizer', 'normalization', 'ema'] as const;

/** A checkpoint whose state has been read and found intact; its tensors are read when they are asked for. */
export interface Checkpoint {
  readonly path: string;
  readonly state: CheckpointState;
  /** Whether it was written with these tensors. */
  has(name: keyof CheckpointTensors): boolean;
  /** @throws CheckpointError if they are missing, damaged (SHA-256) or not finite */
  tensors(name: keyof CheckpointTensors): Map<string, NamedTensor>;
  /**
   * Reads its files through, without taking tensors into memory.
   *
   * @param names the tensor files that are needed; all by default
   * @throws DamagedCheckpointError naming the file that is missing, cut off or altered
   * @throws CheckpointError if one cannot be read
   */
  verify(names?: readonly (keyof CheckpointTensors)[]): void;
}

/**
 * @param path the folder `step-N`
 * @throws CheckpointError naming the file if `state.json` is missing, damaged (SHA-256) or of another format version
 */
export function openCheckpoint(path: string): Checkpoint {
  const { state, files } = readStateFile(path);
  const sumOf = (name: keyof CheckpointTensors): FileSum | undefined => files[fileOf(name)];
  return {
    path,
    state,
    has: (name) => sumOf(name) !== undefined,
    tensors(name) {
      const expected = sumOf(name);
      if (expected) return readTensors(join(path, fileOf(name)), expected);
      throw new CheckpointError(
        `${path}/state.json: does not list ${fileOf(name)}`,
        'the checkpoint was written by another version of relaybp',
      );
    },
    verify(names = TENSOR_FILES) {
      for (const name of names) {
        const expected = sumOf(name);
        if (!expected) continue;
        const file = join(path, fileOf(name));
        checkSize(file, expected);
        checkFile(file, expected, digest(file));
      }
    },
  };
}

const fileOf = (name: keyof CheckpointTensors): string => `${name}.safetensors`;

/**
 * The weights to test with: those of the last step, or their moving average.
 *
 * @throws CheckpointError as `Checkpoint.tensors`, or if there is no moving average
 */
export function weightsOf(
  checkpoint: Checkpoint,
  { ema }: { ema: boolean },
): Map<string, NamedTensor> {
  if (!ema || checkpoint.has('ema')) return checkpoint.tensors(ema ? 'ema' : 'weights');
  throw new CheckpointError(
    `${checkpoint.path}: holds no moving average of the weights (no ema.safetensors)`,
    'train with optimizer.ema, or test the weights themselves',
  );
}

/**
 * Writes `checkpoints/step-N` under the run folder: into a temporary folder, to the disk, and then renamed, so that
 * a folder of that name is always whole.
 *
 * @param check looks at each tensor's values before they are written; if it throws, there is no such checkpoint
 * @returns its path
 * @throws CheckpointError if it cannot be written, a run folder that is gone included: none is made anew
 */
export function writeCheckpoint(
  run: string,
  state: CheckpointState,
  tensors: CheckpointTensors,
  check: TensorCheck = () => {},
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
      writeInto(temporary, state, tensors, check);
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
function writeInto(
  folder: string,
  state: CheckpointState,
  tensors: CheckpointTensors,
  check: TensorCheck,
): void {
  const files: Record<string, FileSum> = {};
  for (const name of TENSOR_FILES) {
    const content = tensors[name];
    if (content === undefined) continue;
    const bytes = encodeSafetensors(content, {}, (tensor, values) => check(name, tensor, values));
    files[fileOf(name)] = writeDurably(join(folder, fileOf(name)), bytes);
  }
  const json = JSON.stringify({ ...state, files }, null, 1);
  const { sha256 } = writeDurably(join(folder, 'state.json'), [Buffer.from(json)]);
  writeDurably(join(folder, STATE_SUM), [Buffer.from(`${sha256}  state.json\n`)]);
}

function readTensors(path: string, expected: FileSum): Map<string, NamedTensor> {
  checkSize(path, expected);
  const bytes = readFile(path, MOST_BYTES);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  checkFile(path, expected, { bytes: bytes.byteLength, sha256 });
  const tensors = decodeSafetensors(bytes, path);
  expectFinite(tensors, path);
  return tensors;
}

/** Before it is read: the file may hold anything. */
function checkSize(path: string, { bytes, sha256 }: FileSum): void {
  const stats = reading(path, () => statSync(path));
  if (stats.isFile()) checkFile(path, { bytes, sha256 }, { bytes: stats.size, sha256 });
  reading(path, () => expectSize(stats.size, MOST_BYTES));
}

function checkFile(path: string, expected: FileSum, found: FileSum): void {
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
function digest(path: string): FileSum {
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
