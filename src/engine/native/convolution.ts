/** Convolution, forward and backward; see `Engine.conv` for shapes and ownership. */
import type { Forward, ParameterGradient, Tensor, Window } from '../engine.js';
import {
  boolAttribute,
  CHANNELS_LAST,
  FLOAT,
  intAttribute,
  stringAttribute,
} from './attributes.js';
import type { OpAttribute } from './binding.js';
import { cropGradient, padInput } from './padding.js';
import type { NativeTensor, Runtime } from './runtime.js';
import type { ConvSaved } from './saved.js';
import { expectShape } from './shapes.js';
import { planWindow, type WindowPlan } from './window.js';

/** A window plan together with the attributes that all three operations share. */
export interface ConvPlan extends WindowPlan {
  readonly attributes: readonly OpAttribute[];
}

const BIAS = [FLOAT, CHANNELS_LAST];

export function conv(
  runtime: Runtime,
  x: NativeTensor,
  filter: NativeTensor,
  bias: NativeTensor | null,
  options: { window: Window; relu: boolean },
): Forward {
  expectShape('the input of a convolution', x, [null, null, null, null]);
  const inChannels = x.shape[3]!;
  expectShape('a filter', filter, [...options.window.kernel, inChannels, null]);
  if (bias) expectShape('a bias', bias, [filter.shape[3]!]);
  const plan = planConv(x, options.window);
  const padded = padInput(runtime, runtime.value(x), plan);
  const input = padded === null ? runtime.retain(x) : runtime.own(padded, plan.padded);
  let y = runtime.run('Conv2D', plan.attributes, [input.id, runtime.value(filter)]);
  if (bias) y = runtime.chain(y, 'BiasAdd', BIAS, [runtime.value(bias)]);
  if (options.relu) y = runtime.chain(y, 'Relu', [FLOAT], []);
  const output = runtime.own(y, outputShape(plan, filter));
  const saved: ConvSaved = {
    kind: 'conv',
    input,
    filter: runtime.retain(filter),
    hasBias: bias !== null,
    output: options.relu ? runtime.retain(output) : null,
    plan,
  };
  return { y: output, saved };
}

export function convParameterGradient(
  runtime: Runtime,
  saved: ConvSaved,
  dz: Tensor,
): ParameterGradient {
  const { input, filter, plan } = saved;
  expectShape('the signal', dz, outputShape(plan, filter));
  const signal = runtime.value(dz);
  const inputs = [runtime.value(input), runtime.ints(filter.shape), signal];
  const weight = runtime.run('Conv2DBackpropFilter', plan.attributes, inputs);
  const bias = saved.hasBias ? runtime.run('BiasAddGrad', BIAS, [signal]) : null;
  return {
    weight: runtime.own(weight, filter.shape),
    bias: bias === null ? null : runtime.own(bias, [filter.shape[3]!]),
  };
}

export function convInputGradient(runtime: Runtime, saved: ConvSaved, dz: Tensor): Tensor {
  const { filter, plan } = saved;
  expectShape('the signal', dz, outputShape(plan, filter));
  const inputs = [runtime.ints(plan.padded), runtime.value(filter), runtime.value(dz)];
  const dx = runtime.run('Conv2DBackpropInput', plan.attributes, inputs);
  return runtime.own(cropGradient(runtime, dx, plan), plan.input);
}

function outputShape(plan: ConvPlan, filter: NativeTensor): number[] {
  return [plan.input[0]!, ...plan.output, filter.shape[3]!];
}

function planConv(x: NativeTensor, window: Window): ConvPlan {
  const plan = planWindow(x.shape, window);
  const attributes = [
    FLOAT,
    CHANNELS_LAST,
    intAttribute('strides', [1, ...window.stride, 1]),
    intAttribute('dilations', [1, 1, 1, 1]),
    stringAttribute('padding', plan.rule),
    boolAttribute('use_cudnn_on_gpu', true),
  ];
  return { ...plan, attributes };
}
