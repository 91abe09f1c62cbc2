/**
 * The operations that a ConvNet needs, at the grain at which engines fuse them.
 *
 * Tensors are opaque, reference-counted handles. Rules of ownership, the same for every operation:
 * - An operation borrows its inputs and returns handles that the caller owns and must `dispose`.
 * - `retain` adds an owner; the memory is freed when the last owner has disposed of it.
 * - A forward operation also returns `saved`: whatever its backward needs (a mask, argmax positions,
 *   a converted copy, or retained inputs). The caller owns it and must `release` it exactly once,
 *   also when there is no backward pass.
 *
 * Images are `[batch, height, width, channels]`, filters `[height, width, in, out]`,
 * fully connected weights `[in, out]`. Values go in and come out as float32; inside, see `Precision`.
 */

export type Shape = readonly number[];

/** An opaque handle. `shape` is fixed for its whole life; its contents change only by the operations that say "in place". */
export interface Tensor {
  readonly shape: Shape;
}

declare const savedBrand: unique symbol;
/** What a forward operation keeps for its backward operation; only the engine that made it looks inside. */
export interface Saved {
  readonly [savedBrand]?: never;
}

/** A forward operation's result: the output, and what the backward needs. The caller owns both. */
export interface Forward {
  y: Tensor;
  saved: Saved;
}

/**
 * A sliding window over height and width. Padding is explicit, `[top, bottom, left, right]`, and already
 * includes what a rounding rule adds at the end, so the output size is always
 * `floor((in + padding - kernel) / stride) + 1`.
 */
export interface Window {
  readonly kernel: readonly [height: number, width: number];
  readonly stride: readonly [height: number, width: number];
  readonly padding: readonly [top: number, bottom: number, left: number, right: number];
}

/**
 * A pooling window. Padding never wins a maximum, and is less than the kernel on each side: no window lies in it alone.
 * What is not a number may lose a maximum to what is (on oneDNN always), as it may pass a fused ReLU as zero: a loss
 * that is finite says nothing of the maps.
 */
export interface PoolWindow extends Window {
  readonly kind: 'max' | 'average';
  /**
   * Average only: how much of the padding counts in the divisor, `[top, bottom, left, right]`, at most
   * `padding`. Zeros divide by the number of real pixels under the window; frameworks that "include padding"
   * count their declared padding, but never what ceil rounding adds at the end.
   */
  readonly counted: readonly [top: number, bottom: number, left: number, right: number];
}

/** Gradients of a weighted layer's parameters; `bias` is null where the layer has none. The caller owns them. */
export interface ParameterGradient {
  weight: Tensor;
  bias: Tensor | null;
}

/** A part of a tensor along its first axis: rows from `begin` up to, not including, `end`. */
export type Rows = readonly [begin: number, end: number];

/** What one SGD step is made of; see `Engine.sgd`. */
export interface SgdStep {
  readonly lr: number;
  readonly momentum: number;
  readonly weightDecay: number;
  readonly nesterov?: boolean;
}

/** What one AdamW step is made of; see `Engine.adamw`. */
export interface AdamWStep {
  readonly lr: number;
  readonly betas: readonly [first: number, second: number];
  readonly epsilon: number;
  readonly weightDecay: number;
  /** Counts steps, this one included: the first is 1. */
  readonly step: number;
}

/** The tensors of a batch normalization, each `[channels]`. */
export interface BatchNormTensors {
  readonly weight: Tensor;
  readonly bias: Tensor;
  /** Running statistics; updated in place in training. */
  readonly mean: Tensor;
  readonly variance: Tensor;
}

export interface BatchNormOptions {
  /** Normalize by the batch's own statistics and update the running ones; otherwise by the running ones. */
  readonly training: boolean;
  /** Share of the batch's statistics in the running ones, above 0 and at most 1. */
  readonly momentum: number;
  readonly epsilon: number;
  readonly relu: boolean;
}

/** All gradients of a batch normalization; the caller owns them. */
export interface BatchNormGradient {
  weight: Tensor;
  bias: Tensor;
  input: Tensor;
}

/** Local response normalization across `size` (odd) neighbouring channels; see `Engine.lrn`. */
export interface LrnOptions {
  readonly size: number;
  readonly alpha: number;
  readonly beta: number;
  readonly k: number;
}

/** One line of facts about a loaded engine, for the log and `relaybp engine status`. */
export interface EngineInfo {
  readonly name: 'native' | 'wasm';
  /** Version of the library underneath, for instance `TensorFlow 2.21.0`. */
  readonly library: string;
  readonly device: 'cpu' | 'gpu';
  readonly threads: number;
  readonly precision: Precision;
}

/**
 * `bf16` is mixed precision: maps (activations of convolutions, pooling and normalization, and their signals) are stored
 * as bfloat16 and convolved as such; parameters, their gradients, optimizer state, fully connected layers, statistics
 * and losses are float32.
 */
export type Precision = 'float32' | 'bf16';
export const PRECISION_CHOICES = ['float32', 'bf16', 'auto'] as const;
/** With `auto` the engine decides when it is opened. */
export type PrecisionChoice = (typeof PRECISION_CHOICES)[number];

/** What a trial of operations found that not every device has, or does not have in every type. */
export interface Trial {
  /** What was tried. */
  readonly what: string;
  /** Of the values that it computes. */
  readonly type: Precision;
  /** Why it is not used, in one line; null where it is. */
  readonly problem: string | null;
  /** What is used in its place where there is a problem. */
  readonly instead: string;
  /** Nobody notices whether it is used: only `relaybp engine status` tells. */
  readonly slight?: boolean;
}

/** `TensorFlow 2.21.0, 2 threads, cpu`, and the precision if it is not float32. */
export function describeEngine({ library, threads, device, precision }: EngineInfo): string {
  const mixed = precision === 'float32' ? '' : `, ${precision}`;
  return `${library}, ${threads} ${threads === 1 ? 'thread' : 'threads'}, ${device}${mixed}`;
}

/** What a row of logits is to say: a class each (`Int32Array` `[b]`), or shares of all classes (`[b, classes]`). */
export type Targets = Int32Array | Float32Array;

/** A factor of every row's gradient: one for all, or one for each, `[b]`. */
export type Scale = number | Float64Array;

export interface Engine {
  readonly info: EngineInfo;
  /** What was tried on this device when the engine was opened, if anything. */
  readonly trials?: readonly Trial[];

  // --- Memory -------------------------------------------------------------------------------------------

  /** Copies `values` (row-major) into a new tensor. @throws EngineError if their number does not fit `shape`. */
  tensor(values: Float32Array, shape: Shape): Tensor;
  zeros(shape: Shape): Tensor;
  /** Copies a tensor's values out, row-major. The array belongs to the caller. */
  read(t: Tensor): Float32Array;
  /** Overwrites a tensor's values in place. @throws EngineError if their number does not fit. */
  assign(t: Tensor, values: Float32Array): void;
  /** Adds an owner and returns the same handle. */
  retain(t: Tensor): Tensor;
  /** Gives up one ownership. @throws EngineError if the tensor has no owner left: that is a bug of the caller. */
  dispose(t: Tensor): void;
  /** Gives up what a forward operation saved. */
  release(saved: Saved): void;
  /** Tensors alive in the engine, including those held inside `Saved`: flat over steps, or something leaks. */
  tensorCount(): number;

  // --- Layers -------------------------------------------------------------------------------------------

  /** Cross-correlation plus bias (optional) and ReLU (optional). `x` `[b, h, w, in]`, `filter` `[kh, kw, in, out]`, `bias` `[out]`. */
  conv(
    x: Tensor,
    filter: Tensor,
    bias: Tensor | null,
    options: { window: Window; relu: boolean },
  ): Forward;
  /** Whether `conv` takes Winograd's filtering for such a convolution; absent where none does. `output` `[b, h, w, out]`. */
  readonly takesWinograd?: (window: Window, channels: number, output: Shape) => boolean;
  /** `dL/dfilter` and `dL/dbias` from `dz`, the signal before the activation `[b, oh, ow, out]`. */
  convParameterGradient(saved: Saved, dz: Tensor): ParameterGradient;
  /** `dL/dx` from `dz`, the signal before the activation. */
  convInputGradient(saved: Saved, dz: Tensor): Tensor;

  /** Fully connected: `x` `[b, in]`, `weight` `[in, out]`, `bias` `[out]`; ReLU optional. */
  dense(x: Tensor, weight: Tensor, bias: Tensor | null, options: { relu: boolean }): Forward;
  /** With `rows` (only where the engine has `rows`) those of the weight's gradient; the bias's comes with the first. */
  denseParameterGradient(saved: Saved, dz: Tensor, rows?: Rows): ParameterGradient;
  denseInputGradient(saved: Saved, dz: Tensor): Tensor;

  /**
   * The signal before the fused activation of `conv`, `dense`, `batchNorm` or `relu`: `dy` where the output is positive, else 0.
   * Without an activation it is `dy` itself, retained.
   *
   * @param last no other signal comes through `saved`: what only this operation needs of it may be freed
   */
  activationGradient(saved: Saved, dy: Tensor, last?: boolean): Tensor;

  relu(x: Tensor): Forward;

  /**
   * `weight * (x - mean) / sqrt(variance + epsilon) + bias` for each channel, then ReLU (optional). `x` is
   * `[b, h, w, c]` or `[b, c]`.
   *
   * In training mean and variance are those of the batch (the variance divided by the number of values), and the
   * running ones follow, as in PyTorch: `running = (1 - momentum) * running + momentum * batch`, where the batch's
   * variance is the unbiased one (divided by the number of values less one).
   */
  batchNorm(x: Tensor, tensors: BatchNormTensors, options: BatchNormOptions): Forward;
  /**
   * All gradients from `dz`, the signal before the activation. With the forward pass fixed each is linear in `dz`,
   * in training too, where the input gradient takes account of the statistics' own dependence on the input. The
   * parameters' gradients are sums that the input gradient needs anyway: one operation gives them all.
   */
  batchNormGradient(saved: Saved, dz: Tensor): BatchNormGradient;

  /**
   * `x / (k + alpha / size * s)^beta`, where `s` sums the squares of the `size` channels around (fewer at the ends),
   * as in Caffe and PyTorch. `x` `[b, h, w, c]`.
   */
  lrn(x: Tensor, options: LrnOptions): Forward;
  lrnGradient(saved: Saved, dy: Tensor): Tensor;

  /** @throws EngineError if the window does not fit into the padded input, or lies in padding alone somewhere */
  pool(x: Tensor, window: PoolWindow): Forward;
  /**
   * `dL/dx`. Of equal maxima in a window, the first in row-major order takes the gradient. Where `x` came out of a ReLU
   * and is zero, an engine may return zero: that ReLU's gradient lets nothing pass there.
   */
  poolGradient(saved: Saved, dy: Tensor): Tensor;

  /** `x * mask`; the mask already holds 0 or `1 / (1 - rate)`. Same number of values as `x`. */
  dropout(x: Tensor, mask: Float32Array): Forward;
  dropoutGradient(saved: Saved, dy: Tensor): Tensor;

  /** Joins along the last axis. */
  concat(xs: readonly Tensor[]): Tensor;
  /** Cuts along the last axis into parts of the given sizes, which must add up to it. */
  split(x: Tensor, sizes: readonly number[]): Tensor[];
  /** The same values under another shape. */
  reshape(x: Tensor, shape: Shape): Tensor;
  /** Sum of one or more tensors of equal shape (of one: that one, retained). */
  add(xs: readonly Tensor[]): Tensor;

  /**
   * Says that `t` was computed again, by the same operations from the same values as `first`, which may be disposed of by
   * now. An engine for which it matters whose maps a signal comes from takes them for the same then.
   */
  readonly computedAgain?: (t: Tensor, first: Tensor) => void;

  /**
   * Rows of `t` in its own memory: what operations "in place" change there, they change in `t`. It is for such an
   * update and given up right after it. Absent where an engine cannot share memory.
   */
  readonly rows?: (t: Tensor, rows: Rows) => Tensor;

  // --- Loss and update ----------------------------------------------------------------------------------

  /**
   * Softmax cross-entropy of `logits` `[b, classes]` with integer labels, or with a distribution over the classes for
   * each row, `[b, classes]` in float32. A label of -1, or a row of zeros, does not count: its loss and gradient are
   * zero whatever its logits are.
   * @returns `losses` `[b]`, unscaled; `gradient` `[b, classes]` = `scale * (softmax - target)`, owned by the caller.
   */
  softmaxCrossEntropy(
    logits: Tensor,
    targets: Targets,
    scale: Scale,
  ): { losses: Float32Array; gradient: Tensor };

  /** `sum += addend`, in place. */
  accumulate(sum: Tensor, addend: Tensor): void;
  /** `t *= factor`, in place. */
  scale(t: Tensor, factor: number): void;
  /** `t += share * (target - t)`, in place. */
  lerp(t: Tensor, target: Tensor, share: number): void;
  /** The sum of the squares of all values, in double precision. */
  squaredNorm(t: Tensor): number;
  /** Whether every value of every tensor is a number, and a finite one. Of no tensors it is true. */
  allFinite(ts: readonly Tensor[]): boolean;

  /**
   * SGD with momentum and weight decay as Caffe defines them, in place:
   * `v = momentum * v + lr * (gradient + weightDecay * w)`, then `w = w - v`.
   *
   * With `nesterov`, as Caffe: `w = w - ((1 + momentum) * v - momentum * v0)` with the velocity `v0` of before, which
   * is `w - (momentum * v + lr * (gradient + weightDecay * w))`.
   */
  sgd(w: Tensor, v: Tensor, gradient: Tensor, step: SgdStep): void;

  /**
   * AdamW as PyTorch defines it, in place, with decoupled weight decay and bias correction:
   * `w = w - lr * weightDecay * w`, `m = b1 * m + (1 - b1) * g`, `v = b2 * v + (1 - b2) * g^2`, then
   * `w = w - lr / (1 - b1^step) * m / (sqrt(v / (1 - b2^step)) + epsilon)`. A second moment that overflows float32 is
   * infinite, and moves its weight no more.
   */
  adamw(w: Tensor, m: Tensor, v: Tensor, gradient: Tensor, step: AdamWStep): void;
}
