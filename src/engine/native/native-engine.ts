/** The engine on TensorFlow, float32. What each operation promises is written in `../engine.ts`. */
import { availableParallelism } from 'node:os';
import { EngineError } from '../../errors.js';
import type {
  Engine,
  EngineInfo,
  Forward,
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
import { hasOneDnnPooling, pool, poolGradient } from './pooling.js';
import { Runtime } from './runtime.js';
import { type DropoutSaved, expectSaved, type ReluSaved, takeTensors } from './saved.js';
import { expectShape, expectSize, sizeOf } from './shapes.js';
import { sgd } from './update.js';

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

export class NativeEngine implements Engine {
  readonly info: EngineInfo;
  private readonly oneDnnPooling: boolean;

  constructor(private readonly runtime: Runtime) {
    this.info = {
      name: 'native',
      library: `TensorFlow ${runtime.binding.TF_Version}`,
      device: runtime.binding.isUsingGpuDevice() ? 'gpu' : 'cpu',
      threads: Number(process.env.TF_NUM_INTRAOP_THREADS) || availableParallelism(),
    };
    this.oneDnnPooling = hasOneDnnPooling(runtime);
  }

  // --- Memory -------------------------------------------------------------------------------------------

  tensor(values: Float32Array, shape: Shape): Tensor {
    return this.runtime.own(this.upload(values, shape), shape);
  }

  zeros(shape: Shape): Tensor {
    const { runtime } = this;
    const attributes = [FLOAT, typeAttribute('index_type', DataType.int32)];
    const zero = runtime.floats('0', [], () => Float32Array.of(0));
    return runtime.own(runtime.run('Fill', attributes, [runtime.ints(shape), zero]), shape);
  }

  read(t: Tensor): Float32Array {
    return this.runtime.binding.tensorDataSync(this.runtime.value(t)) as Float32Array;
  }

  assign(t: Tensor, values: Float32Array): void {
    this.runtime.check(t);
    this.runtime.replace(t, this.upload(values, t.shape));
  }

  retain(t: Tensor): Tensor {
    return this.runtime.retain(t);
  }

  dispose(t: Tensor): void {
    this.runtime.dispose(t);
  }

  release(saved: Saved): void {
    for (const tensor of takeTensors(saved)) this.runtime.dispose(tensor);
  }

  tensorCount(): number {
    return this.runtime.count;
  }

  /** Tensors inside TensorFlow, cached constants excluded: for tests of leaks below the handles. */
  rawTensorCount(): number {
    return this.runtime.rawCount;
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
    const { output } = expectSaved(saved, 'conv', 'dense', 'relu');
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
    const { runtime } = this;
    expectShape('the addend', addend, sum.shape);
    const inputs = [runtime.value(sum), runtime.value(addend)];
    runtime.replace(sum, runtime.run('AddV2', [FLOAT], inputs));
  }

  sgd(w: Tensor, v: Tensor, gradient: Tensor, step: SgdStep): void {
    expectShape('the momentum', v, w.shape);
    expectShape('the gradient', gradient, w.shape);
    sgd(this.runtime, w, v, gradient, step);
  }

  /** Copies values into a TensorFlow tensor; the copy is needed, as TensorFlow may go on using the memory. */
  private upload(values: Float32Array, shape: Shape): number {
    expectSize(values.length, shape);
    return this.runtime.binding.createTensor(shape, DataType.float, values.slice());
  }
}
