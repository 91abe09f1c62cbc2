/** Fully connected layers, forward and backward; see `Engine.dense` for shapes and ownership. */
import type { Forward, ParameterGradient, Tensor } from '../engine.js';
import { boolAttribute, CHANNELS_LAST, FLOAT } from './attributes.js';
import type { NativeTensor, Runtime } from './runtime.js';
import type { DenseSaved } from './saved.js';
import { expectShape } from './shapes.js';

const BIAS = [FLOAT, CHANNELS_LAST];
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
  let y = runtime.run('MatMul', PLAIN, [runtime.value(x), runtime.value(weight)]);
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
): ParameterGradient {
  const signal = runtime.value(dz);
  const weight = runtime.run('MatMul', FIRST_TRANSPOSED, [runtime.value(saved.input), signal]);
  const bias = saved.hasBias ? runtime.run('BiasAddGrad', BIAS, [signal]) : null;
  return {
    weight: runtime.own(weight, saved.weight.shape),
    bias: bias === null ? null : runtime.own(bias, [saved.weight.shape[1]!]),
  };
}

/** `dL/dx = dz weightᵀ`. */
export function denseInputGradient(runtime: Runtime, saved: DenseSaved, dz: Tensor): Tensor {
  const inputs = [runtime.value(dz), runtime.value(saved.weight)];
  return runtime.own(runtime.run('MatMul', SECOND_TRANSPOSED, inputs), saved.input.shape);
}
