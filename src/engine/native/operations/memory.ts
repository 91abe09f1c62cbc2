/** The part of the engine that makes, reads and frees tensors; see `Engine`. */
import type { Saved, Shape, Tensor } from '../../engine.js';
import { FLOAT, typeAttribute } from '../runtime/attributes.js';
import { DataType } from '../runtime/binding.js';
import { scoped } from '../runtime/native-scope.js';
import type { Runtime } from '../runtime/runtime.js';
import { expectSize } from '../runtime/shapes.js';
import { takeTensors } from './saved.js';

export class NativeMemory {
  constructor(protected readonly runtime: Runtime) {}

  tensor(values: Float32Array, shape: Shape): Tensor {
    return this.runtime.own(this.upload(values, shape), shape);
  }

  /** As `tensor`, in the type that maps between layers have (bfloat16 under bf16): for tests. */
  map(values: Float32Array, shape: Shape): Tensor {
    const { runtime } = this;
    const { maps } = runtime.mode;
    if (maps === DataType.float) return this.tensor(values, shape);
    return scoped(runtime, (scope) => {
      const wide = scope.temporary(this.upload(values, shape));
      return runtime.own(runtime.cast(wide, DataType.float, maps), shape, maps);
    });
  }

  zeros(shape: Shape): Tensor {
    const { runtime } = this;
    const attributes = [FLOAT, typeAttribute('index_type', DataType.int32)];
    const inputs = [runtime.ints(shape), runtime.filler(0, DataType.float)];
    return runtime.own(runtime.run('Fill', attributes, inputs), shape);
  }

  read(t: Tensor): Float32Array {
    const { runtime } = this;
    return scoped(
      runtime,
      (scope) => runtime.binding.tensorDataSync(scope.float(runtime.check(t))) as Float32Array,
    );
  }

  assign(t: Tensor, values: Float32Array): void {
    const { runtime } = this;
    const id = this.upload(values, t.shape);
    const { type } = runtime.check(t);
    if (type === DataType.float) runtime.replace(t, id);
    else {
      scoped(runtime, (scope) => {
        runtime.replace(t, runtime.cast(scope.temporary(id), DataType.float, type));
      });
    }
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

  /** Copies values into a TensorFlow tensor; the copy is needed, as TensorFlow may go on using the memory. */
  protected upload(values: Float32Array, shape: Shape): number {
    expectSize(values.length, shape);
    return this.runtime.binding.createTensor(shape, DataType.float, values.slice());
  }
}
