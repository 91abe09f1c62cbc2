/** The functions of a library of MPI that are used, called through koffi; for the thread that owns MPI alone. */
import { createRequire } from 'node:module';
import { basename } from 'node:path';
import type { LibraryHandle } from 'koffi';
import { EngineError } from '../errors.js';
import { type Family, HANDLES } from './mpi-handles.js';

/** A communicator, a type, an operation. */
export type Handle = number | bigint;
/** What a call that is under way is asked for by; in memory that does not move. */
export type Request = Int32Array | BigInt64Array;
/** Values in shared memory, which does not move. */
export type Buffer = Float32Array | Float64Array | Uint8Array | Int32Array;

export interface Mpi {
  readonly path: string;
  /** What the library calls itself, in one line. */
  readonly version: string;
  readonly world: Handle;
  readonly types: { readonly float32: Handle; readonly float64: Handle; readonly byte: Handle };
  /** @throws EngineError unless the level of threads is granted */
  init(): void;
  rank(): number;
  size(): number;
  duplicate(): Handle;
  request(): Request;
  /** Block `i` of `from` goes to rank i, whose block for this rank comes to block i of `to`. */
  allToAll(from: Buffer, to: Buffer, count: number, type: Handle, of: Handle, at: Request): void;
  /** Block `rank` of `values` comes to all ranks. */
  allGather(values: Buffer, count: number, type: Handle, of: Handle, at: Request): void;
  broadcast(values: Buffer, count: number, type: Handle, of: Handle, at: Request): void;
  send(values: Buffer, to: number, of: Handle, at: Request): void;
  receive(values: Buffer, from: number, of: Handle, at: Request): void;
  /** Lets all calls under way go on. @returns whether this one is over */
  test(at: Request): boolean;
  /** `to[i] = from[i] + to[i]` */
  add(from: Buffer, to: Buffer, count: number, type: Handle): void;
  abort(code: number): void;
  finalize(): void;
}

const VERSION_LENGTH = 8192;
const STATUS_BYTES = 64;

/** @throws EngineError if none can be loaded, with the reason of each */
export function openMpiLibrary(candidates: readonly string[]): Mpi {
  const reasons: string[] = [];
  let koffi: typeof import('koffi');
  try {
    koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  } catch (error) {
    throw new EngineError(
      `MPI is called through the package koffi, which cannot be loaded: ${firstLine(error)}`,
    );
  }
  for (const path of candidates) {
    let library: LibraryHandle;
    try {
      library = koffi.load(path, { global: true, deep: false });
    } catch (error) {
      reasons.push(`${path}: ${firstLine(error)}`);
      continue;
    }
    keepLoaded(koffi, path);
    return bind(koffi, library, path);
  }
  throw new EngineError(
    ['no library of MPI that fits the launcher can be loaded:', ...reasons],
    'relaybp engine install --mpi, which needs no root; or name the library: RELAYBP_MPI=/path/of/libmpi.so',
  );
}

const RTLD_NOW = 2;
const RTLD_NODELETE = 0x1000;

/**
 * The library has threads of its own, which go on until it is finalized. koffi unloads what a thread has loaded when that
 * ends, by an error say: then the process would end by a segmentation fault in place of its exit code.
 */
function keepLoaded(koffi: typeof import('koffi'), path: string): void {
  for (const name of ['libc.so.6', 'libdl.so.2']) {
    try {
      const open = koffi.load(name).func('dlopen', 'void *', ['str', 'int']);
      open(path, RTLD_NOW | RTLD_NODELETE);
      return;
    } catch {
      // glibc before 2.34 has it in the other one
    }
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
}

function familyOf(path: string, library: LibraryHandle): Family {
  if (basename(path).startsWith('libmpi_abi')) return 'abi';
  try {
    library.symbol('ompi_mpi_comm_world', 'int');
    return 'openmpi';
  } catch {
    return 'mpich';
  }
}

function bind(koffi: typeof import('koffi'), library: LibraryHandle, path: string): Mpi {
  const handles = HANDLES[familyOf(path, library)];
  const handle = handles.type;
  const pointer = 'void *';
  const word = (shared: SharedArrayBuffer): Request =>
    handle === 'int' ? new Int32Array(shared) : new BigInt64Array(shared);
  const value = (of: number | string): Handle =>
    typeof of === 'number' ? of : koffi.address(library.symbol(of, 'int'));
  const call = (name: string, parameters: string[]) => {
    const found = library.func(name, 'int', parameters);
    return (...given: unknown[]): void => {
      const code = found(...given) as number;
      if (code !== 0) throw new EngineError(`${name} of ${path} has failed with code ${code}`);
    };
  };
  const init = call('MPI_Init_thread', ['intptr_t', 'intptr_t', 'int', pointer]);
  const rank = call('MPI_Comm_rank', [handle, pointer]);
  const size = call('MPI_Comm_size', [handle, pointer]);
  const duplicate = call('MPI_Comm_dup', [handle, pointer]);
  const exchange = [pointer, 'int', handle];
  const allToAll = call('MPI_Ialltoall', [...exchange, ...exchange, handle, pointer]);
  const allGather = call('MPI_Iallgather', [
    ...['intptr_t', 'int', handle],
    ...[...exchange, handle, pointer],
  ]);
  const broadcast = call('MPI_Ibcast', [...exchange, 'int', handle, pointer]);
  const send = call('MPI_Isend', [...exchange, 'int', 'int', handle, pointer]);
  const receive = call('MPI_Irecv', [...exchange, 'int', 'int', handle, pointer]);
  const test = call('MPI_Test', [pointer, pointer, pointer]);
  const add = call('MPI_Reduce_local', [pointer, pointer, 'int', handle, handle]);
  const abort = call('MPI_Abort', [handle, 'int']);
  const finalize = call('MPI_Finalize', []);
  const world = value(handles.world);
  const types = {
    float32: value(handles.float32),
    float64: value(handles.float64),
    byte: value(handles.byte),
  };
  const sum = value(handles.sum);
  const flag = new Int32Array(new SharedArrayBuffer(4));
  const status = new Uint8Array(new SharedArrayBuffer(STATUS_BYTES));
  const integer = (ask: (...given: unknown[]) => void): number => {
    ask(world, flag);
    return flag[0]!;
  };
  return {
    path,
    version: versionOf(library),
    world,
    types,
    init() {
      init(0, 0, handles.funneled, flag);
      if (flag[0]! >= handles.funneled) return;
      throw new EngineError(
        `${path} grants threads the level ${flag[0]}, ${handles.funneled} (MPI_THREAD_FUNNELED) is needed`,
        'a library of MPI that was built with threads',
      );
    },
    rank: () => integer(rank),
    size: () => integer(size),
    duplicate() {
      const made = word(new SharedArrayBuffer(8));
      duplicate(world, made);
      return made[0]!;
    },
    request: () => word(new SharedArrayBuffer(8)),
    allToAll: (from, to, count, type, of, at) =>
      allToAll(from, count, type, to, count, type, of, at),
    allGather: (values, count, type, of, at) =>
      allGather(handles.inPlace, 0, type, values, count, type, of, at),
    broadcast: (values, count, type, of, at) => broadcast(values, count, type, 0, of, at),
    send: (values, to, of, at) => send(values, values.byteLength, types.byte, to, 0, of, at),
    receive: (values, from, of, at) =>
      receive(values, values.byteLength, types.byte, from, 0, of, at),
    test(at) {
      test(at, flag, status);
      return flag[0] !== 0;
    },
    add: (from, to, count, type) => add(from, to, count, type, sum),
    abort: (code) => abort(world, code),
    finalize: () => finalize(),
  };
}

/** Of a library that has not been initialised: the one question that it answers then. */
function versionOf(library: LibraryHandle): string {
  const text = new Uint8Array(new SharedArrayBuffer(VERSION_LENGTH));
  const length = new Int32Array(new SharedArrayBuffer(4));
  const ask = library.func('MPI_Get_library_version', 'int', ['void *', 'void *']);
  ask(text, length);
  const whole = Buffer.from(text.slice(0, length[0])).toString('utf8').split('\0')[0]!;
  return whole.trim().split('\n')[0]!.replace(/\s+/g, ' ');
}
