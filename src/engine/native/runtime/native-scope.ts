import { Scope, within } from '../../scope.js';
import { DataType, type ElementType } from './binding.js';
import type { NativeTensor, Runtime } from './runtime.js';

/** A scope over TensorFlow's own tensors, for converted inputs of an operation. */
export class NativeScope extends Scope<number> {
  constructor(private readonly runtime: Runtime) {
    super({ dispose: (id) => runtime.binding.deleteTensor(id) });
  }

  /** The value of `t` as `type`; valid inside the scope. */
  as(t: NativeTensor, type: ElementType): number {
    const { runtime } = this;
    if (t.type === type) return runtime.value(t);
    return this.temporary(runtime.cast(runtime.value(t), t.type, type));
  }

  /** The value of `t` as float32; valid inside the scope. */
  float(t: NativeTensor): number {
    return this.as(t, DataType.float);
  }

  /** As `as`, for parameters: rounded to bfloat16 they are kept until their next update. */
  parameter(t: NativeTensor, type: ElementType): number {
    return type === DataType.bfloat16 ? this.runtime.narrowed(t) : this.as(t, type);
  }
}

/** Runs `body` with a scope, and closes it. */
export function scoped<T>(runtime: Runtime, body: (scope: NativeScope) => T): T {
  return within(new NativeScope(runtime), body);
}

/** Takes over `id` of element type `from`, and returns it as a tensor of type `to` that the caller owns. */
export function ownAs(
  runtime: Runtime,
  id: number,
  shape: readonly number[],
  from: ElementType,
  to: ElementType,
): NativeTensor {
  if (from === to) return runtime.own(id, shape, to);
  try {
    return runtime.own(runtime.cast(id, from, to), shape, to);
  } finally {
    runtime.binding.deleteTensor(id);
  }
}
