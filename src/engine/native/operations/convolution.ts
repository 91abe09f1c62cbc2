/** Convolution, forward and backward; see `Engine.conv` for shapes and ownership, `mode.ts` for element types. */
import { isWinogradWindow, winogradGain, winogradIsWorth } from '../../convolution-form.js';
import type { Forward, ParameterGradient, Shape, Tensor, Window } from '../../engine.js';
import { inScope } from '../../scope.js';
import {
  boolAttribute,
  CHANNELS_LAST,
  elements,
  FLOAT,
  floatAttribute,
  intAttribute,
  stringAttribute,
  stringsAttribute,
  typesAttribute,
} from '../runtime/attributes.js';
import { DataType, type ElementType, type OpAttribute } from '../runtime/binding.js';
import type { Mode } from '../runtime/mode.js';
import { ownAs, scoped } from '../runtime/native-scope.js';
import type { NativeTensor, Runtime } from '../runtime/runtime.js';
import { expectShape } from '../runtime/shapes.js';
import type { ConvCall } from './calls.js';
import { cropGradient, padInput } from './padding.js';
import type { ConvSaved } from './saved.js';
import { planWindow } from './window-padding.js';

const ONEDNN = stringAttribute('_kernel', 'MklNameChangeOp');
const CUDNN = boolAttribute('use_cudnn_on_gpu', true);

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
  const { maps, products } = runtime.mode;
  const plan = planConv(runtime, x, filter, options.window);
  return inScope(runtime, (handles) => {
    const input = handles.result(convInput(runtime, x, plan));
    const y = scoped(runtime, (scope) => {
      const operands = [scope.as(input, products), scope.parameter(filter, products)];
      const offset = bias && scope.parameter(bias, products);
      return convolve(runtime, plan, operands, offset, options.relu, products);
    });
    const output = ownAs(runtime, y, outputShape(plan, filter), products, maps);
    output.rectified = options.relu;
    const saved: ConvSaved = {
      kind: 'conv',
      input,
      filter: runtime.retain(filter),
      hasBias: bias !== null,
      output: options.relu ? runtime.retain(output) : null,
      plan,
      inputType: x.type,
    };
    return { y: output, saved };
  });
}

export function convParameterGradient(
  runtime: Runtime,
  saved: ConvSaved,
  dz: Tensor,
): ParameterGradient {
  const { input, filter, plan } = saved;
  const { products } = runtime.mode;
  expectShape('the signal', dz, outputShape(plan, filter));
  const signal = runtime.check(dz);
  const shape = runtime.ints(filter.shape);
  const weight = scoped(runtime, (scope) => {
    const operands = [scope.as(input, products), scope.as(signal, products)] as const;
    if (plan.winograd)
      return runtime.run('RelaybpWinogradFilterGradient', plan.attributes, operands);
    const [from, to] = operands;
    return runtime.run('Conv2DBackpropFilter', [...plan.attributes, CUDNN], [from, shape, to]);
  });
  return inScope(runtime, (handles) => ({
    weight: handles.result(ownAs(runtime, weight, filter.shape, products, DataType.float)),
    bias: saved.hasBias ? biasGradient(runtime, signal) : null,
  }));
}

export function convInputGradient(runtime: Runtime, saved: ConvSaved, dz: Tensor): Tensor {
  const { filter, plan, inputType } = saved;
  const { products } = runtime.mode;
  expectShape('the signal', dz, outputShape(plan, filter));
  const dx = scoped(runtime, (scope) => {
    const signal = scope.as(runtime.check(dz), products);
    const operands = [runtime.ints(plan.padded), scope.parameter(filter, products), signal];
    if (plan.winograd)
      return runtime.run('RelaybpWinogradInputGradient', plan.attributes, operands);
    return runtime.run('Conv2DBackpropInput', [...plan.attributes, CUDNN], operands);
  });
  const inner = cropGradient(runtime, dx, plan, products);
  return ownAs(runtime, inner, plan.input, products, inputType);
}

/** Sums of a signal over all axes but the last, in float32; those that fell off with it are taken over. */
export function biasGradient(runtime: Runtime, signal: NativeTensor): NativeTensor {
  const shape = [signal.shape.at(-1)!];
  if (signal.sums >= 0) {
    const sums = runtime.own(signal.sums, shape);
    signal.sums = -1;
    return sums;
  }
  return scoped(runtime, (scope) =>
    runtime.own(runtime.run('BiasAddGrad', [FLOAT, CHANNELS_LAST], [scope.float(signal)]), shape),
  );
}

/** What is kept of the input: padded if need be, and as narrow as it will be used. */
function convInput(runtime: Runtime, x: NativeTensor, plan: ConvCall): NativeTensor {
  const type = runtime.mode.products === DataType.bfloat16 ? DataType.bfloat16 : x.type;
  return scoped(runtime, (scope) => {
    if (!plan.pad && type === x.type) return runtime.retain(x);
    if (!plan.pad) return runtime.own(runtime.cast(runtime.value(x), x.type, type), x.shape, type);
    const padded = padInput(runtime, scope.as(x, type), plan, type)!;
    return runtime.own(padded, plan.padded, type);
  });
}

/** @returns a TensorFlow tensor of type `products`, owned by the caller */
function convolve(
  runtime: Runtime,
  plan: ConvCall,
  operands: readonly number[],
  bias: number | null,
  relu: boolean,
  products: ElementType,
): number {
  if (plan.winograd) {
    const attributes = [...plan.attributes, boolAttribute('relu', relu)];
    const none = runtime.floats('none', [0], () => new Float32Array(0));
    return runtime.run('RelaybpWinograd', attributes, [...operands, bias ?? none]);
  }
  const type = elements(products);
  const { fusedConv, fusedRelu } = runtime.mode;
  if (bias !== null && fusedConv) {
    const withRelu = relu && fusedRelu;
    const steps = withRelu ? ['BiasAdd', 'Relu'] : ['BiasAdd'];
    const y = runtime.run(
      '_MklNativeFusedConv2D',
      [...plan.attributes, ...fusedAttributes(steps, products)],
      [...operands, bias],
    );
    return relu && !withRelu ? runtime.chain(y, 'Relu', [type], []) : y;
  }
  let y = runtime.run('Conv2D', [...plan.attributes, CUDNN], operands);
  if (bias !== null) y = runtime.chain(y, 'BiasAdd', [type, CHANNELS_LAST], [bias]);
  return relu ? runtime.chain(y, 'Relu', [type], []) : y;
}

export function fusedAttributes(steps: readonly string[], type: ElementType): OpAttribute[] {
  return [
    ONEDNN,
    stringsAttribute('fused_ops', steps),
    intAttribute('num_args', 1),
    intAttribute('num_host_args', 0),
    typesAttribute('TArgs', [type]),
    floatAttribute('epsilon', 0),
    floatAttribute('leakyrelu_alpha', 0),
    boolAttribute('is_filter_const', false),
  ];
}

function outputShape(plan: ConvCall, filter: NativeTensor): number[] {
  return [plan.input[0]!, ...plan.output, filter.shape[3]!];
}

function planConv(
  { mode }: Runtime,
  x: NativeTensor,
  filter: NativeTensor,
  window: Window,
): ConvCall {
  const plan = planWindow(x.shape, window);
  const output = [x.shape[0]!, ...plan.output, filter.shape[3]!];
  if (takesWinograd(mode, window, filter.shape[2]!, output)) {
    const attributes = [intAttribute('padding', window.padding)];
    return { ...plan, pad: null, padded: plan.input, attributes, winograd: true };
  }
  const attributes = convAttributes(window.stride, plan.rule, mode.products);
  return { ...plan, attributes, winograd: false };
}

/** The three operations of `cpp/winograd.cc` multiply float32. */
export function takesWinograd(mode: Mode, window: Window, inputs: number, output: Shape): boolean {
  if (mode.winograd === 'nowhere' || mode.products !== DataType.float) return false;
  if (mode.winograd === 'everywhere') return isWinogradWindow(window);
  return winogradIsWorth(winogradGain(window, inputs, output));
}

export function convAttributes(
  stride: readonly number[],
  rule: string,
  type: ElementType,
): OpAttribute[] {
  return [
    elements(type),
    CHANNELS_LAST,
    intAttribute('strides', [1, ...stride, 1]),
    intAttribute('dilations', [1, 1, 1, 1]),
    stringAttribute('padding', rule),
  ];
}
