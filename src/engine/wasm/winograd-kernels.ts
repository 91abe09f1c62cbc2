/** Winograd's transforms and products in WebAssembly (winograd.wat), on the memory of TensorFlow.js. */
import { readFileSync } from 'node:fs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { compiled } from '../../compiled.js';
import { EngineError } from '../../errors.js';

/** What of it is used: the types of Node.js leave it to those of browsers. */
declare const WebAssembly: {
  Memory: abstract new () => object;
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { exports: unknown };
};

type Kernel = (...addressesAndCounts: number[]) => void;

/** As winograd.wat describes them. */
export interface WinogradKernels {
  transformInputs: Kernel;
  transformSignals: Kernel;
  transformFilters: Kernel;
  transformOutputs: Kernel;
  transformSums: Kernel;
  multiply: Kernel;
  accumulate: Kernel;
}

let assembled: object | null = null;

/**
 * The kernels on the memory of a backend. They need SIMD instructions.
 *
 * @throws EngineError if that memory is not where TensorFlow.js 4.22 has it
 */
export function loadWinogradKernels({ wasm }: BackendWasm): WinogradKernels {
  const { asm } = wasm as { asm?: { memory?: unknown } };
  if (!(asm?.memory instanceof WebAssembly.Memory)) {
    throw new EngineError(
      'wasm engine: TensorFlow.js does not have its memory where version 4.22 has it',
      'Reinstall relaybp, so that its packages have the versions of its package-lock.json.',
    );
  }
  assembled ??= new WebAssembly.Module(readFileSync(compiled('engine/wasm/winograd.wasm')));
  const { exports } = new WebAssembly.Instance(assembled, { env: { memory: asm.memory } });
  return exports as WinogradKernels;
}
