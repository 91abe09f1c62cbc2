/** What the forward operations of the native engine keep for their backward operations. */
import { EngineError } from '../../../errors.js';
import type { Saved } from '../../engine.js';
import type { ElementType, OpAttribute } from '../runtime/binding.js';
import type { NativeTensor } from '../runtime/runtime.js';
import type { ConvCall, PoolCall } from './calls.js';

/** `output` is set where a ReLU is fused: its gradient needs the sign of the output, until it is `spent`. */
interface Activated extends Saved {
  readonly output: NativeTensor | null;
  spent?: boolean;
}
export interface ConvSaved extends Activated {
  readonly kind: 'conv';
  /** The input, zero-padded if the plan says so. */
  readonly input: NativeTensor;
  readonly filter: NativeTensor;
  readonly hasBias: boolean;
  readonly plan: ConvCall;
  /** The element type of the input as it came, and so of its gradient. */
  readonly inputType: ElementType;
}
export interface DenseSaved extends Activated {
  readonly kind: 'dense';
  readonly input: NativeTensor;
  readonly weight: NativeTensor;
  readonly hasBias: boolean;
}
export interface ReluSaved extends Activated {
  readonly kind: 'relu';
}
export interface PoolSaved extends Saved {
  readonly kind: 'pool';
  readonly plan: PoolCall;
  readonly type: ElementType;
  /** Maximum only: the padded input, the output and, with oneDNN, the positions of the maxima. */
  readonly kept: readonly NativeTensor[];
}
export interface DropoutSaved extends Saved {
  readonly kind: 'dropout';
  readonly mask: NativeTensor;
}
export interface BatchNormSaved extends Activated {
  readonly kind: 'batchNorm';
  readonly attributes: readonly OpAttribute[];
  /** In which the operation computes. */
  readonly type: ElementType;
  /** `[b, h, w, c]`; a matrix is seen as maps of one pixel. */
  readonly input: NativeTensor;
  readonly weight: NativeTensor;
  /** What the gradient operation wants of the forward pass; without training the running statistics. */
  readonly statistics: readonly NativeTensor[];
}
export interface LrnSaved extends Saved {
  readonly kind: 'lrn';
  readonly attributes: readonly OpAttribute[];
  readonly input: NativeTensor;
  readonly output: NativeTensor;
}
export type NativeSaved =
  | ConvSaved
  | DenseSaved
  | ReluSaved
  | PoolSaved
  | DropoutSaved
  | BatchNormSaved
  | LrnSaved;

const KINDS = ['conv', 'dense', 'relu', 'pool', 'dropout', 'batchNorm', 'lrn'] as const;

const released = new WeakSet<Saved>();

/** @throws EngineError if `saved` comes from another operation or is already released: a bug of the caller */
export function expectSaved<K extends NativeSaved['kind']>(
  saved: Saved,
  ...kinds: K[]
): Extract<NativeSaved, { kind: K }> {
  const ours = saved as NativeSaved;
  if (released.has(saved) || !kinds.some((kind) => kind === ours.kind)) {
    const state = released.has(saved) ? 'already released' : 'of another operation';
    throw new EngineError(
      `native engine: expected what ${kinds.join(' or ')} saved, got something ${state}`,
      'This is a bug; please report it.',
    );
  }
  return ours as Extract<NativeSaved, { kind: K }>;
}

/** Marks `saved` as released and returns the tensors that it held, each to be disposed of once. */
export function takeTensors(saved: Saved): NativeTensor[] {
  const ours = expectSaved(saved, ...KINDS);
  released.add(saved);
  switch (ours.kind) {
    case 'conv':
      return [ours.input, ours.filter, ...outputOf(ours)];
    case 'dense':
      return [ours.input, ours.weight, ...outputOf(ours)];
    case 'relu':
      return outputOf(ours);
    case 'pool':
      return [...ours.kept];
    case 'dropout':
      return [ours.mask];
    case 'batchNorm': {
      const { input, weight, statistics } = ours;
      return [input, weight, ...statistics, ...outputOf(ours)];
    }
    case 'lrn':
      return [ours.input, ours.output];
  }
}

/** What is still held of the output. */
function outputOf({ output, spent }: Activated): NativeTensor[] {
  return output && !spent ? [output] : [];
}
