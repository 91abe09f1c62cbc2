/**
 * Fully connected layers, forward and backward; see `Engine.dense` for shapes and ownership. They are float32 in either
 * precision: reading their weights takes the time, and rounding these first would take more.
 */
import type { Forward, ParameterGradient, Rows, Tensor } from '../../engine.js';
import { inScope } from '../../scope.js';
import { boolAttribute, CHANNELS_LAST, FLOAT, typeAttribute } from '../runtime/attributes.js';
import { DataType } from '../runtime/binding.js';
import { ownAs, scoped } from '../runtime/native-scope.js';
import type { NativeTensor, Runtime } from '../runtime/runtime.js';
import { expectShape } from '../runtime/shapes.js';
import { biasGradient } from './convolution.js';
import type { DenseSaved } from './saved.js';

const BIAS = [FLOAT, CHANNELS_LAST];
const INDEX = typeAttribute('Index', DataType.int32);
const product = (transposeA: boolean, transposeB: boolean) => [
  FLOAT,
  boolAttribute('transpose_a', transposeA),
  boolAttribute('transpose_b', transposeB),
];
const PLAIN = product(false, false);
const FIRST_TRANSPOSED = product(true, false);
const SECOND_TRANSPOSED = product(false, true);

export function dense(
  runtime: Runtime,
  x: NativeTensor,
  weight: NativeTensor,
  bias: NativeTensor | null,
  options: { relu: boolean },
): Forward {
  expectShape('the input of a fully connected layer', x, [null, null]);
  expectShape('its weight', weight, [x.shape[1]!, null]);
  if (bias) expectShape('its bias', bias, [weight.shape[1]!]);
  let y = scoped(runtime, (scope) =>
    runtime.run('MatMul', PLAIN, [scope.float(x), runtime.value(weight)]),
  );
  if (bias) y = runtime.chain(y, 'BiasAdd', BIAS, [runtime.value(bias)]);
  if (options.relu) y = runtime.chain(y, 'Relu', [FLOAT], []);
  const output = runtime.own(y, [x.shape[0]!, weight.shape[1]!]);
  const saved: DenseSaved = {
    kind: 'dense',
    input: runtime.retain(x),
    weight: runtime.retain(weight),
    hasBias: bias !== null,
    output: options.relu ? runtime.retain(output) : null,
  };
  return { y: output, saved };
}

/** `dL/dweight = xᵀ dz`, `dL/dbias` = sum of `dz` over the batch. */
export function denseParameterGradient(
  runtime: Runtime,
  saved: DenseSaved,
  dz: Tensor,
  rows?: Rows,
): ParameterGradient {
  const { input, hasBias } = saved;
  const [inputs, units] = saved.weight.shape as [number, number];
  const [begin, end] = rows ?? [0, inputs];
  const signal = runtime.check(dz);
  const weight = scoped(runtime, (scope) => {
    let x = scope.float(input);
    if (rows) {
      const corner = [runtime.ints([0, begin]), runtime.ints([input.shape[0]!, end - begin])];
      x = scope.temporary(runtime.run('Slice', [FLOAT, INDEX], [x, ...corner]));
    }
    return runtime.run('MatMul', FIRST_TRANSPOSED, [x, scope.float(signal)]);
  });
  return inScope(runtime, (handles) => ({
    weight: handles.result(runtime.own(weight, [end - begin, units])),
    bias: hasBias && begin === 0 ? biasGradient(runtime, signal) : null,
  }));
}

/** `dL/dx = dz weightᵀ`. */
export function denseInputGradient(runtime: Runtime, saved: DenseSaved, dz: Tensor): Tensor {
  const { input } = saved;
  const dx = scoped(runtime, (scope) => {
    const inputs = [scope.float(runtime.check(dz)), runtime.value(saved.weight)];
    return runtime.run('MatMul', SECOND_TRANSPOSED, inputs);
  });
  return ownAs(runtime, dx, input.shape, DataType.float, input.type);
}
