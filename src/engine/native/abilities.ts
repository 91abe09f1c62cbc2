/** Finding out what the device under the native engine can do. */
import { execFileSync } from 'node:child_process';
import { instructionSets } from '../cpu.js';
import { type Binding, DataType } from './binding.js';
import {
  type Abilities,
  type Elements,
  NARROW_OPERATIONS,
  type NarrowOperation,
  PORTABLE,
} from './mode.js';
import * as probes from './probes.js';
import { PLAIN, type Trials } from './trials.js';

const ROUNDED = 'the same in float32, with the result rounded to bfloat16: slower, as exact';
const NARROW: Readonly<Record<NarrowOperation, { what: string; probe: probes.Probe }>> = {
  oneDnnPooling: {
    what: 'maximum pooling that remembers positions (_MklNativeMaxPool)',
    probe: probes.maxPooling,
  },
  maxPool: { what: 'maximum pooling (MaxPool)', probe: probes.maxPooling },
  averagePool: { what: 'average pooling (AvgPool)', probe: probes.averagePooling },
  batchNorm: {
    what: 'batch normalization (FusedBatchNormV3)',
    probe: probes.batchNormalization,
  },
};
const FUSED = 'convolution with bias and ReLU in one (_MklNativeFusedConv2D)';

/**
 * Tries each operation that not every device has.
 *
 * @param portable only operations that are not of the CPU alone
 */
export function findAbilities(trials: Trials, elements: Elements, portable: boolean): Abilities {
  const ownKernels = !portable && tryOwnKernels(trials, elements);
  const plain = { ...PLAIN, ownKernels };
  const { oneDnnPooling: remembering } = NARROW;
  const [fused, oneDnnPooling] = portable
    ? [false, false]
    : [
        trials.try(
          { what: FUSED, type: 'float32', instead: 'three operations: slower, as exact' },
          { ...plain, fusedConv: true },
          probes.convolution,
        ),
        trials.try(
          {
            what: remembering.what,
            type: 'float32',
            instead: 'MaxPool, whose gradient is slower, and as exact',
          },
          { ...plain, oneDnnPooling: true },
          remembering.probe,
        ),
      ];
  const abilities = { ...PORTABLE, ownKernels, oneDnnPooling };
  if (elements.maps === DataType.float) return { ...abilities, fusedConv: fused };
  const { bfloat16 } = DataType;
  const narrow = { ...plain, ...elements };
  const types = { ...PLAIN.types };
  for (const operation of NARROW_OPERATIONS) {
    const remembers = operation === 'oneDnnPooling';
    if (remembers && !oneDnnPooling) continue;
    const { what, probe } = NARROW[operation];
    const mode = {
      ...narrow,
      oneDnnPooling: remembers,
      types: { ...types, [operation]: bfloat16 },
    };
    if (trials.try({ what, type: 'bf16', instead: ROUNDED }, mode, probe)) {
      types[operation] = bfloat16;
    }
  }
  const fusedConv =
    elements.products === bfloat16 && !portable
      ? trials.try(
          { what: FUSED, type: 'bf16', instead: 'three operations: slower' },
          { ...narrow, fusedConv: true },
          probes.convolution,
        )
      : fused;
  return { ...abilities, fusedConv, types };
}

/** Whether the operations of `cpp/kernels.cc` run here. */
function tryOwnKernels(trials: Trials, { maps }: Elements): boolean {
  const what = "relaybp's own ReLU gradients, casts and updates (cpp/kernels.cc)";
  const instead = "TensorFlow's, each in several operations: slower, as exact";
  const mode = { ...PLAIN, ownKernels: true };
  const wide = trials.try({ what, type: 'float32', instead }, mode, probes.ownOperations);
  if (!wide || maps === DataType.float) return wide;
  const narrow = { ...mode, maps };
  return trials.try({ what, type: 'bf16', instead }, narrow, probes.ownNarrowOperations);
}

/** Whether convolutions multiply bfloat16 here, and add the products up in float32. */
export function tryBf16Products(trials: Trials): boolean {
  const { bfloat16 } = DataType;
  const trial = {
    what: 'convolution (Conv2D and its gradients)',
    type: 'bf16',
    instead: 'the same of the rounded values in float32',
  } as const;
  const mode = { ...PLAIN, maps: bfloat16, products: bfloat16 };
  return trials.try(trial, mode, probes.convolution);
}

/** Whether the device has units that multiply bfloat16 faster than float32: AMX, or a GPU of compute capability 8 or more. */
export function hasBf16Units(binding: Pick<Binding, 'isUsingGpuDevice'>): boolean {
  if (binding.isUsingGpuDevice()) return gpuHasBf16Units();
  // oneDNN leaves AMX alone where these name an older instruction set.
  const { ONEDNN_MAX_CPU_ISA, DNNL_MAX_CPU_ISA } = process.env;
  const allowed = ONEDNN_MAX_CPU_ISA || DNNL_MAX_CPU_ISA || 'DEFAULT';
  return instructionSets().includes('amx_bf16') && /AMX|DEFAULT|ALL/i.test(allowed);
}

function gpuHasBf16Units(): boolean {
  try {
    const query = ['--query-gpu=compute_cap', '--format=csv,noheader'];
    return Number.parseFloat(execFileSync('nvidia-smi', query, { encoding: 'utf8' })) >= 8;
  } catch {
    return false; // no nvidia-smi: unknown
  }
}
