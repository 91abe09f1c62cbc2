/**
 * What happens when the WebAssembly heap is full. The backend itself does not look: a kernel whose output could not be
 * had writes from address 0 on, over everything else; its allocator, where a request would lead past 4 GiB, wraps
 * around and gives out addresses behind the end of the heap; and a kernel that gets no work space prints so, and leaves
 * its output as it was. All of them would be silently wrong numbers.
 */
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { type TensorInfo, util } from '@tensorflow/tfjs-core';
import { EngineError, OutOfMemoryError } from '../../errors.js';

const HINT = 'Use a smaller batch or smaller images, or the native engine.';

/** Backends on whose heaps nothing can be trusted any more, with the error that was thrown then. */
const broken = new WeakMap<BackendWasm, OutOfMemoryError>();

export const isBroken = (backend: BackendWasm): boolean => broken.has(backend);

/** @throws EngineError if the backend broke before */
export function checkWhole(backend: BackendWasm): void {
  const failure = broken.get(backend);
  if (!failure) return;
  throw new EngineError(
    `wasm engine: cannot be used any more in this process; before, ${failure.message}`,
    failure.hint,
  );
}

/** What kernels have printed about work that they did not do. */
let complaints: string[] = [];

/**
 * Starts a backend so that its kernels' complaints are heard. It takes `console.warn` for good when it starts.
 *
 * @param start gives whether it has started
 * @throws Error with what it printed if it has not
 */
export async function listening(start: () => Promise<boolean>): Promise<void> {
  const { warn } = console;
  const said: string[] = [];
  let starting = true;
  console.warn = (...words: unknown[]) => {
    const text = words.join(' ');
    if (/^XNN status .* not successful/.test(text)) complaints.push(text);
    else if (starting) said.push(text);
    else warn.apply(console, words);
  };
  try {
    if (!(await start()))
      throw new Error(said[0]?.split('\n')[0] ?? 'tfjs could not initialise it');
    if (said.length > 0) warn(said.join('\n'));
  } finally {
    starting = false;
    console.warn = warn;
  }
}

/** Runs a kernel. @throws OutOfMemoryError where it traps or complains: an allocation of its own failed */
export function heard<T>(backend: BackendWasm, kernel: string, work: () => T): T {
  complaints = [];
  try {
    const result = work();
    if (complaints.length > 0) throw failed(backend, kernel, complaints.join('; '));
    return result;
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'RuntimeError') throw error;
    throw failed(backend, kernel, error.message);
  }
}

function failed(backend: BackendWasm, kernel: string, reason: string): OutOfMemoryError {
  return breakDown(backend, `${kernel} failed, most likely for want of memory: ${reason}`);
}

/** Makes `backend.makeOutput`, which every kernel calls, throw an OutOfMemoryError where there is no memory. */
export function guardOutputs(backend: BackendWasm): void {
  const make = backend.makeOutput.bind(backend);
  backend.makeOutput = (shape, dtype, memoryOffset, values) => {
    const what = `no memory left for a tensor of shape [${shape.join(', ')}]`;
    const bytes = util.sizeFromShape(shape) * util.bytesPerElement(dtype);
    if (bytes >= 2 ** 32) throw new OutOfMemoryError(`wasm engine: ${what}`, HINT);
    const output = make(shape, dtype, memoryOffset, values);
    if (backend.getMemoryOffset(output.dataId) === 0) {
      backend.disposeData(output.dataId);
      throw new OutOfMemoryError(`wasm engine: ${what}`, HINT);
    }
    if (!isOnHeap(backend, output)) throw breakDown(backend, what);
    return output;
  };
}

function isOnHeap(backend: BackendWasm, block: TensorInfo): boolean {
  try {
    return backend.typedArrayFromHeap(block).length >= 0;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

function breakDown(backend: BackendWasm, what: string): OutOfMemoryError {
  const failure = new OutOfMemoryError(`wasm engine: ${what}`, HINT);
  broken.set(backend, failure);
  return failure;
}
