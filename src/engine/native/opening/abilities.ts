/** Finding out what the device under the native engine can do. */
import { execFileSync } from 'node:child_process';
import { type ConvolutionChoice, hasWinogradVectors } from '../../convolution-form.js';
import { instructionSets, limitedTo } from '../../cpu.js';
import { DataType } from '../runtime/binding.js';
import {
  type Abilities,
  type Elements,
  NARROW_OPERATIONS,
  type NarrowOperation,
  PORTABLE,
} from '../runtime/mode.js';
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

/**
 * Tries each operation that not every device has.
 *
 * @param portable only operations that are not of the CPU alone
 * @param convolution what the user wants of Winograd's form
 */
export function findAbilities(
  trials: Trials,
  elements: Elements,
  portable: boolean,
  convolution: ConvolutionChoice | 'winograd' = 'auto',
): Abilities {
  if (portable) return { ...PORTABLE, types: findTypes(trials, elements, PORTABLE) };
  const ownKernels = tryOwnKernels(trials, elements);
  const { what, probe } = NARROW.oneDnnPooling;
  const instead = 'MaxPool, whose gradient is slower, and as exact';
  const mode = { ...PLAIN, ownKernels, oneDnnPooling: true };
  const oneDnnPooling = trials.try({ what, type: 'float32', instead }, mode, probe);
  const winograd = findWinograd(trials, elements, convolution);
  const found = {
    ...PORTABLE,
    ...findFused(trials, elements),
    ownKernels,
    oneDnnPooling,
    winograd,
  };
  return { ...found, types: findTypes(trials, elements, found) };
}

/** In which type each operation may compute the maps. */
function findTypes(trials: Trials, elements: Elements, abilities: Abilities): Abilities['types'] {
  const types = { ...PORTABLE.types };
  if (elements.maps === DataType.float) return types;
  for (const operation of NARROW_OPERATIONS) {
    const oneDnnPooling = operation === 'oneDnnPooling';
    if (oneDnnPooling && !abilities.oneDnnPooling) continue;
    const { what, probe } = NARROW[operation];
    const tried = { ...types, [operation]: DataType.bfloat16 };
    const mode = { ...abilities, ...elements, oneDnnPooling, types: tried };
    if (trials.try({ what, type: 'bf16', instead: ROUNDED }, mode, probe)) {
      types[operation] = DataType.bfloat16;
    }
  }
  return types;
}

/** What a convolution may do in one operation, in the type in which it multiplies. */
function findFused(trials: Trials, elements: Elements): Pick<Abilities, 'fusedConv' | 'fusedRelu'> {
  const type = elements.products === DataType.float ? 'float32' : 'bf16';
  const maps = elements.products;
  const mode = { ...PLAIN, maps, products: elements.products, fusedConv: true };
  const bias = {
    what: 'convolution with bias in one (_MklNativeFusedConv2D)',
    type,
    instead: 'two operations: slower, as exact',
  } as const;
  if (!trials.try(bias, mode, probes.convolution)) return { fusedConv: false, fusedRelu: false };
  const relu = {
    what: 'convolution with bias and ReLU in one (_MklNativeFusedConv2D)',
    type,
    slight: true,
    instead: 'ReLU as an operation of its own: slower, as exact',
  } as const;
  const both = { ...mode, fusedRelu: true };
  return { fusedConv: true, fusedRelu: trials.try(relu, both, probes.rectifiedConvolution) };
}

/** Where Winograd's convolutions are taken. They multiply float32: where bfloat16 is multiplied, nowhere. */
function findWinograd(
  trials: Trials,
  { products }: Elements,
  convolution: ConvolutionChoice | 'winograd',
): Abilities['winograd'] {
  if (convolution === 'direct' || products !== DataType.float) return 'nowhere';
  const trial = {
    what: "convolutions of 3x3 pixels by Winograd's minimal filtering (cpp/winograd.cc)",
    type: 'float32',
    instead: "TensorFlow's direct convolutions: slower, somewhat more exact",
  } as const;
  if (convolution === 'auto' && !hasWinogradVectors()) {
    trials.leaveOut({ ...trial, slight: true }, 'it is no faster without AVX2 and FMA');
    return 'nowhere';
  }
  const mode = { ...PLAIN, winograd: 'everywhere' } as const;
  if (!trials.try(trial, mode, probes.winogradConvolution)) return 'nowhere';
  return convolution === 'winograd' ? 'everywhere' : 'by shape';
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

/**
 * Whether convolutions multiply bfloat16 here, and add the products up in float32.
 *
 * @param forced also where the device has no units that do this faster than in float32: for tests
 */
export function findBf16Products(trials: Trials, gpu: boolean, forced?: boolean): boolean {
  const { bfloat16 } = DataType;
  const trial = {
    what: 'convolution (Conv2D and its gradients)',
    type: 'bf16',
    instead: 'the same of the rounded values in float32',
  } as const;
  if (forced === false) return false;
  if (!forced && !hasBf16Units(gpu)) {
    const units = gpu ? 'a GPU of compute capability 8' : 'AMX';
    return trials.leaveOut(trial, `float32 is faster on a device without ${units}`);
  }
  const mode = { ...PLAIN, maps: bfloat16, products: bfloat16 };
  return trials.try(trial, mode, probes.convolution);
}

/** Whether the device has units that multiply bfloat16 faster than float32: AMX, or a GPU of compute capability 8 or more. */
function hasBf16Units(gpu: boolean): boolean {
  if (gpu) return gpuHasBf16Units();
  // oneDNN leaves AMX alone where these name an older instruction set.
  return instructionSets().includes('amx_bf16') && limitedTo(/AMX|DEFAULT|ALL/i);
}

function gpuHasBf16Units(): boolean {
  try {
    const query = ['--query-gpu=compute_cap', '--format=csv,noheader'];
    return Number.parseFloat(execFileSync('nvidia-smi', query, { encoding: 'utf8' })) >= 8;
  } catch {
    return false; // no nvidia-smi: unknown
  }
}
