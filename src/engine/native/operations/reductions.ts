/** What is known of a tensor as one number; see `Engine.squaredNorm` and `Engine.allFinite`. */
import { allFinite as numbersAlone } from '../../../finite.js';
import type { Tensor } from '../../engine.js';
import { boolAttribute, FLOAT, intAttribute, typeAttribute } from '../runtime/attributes.js';
import { DataType } from '../runtime/binding.js';
import { type NativeScope, scoped } from '../runtime/native-scope.js';
import type { Runtime } from '../runtime/runtime.js';
import { sizeOf } from '../runtime/shapes.js';

/** TensorFlow's number for double, which nothing but sums are computed in. */
const DOUBLE = 2;
const T_DOUBLE = typeAttribute('T', DOUBLE);
const WIDEN = [
  typeAttribute('SrcT', DataType.float),
  typeAttribute('DstT', DOUBLE),
  boolAttribute('Truncate', false),
];
const INDEX = typeAttribute('Index', DataType.int32);
const SHAPE = typeAttribute('Tshape', DataType.int32);
/** Values that are widened to double at a time: 32 MiB. */
const PIECE = 1 << 22;

/** In double, piece by piece: the whole in double would take twice the memory of the tensor. */
export function squaredNorm(runtime: Runtime, t: Tensor): number {
  return scoped(runtime, (scope) => {
    const tensor = runtime.check(t);
    const count = sizeOf(tensor.shape);
    const values = scope.float(tensor);
    if (count <= PIECE) return squares(runtime, scope, values);
    const flat = scope.temporary(
      runtime.run('Reshape', [FLOAT, SHAPE], [values, runtime.ints([-1])]),
    );
    let sum = 0;
    for (let begin = 0; begin < count; begin += PIECE) {
      sum += scoped(runtime, (inner) => {
        const range = [begin, Math.min(PIECE, count - begin)].map((at) => {
          return inner.temporary(
            runtime.binding.createTensor([1], DataType.int32, Int32Array.of(at)),
          );
        });
        const piece = inner.temporary(runtime.run('Slice', [FLOAT, INDEX], [flat, ...range]));
        return squares(runtime, inner, piece);
      });
    }
    return sum;
  });
}

function squares(runtime: Runtime, scope: NativeScope, values: number): number {
  const wide = scope.temporary(runtime.run('Cast', WIDEN, [values]));
  const half = scope.temporary(runtime.run('L2Loss', [T_DOUBLE], [wide]));
  return 2 * readDouble(runtime, scope, half);
}

/** The binding hands out no doubles, but their bits. */
function readDouble(runtime: Runtime, scope: NativeScope, id: number): number {
  const types = [T_DOUBLE, typeAttribute('type', DataType.int32)];
  const bits = scope.temporary(runtime.run('Bitcast', types, [id]));
  const [low, high] = runtime.binding.tensorDataSync(bits) as Int32Array;
  return new Float64Array(Int32Array.of(low!, high!).buffer)[0]!;
}

/**
 * One pass over each tensor: a sum of squares is finite only if all values are. Where it is not, though the values may
 * be finite and merely large, they are looked at one by one.
 */
export function allFinite(runtime: Runtime, tensors: readonly Tensor[]): boolean {
  return scoped(runtime, (scope) => {
    const values = tensors.map((t) => scope.float(runtime.check(t)));
    const sums = values.map((id) => scope.temporary(runtime.run('L2Loss', [FLOAT], [id])));
    const total =
      sums.length === 1
        ? sums[0]!
        : scope.temporary(runtime.run('AddN', [FLOAT, intAttribute('N', sums.length)], sums));
    const read = (id: number) => runtime.binding.tensorDataSync(id) as Float32Array;
    return Number.isFinite(read(total)[0]!) || values.every((id) => numbersAlone(read(id)));
  });
}
