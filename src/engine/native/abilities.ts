/** Finding out what the device under the native engine can do. */
import { execFileSync } from 'node:child_process';
import { instructionSets } from '../cpu.js';
import { typeAttribute } from './attributes.js';
import { type Binding, DataType, type ElementType } from './binding.js';
import { convAttributes, fusedAttributes } from './convolution.js';
import { type Abilities, elementsFor, PORTABLE } from './mode.js';
import { tryOneDnnPooling } from './pooling.js';
import { Runtime } from './runtime.js';

/** Tries each operation on one pixel. */
export function findAbilities(binding: Binding, products: ElementType): Abilities {
  const plain = { ...elementsFor('float32', false), ...PORTABLE };
  const runtime = new Runtime(binding, plain);
  const one = binding.createTensor([1, 1, 1, 1], DataType.float, Float32Array.of(1));
  const bias = binding.createTensor([1], DataType.float, Float32Array.of(1));
  const operands = [one, bias].map((id) => runtime.cast(id, DataType.float, products));
  const works = (body: () => void): boolean => {
    try {
      body();
      return true;
    } catch {
      return false;
    }
  };
  try {
    return {
      oneDnnPooling: works(() => tryOneDnnPooling(runtime, one)),
      ownKernels: works(() => {
        const types = [typeAttribute('S', DataType.float), typeAttribute('R', DataType.float)];
        binding.deleteTensor(runtime.run('RelaybpCast', types, [one]));
      }),
      fusedConv: works(() => {
        const attributes = convAttributes([1, 1], 'VALID', products);
        const fused = [...attributes, ...fusedAttributes(['BiasAdd', 'Relu'], products)];
        const inputs = [operands[0]!, operands[0]!, operands[1]!];
        binding.deleteTensor(runtime.run('_MklNativeFusedConv2D', fused, inputs));
      }),
    };
  } finally {
    for (const id of [one, bias, ...operands]) binding.deleteTensor(id);
  }
}

/** Whether the device multiplies bfloat16 faster than float32: a CPU with AMX, a GPU of compute capability 8 or more. */
export function multipliesBf16(binding: Pick<Binding, 'isUsingGpuDevice'>): boolean {
  return binding.isUsingGpuDevice() ? gpuMultipliesBf16() : instructionSets().includes('amx_bf16');
}

function gpuMultipliesBf16(): boolean {
  try {
    const query = ['--query-gpu=compute_cap', '--format=csv,noheader'];
    return Number.parseFloat(execFileSync('nvidia-smi', query, { encoding: 'utf8' })) >= 8;
  } catch {
    return false; // no nvidia-smi: unknown
  }
}
