/** The engine on TensorFlow, float32. What each operation promises is written in `../engine.ts`. */
import { availableParallelism } from 'node:os';
import { EngineError } from '../../errors.js';
import type {
  AdamWStep,
  BatchNormGradient,
  BatchNormOptions,
  BatchNormTensors,
  Engine,
  EngineInfo,
  Forward,
  LrnOptions,
  ParameterGradient,
  PoolWindow,
  Saved,
  SgdStep,
  Shape,
  Tensor,
  Window,
} from '../engine.js';
import { FLOAT, intAttribute, typeAttribute } from './attributes.js';
import { DataType, loadBinding } from './binding.js';
import { conv, convInputGradient, convParameterGradient } from './convolution.js';
import { dense, denseInputGradient, denseParameterGradient } from './dense.js';
import { softmaxCrossEntropy } from './loss.js';
import { NativeMemory } from './memory.js';
import { batchNorm, batchNormGradient, lrn, lrnGradient } from './normalization.js';
import { hasOneDnnPooling, pool, poolGradient } from './pooling.js';
import { Runtime } from './runtime.js';
import { type DropoutSaved, expectSaved, type ReluSaved } from './saved.js';
import { expectShape, expectSize, sizeOf } from './shapes.js';
import * as update from './update.js';

const INDEX = typeAttribute('Tidx', DataType.int32);
const LENGTHS = typeAttribute('Tlen', DataType.int32);
const SHAPE = typeAttribute('Tshape', DataType.int32);

/**
 * Loads TensorFlow and returns the engine on it. Several engines of one process share the library, not tensors.
 * @param location where the compiled binding lies; see `locateNative`
 * @throws EngineError if it does not load
 */
export async function openNativeEngine(location: { binding: string }): Promise<NativeEngine> {
  return new NativeEngine(new Runtime(loadBinding(location.binding)));
}

export class NativeEngine extends NativeMemory implements Engine {
  readonly info: EngineInfo;
  private readonly oneDnnPooling: boolean;

  constructor(runtime: Runtime) {
    super(runtime);
    this.info = {
      name: 'native',
      library: `TensorFlow ${runtime.binding.TF_Version}`,
      device: runtime.binding.isUsingGpuDevice() ? 'gpu' : 'cpu',
      threads: Number(process.env.TF_NUM_INTRAOP_THREADS) || availableParallelism(),
    };
    this.oneDnnPooling = hasOneDnnPooling(runtime);
  }

  // --- Layers -------------------------------------------------------------------------------------------

  conv(
    x: Tensor,
    filter: Tensor,
    bias: Tensor | null,
    options: { window: Window; relu: boolean },
  ): Forward {
    const { runtime } = this;
    const checkedBias = bias && runtime.check(bias);
    return conv(runtime, runtime.check(x), runtime.check(filter), checkedBias, options);
  }

  convParameterGradient(saved: Saved, dz: Tensor): ParameterGradient {
    return convParameterGradient(this.runtime, expectSaved(saved, 'conv'), dz);
  }

  convInputGradient(saved: Saved, dz: Tensor): Tensor {
    return convInputGradient(this.runtime, expectSaved(saved, 'conv'), dz);
  }

  dense(x: Tensor, weight: Tensor, bias: Tensor | null, options: { relu: boolean }): Forward {
    const { runtime } = this;
    const checkedBias = bias && runtime.check(bias);
    return dense(runtime, runtime.check(x), runtime.check(weight), checkedBias, options);
  }

  denseParameterGradient(saved: Saved, dz: Tensor): ParameterGradient {
    return denseParameterGradient(this.runtime, expectSaved(saved, 'dense'), dz);
  }

  denseInputGradient(saved: Saved, dz: Tensor): Tensor {
    return denseInputGradient(this.runtime, expectSaved(saved, 'dense'), dz);
  }

  activationGradient(saved: Saved, dy: Tensor): Tensor {
    const { runtime } = this;
    const { output } = expectSaved(saved, 'conv', 'dense', 'batchNorm', 'relu');
    if (!output) return runtime.retain(dy);
    expectShape('the signal', dy, output.shape);
    const id = runtime.run('ReluGrad', [FLOAT], [runtime.value(dy), runtime.value(output)]);
    return runtime.own(id, dy.shape);
  }

  relu(x: Tensor): Forward {
    const { runtime } = this;
    const y = runtime.own(runtime.run('Relu', [FLOAT], [runtime.value(x)]), x.shape);
    const saved: ReluSaved = { kind: 'relu', output: runtime.retain(y) };
    return { y, saved };
  }

  batchNorm(x: Tensor, tensors: BatchNormTensors, options: BatchNormOptions): Forward {
    return batchNorm(this.runtime, this.runtime.check(x), tensors, options);
  }

  batchNormGradient(saved: Saved, dz: Tensor): BatchNormGradient {
    return batchNormGradient(this.runtime, expectSaved(saved, 'batchNorm'), dz);
  }

  lrn(x: Tensor, options: LrnOptions): Forward {
    return lrn(this.runtime, this.runtime.check(x), options);
  }

  lrnGradient(saved: Saved, dy: Tensor): Tensor {
    return lrnGradient(this.runtime, expectSaved(saved, 'lrn'), dy);
  }

  pool(x: Tensor, window: PoolWindow): Forward {
    return pool(this.runtime, this.runtime.check(x), window, this.oneDnnPooling);
  }

  poolGradient(saved: Saved, dy: Tensor): Tensor {
    return poolGradient(this.runtime, expectSaved(saved, 'pool'), dy);
  }

  dropout(x: Tensor, mask: Float32Array): Forward {
    const { runtime } = this;
    const factors = runtime.own(this.upload(mask, x.shape), x.shape);
    const y = runtime.run('Mul', [FLOAT], [runtime.value(x), factors.id]);
    const saved: DropoutSaved = { kind: 'dropout', mask: factors };
    return { y: runtime.own(y, x.shape), saved };
  }

  dropoutGradient(saved: Saved, dy: Tensor): Tensor {
    const { runtime } = this;
    const { mask } = expectSaved(saved, 'dropout');
    const dx = runtime.run('Mul', [FLOAT], [runtime.value(dy), runtime.value(mask)]);
    return runtime.own(dx, dy.shape);
  }

  concat(xs: readonly Tensor[]): Tensor {
    const { runtime } = this;
    const first = xs[0];
    if (!first) throw new EngineError('concat needs at least one tensor');
    const rest = first.shape.slice(0, -1);
    for (const x of xs) expectShape('a part to join', x, [...rest, null]);
    const ids = xs.map((x) => runtime.value(x));
    const shape = [...rest, xs.reduce((sum, x) => sum + x.shape.at(-1)!, 0)];
    // TensorFlow joins no fewer than two.
    if (ids.length === 1) return runtime.own(runtime.run('Identity', [FLOAT], ids), shape);
    const attributes = [FLOAT, INDEX, intAttribute('N', xs.length)];
    const axis = runtime.ints([rest.length], []);
    return runtime.own(runtime.run('ConcatV2', attributes, [...ids, axis]), shape);
  }

  split(x: Tensor, sizes: readonly number[]): Tensor[] {
    const { runtime } = this;
    const rest = x.shape.slice(0, -1);
    expectShape('the tensor to split', x, [...rest, sizes.reduce((sum, size) => sum + size, 0)]);
    const attributes = [FLOAT, LENGTHS, intAttribute('num_split', sizes.length)];
    const inputs = [runtime.value(x), runtime.ints(sizes), runtime.ints([rest.length], [])];
    const ids = runtime.runAll('SplitV', attributes, inputs, sizes.length);
    return ids.map((id, part) => runtime.own(id, [...rest, sizes[part]!]));
  }

  reshape(x: Tensor, shape: Shape): Tensor {
    const { runtime } = this;
    expectSize(sizeOf(x.shape), shape);
    const id = runtime.run('Reshape', [FLOAT, SHAPE], [runtime.value(x), runtime.ints(shape)]);
    return runtime.own(id, shape);
  }

  add(xs: readonly Tensor[]): Tensor {
    const { runtime } = this;
    const first = xs[0];
    if (!first) throw new EngineError('add needs at least one tensor');
    if (xs.length === 1) return runtime.retain(first);
    for (const x of xs) expectShape('an addend', x, first.shape);
    const ids = xs.map((x) => runtime.value(x));
    const sum = runtime.run('AddN', [FLOAT, intAttribute('N', ids.length)], ids);
    return runtime.own(sum, first.shape);
  }

  // --- Loss and update ----------------------------------------------------------------------------------

  softmaxCrossEntropy(logits: Tensor, labels: Int32Array, scale: number) {
    return softmaxCrossEntropy(this.runtime, this.runtime.check(logits), labels, scale);
  }

  accumulate(sum: Tensor, addend: Tensor): void {
    expectShape('the addend', addend, sum.shape);
    update.accumulate(this.runtime, sum, addend);
  }

  scale(t: Tensor, factor: number): void {
    update.scale(this.runtime, t, factor);
  }

  lerp(t: Tensor, target: Tensor, share: number): void {
    expectShape('the target', target, t.shape);
    update.lerp(this.runtime, t, target, share);
  }

  squaredNorm(t: Tensor): number {
    return update.squaredNorm(this.runtime, t);
  }

  sgd(w: Tensor, v: Tensor, gradient: Tensor, step: SgdStep): void {
    expectShape('the momentum', v, w.shape);
    expectShape('the gradient', gradient, w.shape);
    update.sgd(this.runtime, w, v, gradient, step);
  }

  adamw(w: Tensor, m: Tensor, v: Tensor, gradient: Tensor, step: AdamWStep): void {
    for (const moment of [m, v]) expectShape('a moment', moment, w.shape);
    expectShape('the gradient', gradient, w.shape);
    update.adamw(this.runtime, [w, m, v], gradient, step);
  }
}
