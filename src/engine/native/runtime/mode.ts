/**
 * How the native engine computes: in which element types, and by which operations.
 *
 * Mixed precision keeps maps (activations and their signals) in bfloat16; parameters, their gradients, fully connected
 * layers, statistics and losses stay float32. Convolutions multiply bfloat16 where the CPU has units for it (AMX). On
 * CPUs without them bfloat16 convolutions are slower than float32 ones (on an AVX512-BF16 CPU 155 against 250 GFLOPS),
 * so the maps are widened for each convolution: products of the same rounded values, summed in float32 in either case.
 */
import { DataType, type ElementType } from './binding.js';

/** Element types, decided by the chosen precision and the device. */
export interface Elements {
  /** Of maps between layers, and of their signals. */
  readonly maps: ElementType;
  /** In which convolutions multiply. */
  readonly products: ElementType;
}

/** What an engine may use; tried on the device when the engine is opened (`abilities.ts`). */
export interface Abilities {
  /** The operations of `cpp/kernels.cc`. */
  readonly ownKernels: boolean;
  /** oneDNN's convolution with a bias in one operation. */
  readonly fusedConv: boolean;
  /** The same with a ReLU; its AVX2 kernels make NaN of minus infinity. */
  readonly fusedRelu: boolean;
  /** oneDNN's maximum pooling, which remembers the positions. */
  readonly oneDnnPooling: boolean;
  /** Which convolutions of 3x3 pixels, one apart, take Winograd's form: all, those that `convolution-form.ts` says, or none. */
  readonly winograd: 'everywhere' | 'by shape' | 'nowhere';
  /** The type in which each of these computes bfloat16 maps: as they are, or widened, and the result rounded. */
  readonly types: { readonly [O in NarrowOperation]: ElementType };
}

/** Operations on maps of which not every device has a bfloat16 kernel, or one that rounds its result alone. */
export const NARROW_OPERATIONS = ['oneDnnPooling', 'maxPool', 'averagePool', 'batchNorm'] as const;
export type NarrowOperation = (typeof NARROW_OPERATIONS)[number];

export type Mode = Elements & Abilities;

/** Operations that every device has, and no others, all of them in float32. */
export const PORTABLE: Abilities = {
  ownKernels: false,
  fusedConv: false,
  fusedRelu: false,
  oneDnnPooling: false,
  winograd: 'nowhere',
  types: {
    oneDnnPooling: DataType.float,
    maxPool: DataType.float,
    averagePool: DataType.float,
    batchNorm: DataType.float,
  },
};

/** The type in which `operation` computes maps that are stored as `type`. */
export function computedAs(
  { types }: Pick<Mode, 'types'>,
  operation: NarrowOperation,
  type: ElementType,
): ElementType {
  return type === DataType.float ? type : types[operation];
}

/** @param bf16Units whether the device multiplies bfloat16 faster than float32 */
export function elementsFor(precision: 'float32' | 'bf16', bf16Units: boolean): Elements {
  if (precision === 'float32') return { maps: DataType.float, products: DataType.float };
  const products = bf16Units ? DataType.bfloat16 : DataType.float;
  return { maps: DataType.bfloat16, products };
}
