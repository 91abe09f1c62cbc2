/** Starts the WebAssembly backend of TensorFlow.js, once a process, wherever the process was started. */
import { createRequire } from 'node:module';
import { dirname, sep } from 'node:path';
import { type BackendWasm, setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { addressSpaceLimit } from '../../address-space.js';
import { EngineError } from '../../errors.js';
import { messageOf } from '../../system-error.js';
import { guardOutputs, listening } from './full-heap.js';

const NO_MEMORY = /out of memory|could not allocate|cannot allocate/i;
/** Address space that V8 reserves for a WebAssembly memory, with its guards, and for itself. */
const NEEDED = 16 * 2 ** 30;

let started: Promise<BackendWasm> | undefined;

/** The backend; every caller in a process gets the same one. @throws EngineError if it does not start. */
export function startBackend(): Promise<BackendWasm> {
  started ??= start();
  return started;
}

async function start(): Promise<BackendWasm> {
  const main = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm');
  setWasmPaths(dirname(main) + sep);
  // Kernels are set up only when a backend becomes the current one; another engine's is put back after.
  const previous = tf.engine().backendName;
  try {
    await listening(() => tf.setBackend('wasm'));
  } catch (error) {
    const reason = messageOf(error);
    const message = `wasm engine: the WebAssembly backend did not start: ${reason}`;
    const limit = NO_MEMORY.test(reason) ? addressSpaceLimit(NEEDED) : null;
    if (limit) throw new EngineError(`${message}; ${limit.said}`, limit.fix);
    throw new EngineError(
      message,
      'Reinstall relaybp, so that node_modules/@tensorflow/tfjs-backend-wasm is complete.',
    );
  }
  const backend = tf.engine().findBackend('wasm');
  if (previous && previous !== 'wasm') await tf.setBackend(previous);
  if (!isWasm(backend)) throw new EngineError('wasm engine: tfjs holds another backend as "wasm"');
  guardOutputs(backend);
  return backend;
}

/** Whether the kernels use the SIMD instructions of WebAssembly; only where it has none they do not. */
export async function usesSimd(): Promise<boolean> {
  return Boolean(await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT'));
}

function isWasm(backend: tf.KernelBackend): backend is BackendWasm {
  return 'wasm' in backend && 'dataIdMap' in backend;
}
