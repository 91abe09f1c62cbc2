/**
 * The compiled binding between Node and TensorFlow: the C++ sources of the npm package
 * `@tensorflow/tfjs-node-gpu`, built by `relaybp engine install` against a current TensorFlow. It is loaded
 * straight, without the JavaScript of tfjs.
 */
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { addressSpaceLimit } from '../../../address-space.js';
import { EngineError } from '../../../errors.js';
import { givenProcessors, processors } from '../../../processors.js';
import { messageOf } from '../../../system-error.js';
import { checkOwnership } from '../../ownership.js';
import { loadQuietly } from './binding-loader.js';

/** An attribute of a TensorFlow operation; build them with the functions of `attributes.ts`. */
export interface OpAttribute {
  readonly name: string;
  readonly type: number;
  readonly value: boolean | number | string | readonly number[];
}

/** What an operation returns for each output. `id` names the tensor until `deleteTensor`. */
export interface TensorMetadata {
  readonly id: number;
  readonly shape: number[];
  readonly dtype: number;
}

/** The calls of the binding that are used here. All of them run synchronously and throw `Error` on failure. */
export interface Binding {
  /** May share the memory of `values` with TensorFlow: the caller must not write to it again. */
  createTensor(
    shape: readonly number[],
    dtype: number,
    values: Float32Array | Int32Array | Uint8Array,
  ): number;
  deleteTensor(id: number): void;
  /** Copies the values out. */
  tensorDataSync(id: number): Float32Array | Int32Array | Uint8Array;
  executeOp(
    name: string,
    attributes: readonly OpAttribute[],
    inputs: readonly number[],
    outputs: number,
  ): TensorMetadata[];
  /** Opens a SavedModel; the session lives until `deleteSavedModel`. */
  loadSavedModel(folder: string, tags: string): number;
  /** Names are joined by commas. */
  runSavedModel(
    session: number,
    inputs: readonly number[],
    inputNames: string,
    outputNames: string,
  ): TensorMetadata[];
  deleteSavedModel(session: number): void;
  /** Tensors alive in TensorFlow on behalf of this binding. */
  getNumOfTensors(): number;
  isUsingGpuDevice(): boolean;
  readonly TF_Version: string;
}

/** TensorFlow's numbers for data types (`tf_datatype.h`). */
export const DataType = { float: 1, int32: 3, bfloat16: 14 } as const;
/** What the values of a `NativeTensor` are stored as. */
export type ElementType = typeof DataType.float | typeof DataType.bfloat16;
/** TensorFlow's numbers for kinds of attributes (`tf_attrtype.h`). */
export const AttributeType = { string: 0, int: 1, float: 2, bool: 3, type: 4, shape: 5 } as const;

/**
 * Settings that TensorFlow reads from the environment when it loads; a value already there wins.
 * - errors only in its log;
 * - oneDNN's kernels on every CPU (by default only on those with AVX-512 VNNI or newer).
 */
const ENVIRONMENT = { TF_CPP_MIN_LOG_LEVEL: '2', TF_ENABLE_ONEDNN_OPTS: '1' } as const;

/**
 * Variables that would change numbers behind the config's back: the first three make "float32" multiply narrower values,
 * the last one keeps filters as they were first seen, though training changes them.
 */
const NUMBERS = [
  'ONEDNN_DEFAULT_FPMATH_MODE',
  'DNNL_DEFAULT_FPMATH_MODE',
  'TF_SET_ONEDNN_FPMATH_MODE',
  'TF_ONEDNN_ASSUME_FROZEN_WEIGHTS',
] as const;

/** What the system's loader says where it may not map a library. */
const NO_ROOM = /failed to map segment|cannot allocate memory|cannot create shared object/i;
/** Address space that a training takes: TensorFlow, and V8 with its threads. */
const NEEDED = 6 * 2 ** 30;

/** Of TensorFlow's and oneDNN's threads; theirs is one for each processor of the machine. */
const THREADS = ['TF_NUM_INTRAOP_THREADS', 'TF_NUM_INTEROP_THREADS', 'OMP_NUM_THREADS'] as const;

let loaded: { path: string; binding: Binding } | undefined;

/**
 * Loads `tfjs_binding.node` and with it TensorFlow (about 0.5 s, once per process).
 *
 * @param path absolute path of the compiled binding
 * @param onNotice takes a line about each variable of the environment that is not heeded
 * @throws EngineError if it does not load, or if another one is already loaded in this process
 */
export function loadBinding(path: string, onNotice?: (line: string) => void): Binding {
  if (loaded?.path === path) return loaded.binding;
  if (loaded) {
    throw new EngineError(
      `native engine: ${path} cannot be loaded, this process already uses ${loaded.path}`,
    );
  }
  checkOwnership(dirname(path));
  for (const [name, value] of Object.entries(ENVIRONMENT)) process.env[name] ??= value;
  if (givenProcessors() !== null) {
    for (const name of THREADS) process.env[name] ??= String(processors());
  }
  for (const name of NUMBERS) {
    const value = process.env[name];
    if (value === undefined) continue;
    delete process.env[name];
    onNotice?.(`${name}=${value} is not heeded: precision in the config says how to compute.`);
  }
  try {
    const require = createRequire(import.meta.url);
    const binding = loadQuietly(dirname(path), (): Binding => require(path));
    loaded = { path, binding };
    return binding;
  } catch (error) {
    const reason = messageOf(error);
    const message = `native engine: ${path} does not load: ${reason}`;
    const limit = NO_ROOM.test(reason) ? addressSpaceLimit(NEEDED) : null;
    if (limit) throw new EngineError(`${message}; ${limit.said}`, limit.fix);
    throw new EngineError(message, 'reinstall it: relaybp engine install --force');
  }
}
