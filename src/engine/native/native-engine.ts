/** The engine on TensorFlow. What each operation promises is written in `../engine.ts`. */

import { EngineError } from '../../errors.js';
import { processors } from '../../processors.js';
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
  Rows,
  Saved,
  Scale,
  SgdStep,
  Shape,
  Targets,
  Tensor,
  Trial,
  Window,
} from '../engine.js';
import { inScope } from '../scope.js';
import { activationGradient, giveUpOutput } from './operations/activation.js';
import {
  conv,
  convInputGradient,
  convParameterGradient,
  takesWinograd,
} from './operations/convolution.js';
import { dense, denseInputGradient, denseParameterGradient } from './operations/dense.js';
import { softmaxCrossEntropy } from './operations/loss.js';
import { NativeMemory } from './operations/memory.js';
import { batchNorm, batchNormGradient, lrn, lrnGradient } from './operations/normalization.js';
import { pool, poolGradient } from './operations/pooling.js';
import { allFinite, squaredNorm } from './operations/reductions.js';
import { type DropoutSaved, expectSaved, type ReluSaved } from './operations/saved.js';
import { rowsOf } from './operations/tensor-rows.js';
import * as update from './operations/update.js';
import { elements, FLOAT, intAttribute, typeAttribute } from './runtime/attributes.js';
import { DataType } from './runtime/binding.js';
import { ownAs, scoped } from './runtime/native-scope.js';
import { NativeTensor, type Runtime } from './runtime/runtime.js';
import { expectShape, expectSize, sizeOf } from './runtime/shapes.js';

const INDEX = typeAttribute('Tidx', DataType.int32);
const LENGTHS = typeAttribute('Tlen', DataType.int32);
const SHAPE = typeAttribute('Tshape', DataType.int32);

export class NativeEngine extends NativeMemory implements Engine {
  readonly info: EngineInfo;
  readonly rows?: (t: Tensor, rows: Rows) => Tensor;

  constructor(
    runtime: Runtime,
    readonly trials: readonly Trial[] = [],
  ) {
    super(runtime);
    this.info = {
      name: 'native',
      library: `TensorFlow ${runtime.binding.TF_Version}`,
      device: runtime.binding.isUsingGpuDevice() ? 'gpu' : 'cpu',
      threads: Number(process.env.TF_NUM_INTRAOP_THREADS) || processors(),
      precision: runtime.mode.maps === DataType.float ? 'float32' : 'bf16',
    };
    if (runtime.mode.ownKernels) this.rows = (t, rows) => rowsOf(runtime, t, rows);
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

  takesWinograd(window: Window, channels: number, output: Shape): boolean {
    return takesWinograd(this.runtime.mode, window, channels, output);
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

  denseParameterGradient(saved: Saved, dz: Tensor, rows?: Rows): ParameterGradient {
    return denseParameterGradient(this.runtime, expectSaved(saved, 'dense'), dz, rows);
  }

  denseInputGradient(saved: Saved, dz: Tensor): Tensor {
    return denseInputGradient(this.runtime, expectSaved(saved, 'dense'), dz);
  }

  activationGradient(saved: Saved, dy: Tensor, last = false): Tensor {
    const ours = expectSaved(saved, 'conv', 'dense', 'batchNorm', 'relu');
    const dz = activationGradient(this.runtime, ours, this.runtime.check(dy));
    if (last) giveUpOutput(this.runtime, ours);
    return dz;
  }

  relu(x: Tensor): Forward {
    const { runtime } = this;
    const { type } = runtime.check(x);
    const y = runtime.own(runtime.run('Relu', [elements(type)], [runtime.value(x)]), x.shape, type);
    y.rectified = true;
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
    return pool(this.runtime, this.runtime.check(x), window);
  }

  poolGradient(saved: Saved, dy: Tensor): Tensor {
    return poolGradient(this.runtime, expectSaved(saved, 'pool'), dy);
  }

  dropout(x: Tensor, mask: Float32Array): Forward {
    const { runtime } = this;
    return inScope(runtime, (handles) => {
      const factors = handles.result(runtime.own(this.upload(mask, x.shape), x.shape));
      const saved: DropoutSaved = { kind: 'dropout', mask: factors };
      return { y: this.product(x, factors), saved };
    });
  }

  dropoutGradient(saved: Saved, dy: Tensor): Tensor {
    return this.product(dy, expectSaved(saved, 'dropout').mask);
  }

  /** `x * factors`, of the type of `x`. */
  private product(x: Tensor, factors: NativeTensor): Tensor {
    const { runtime } = this;
    const left = runtime.check(x);
    const id = scoped(runtime, (scope) =>
      runtime.run('Mul', [FLOAT], [scope.float(left), runtime.value(factors)]),
    );
    return ownAs(runtime, id, x.shape, DataType.float, left.type);
  }

  concat(xs: readonly Tensor[]): Tensor {
    const { runtime } = this;
    const first = xs[0];
    if (!first) throw new EngineError('concat needs at least one tensor');
    const rest = first.shape.slice(0, -1);
    for (const x of xs) expectShape('a part to join', x, [...rest, null]);
    // TensorFlow joins no fewer than two.
    if (xs.length === 1) return this.reshape(first, first.shape);
    const { type } = runtime.check(first);
    const shape = [...rest, xs.reduce((sum, x) => sum + x.shape.at(-1)!, 0)];
    const attributes = [elements(type), INDEX, intAttribute('N', xs.length)];
    const axis = runtime.ints([rest.length], []);
    const id = scoped(runtime, (scope) => {
      const ids = xs.map((x) => scope.as(runtime.check(x), type));
      return runtime.run('ConcatV2', attributes, [...ids, axis]);
    });
    return runtime.own(id, shape, type);
  }

  split(x: Tensor, sizes: readonly number[]): Tensor[] {
    const { runtime } = this;
    const rest = x.shape.slice(0, -1);
    expectShape('the tensor to split', x, [...rest, sizes.reduce((sum, size) => sum + size, 0)]);
    if (sizes.length === 1) return [this.reshape(x, x.shape)];
    const { type } = runtime.check(x);
    const attributes = [elements(type), LENGTHS, intAttribute('num_split', sizes.length)];
    const inputs = [runtime.value(x), runtime.ints(sizes), runtime.ints([rest.length], [])];
    const ids = runtime.runAll('SplitV', attributes, inputs, sizes.length);
    return ids.map((id, part) => runtime.own(id, [...rest, sizes[part]!], type));
  }

  reshape(x: Tensor, shape: Shape): Tensor {
    const { runtime } = this;
    expectSize(sizeOf(x.shape), shape);
    const source = runtime.check(x);
    const attributes = [elements(source.type), SHAPE];
    const id = runtime.run('Reshape', attributes, [runtime.value(x), runtime.ints(shape)]);
    const view = runtime.own(id, shape, source.type);
    source.shared = true;
    view.shared = true;
    return view;
  }

  add(xs: readonly Tensor[]): Tensor {
    const { runtime } = this;
    const first = xs[0];
    if (!first) throw new EngineError('add needs at least one tensor');
    if (xs.length === 1) return runtime.retain(first);
    for (const x of xs) expectShape('an addend', x, first.shape);
    const { type } = runtime.check(first);
    const attributes = [elements(type), intAttribute('N', xs.length)];
    const sum = scoped(runtime, (scope) =>
      runtime.run(
        'AddN',
        attributes,
        xs.map((x) => scope.as(runtime.check(x), type)),
      ),
    );
    return runtime.own(sum, first.shape, type);
  }

  computedAgain(t: Tensor, first: Tensor): void {
    if (first instanceof NativeTensor) this.runtime.check(t).values = first.values;
  }

  // --- Loss and update ----------------------------------------------------------------------------------

  softmaxCrossEntropy(logits: Tensor, targets: Targets, scale: Scale) {
    return softmaxCrossEntropy(this.runtime, this.runtime.check(logits), targets, scale);
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
    return squaredNorm(this.runtime, t);
  }

  allFinite(ts: readonly Tensor[]): boolean {
    return ts.length === 0 || allFinite(this.runtime, ts);
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
