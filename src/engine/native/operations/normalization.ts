/** Batch and local response normalization, forward and backward; see `Engine` for shapes and ownership. */
import type {
  BatchNormGradient,
  BatchNormOptions,
  BatchNormTensors,
  Forward,
  LrnOptions,
  Shape,
  Tensor,
} from '../../engine.js';
import { inScope } from '../../scope.js';
import {
  boolAttribute,
  CHANNELS_LAST,
  elements,
  FLOAT,
  floatAttribute,
  intAttribute,
  typeAttribute,
} from '../runtime/attributes.js';
import { DataType, type ElementType } from '../runtime/binding.js';
import { computedAs } from '../runtime/mode.js';
import { ownAs, scoped } from '../runtime/native-scope.js';
import type { NativeTensor, Runtime } from '../runtime/runtime.js';
import { expectShape, sizeOf } from '../runtime/shapes.js';
import type { BatchNormSaved, LrnSaved } from './saved.js';

const STATISTICS = typeAttribute('U', DataType.float);
const SHAPE = typeAttribute('Tshape', DataType.int32);

export function batchNorm(
  runtime: Runtime,
  x: NativeTensor,
  tensors: BatchNormTensors,
  { training, momentum, epsilon, relu }: BatchNormOptions,
): Forward {
  const { weight, bias, mean, variance } = tensors;
  const channels = x.shape.at(-1)!;
  if (x.shape.length !== 2) {
    expectShape('the input of a batch normalization', x, [null, null, null, null]);
  }
  for (const t of [weight, bias, mean, variance]) {
    expectShape('a tensor of a batch normalization', t, [channels]);
  }
  const type = computedAs(runtime.mode, 'batchNorm', x.type);
  const common = [elements(type), STATISTICS, floatAttribute('epsilon', epsilon), CHANNELS_LAST];
  const attributes = [...common, boolAttribute('is_training', training)];
  return inScope(runtime, (handles) => {
    const input = handles.result(asMaps(runtime, x));
    // TensorFlow takes no running statistics where none of them would be left.
    const replaced = training && momentum === 1;
    const empty = runtime.floats('none', [0], () => new Float32Array());
    const outputs = scoped(runtime, (scope) =>
      runtime.runAll(
        'FusedBatchNormV3',
        [...attributes, floatAttribute('exponential_avg_factor', training ? momentum : 1)],
        [
          scope.as(input, type),
          runtime.value(weight),
          runtime.value(bias),
          ...(replaced ? [empty, empty] : [runtime.value(mean), runtime.value(variance)]),
        ],
        6,
      ),
    );
    const [normalized, newMean, newVariance, ...reserves] = outputs as [
      number,
      number,
      number,
      ...number[],
    ];
    let statistics: NativeTensor[];
    if (training) {
      runtime.replace(mean, newMean);
      runtime.replace(variance, newVariance);
      statistics = reserves.map((id) => runtime.own(id, []));
    } else {
      for (const id of [newMean, newVariance, reserves[0]!, reserves[1]!]) {
        runtime.binding.deleteTensor(id);
      }
      const kept = [mean, variance].map((t) => runtime.retain(runtime.check(t)));
      statistics = [...kept, runtime.own(reserves[2]!, [])];
    }
    for (const t of statistics) handles.result(t);
    const activated = relu ? runtime.chain(normalized, 'Relu', [elements(type)], []) : normalized;
    const y = ownAs(runtime, shaped(runtime, activated, x.shape, type), x.shape, type, x.type);
    y.rectified = relu;
    const saved: BatchNormSaved = {
      kind: 'batchNorm',
      attributes,
      type,
      input,
      weight: runtime.retain(runtime.check(weight)),
      statistics,
      output: relu ? runtime.retain(y) : null,
    };
    return { y, saved };
  });
}

export function batchNormGradient(
  runtime: Runtime,
  saved: BatchNormSaved,
  dz: Tensor,
): BatchNormGradient {
  const { attributes, type, input, weight, statistics } = saved;
  const [batch, , , channels] = input.shape;
  const count = sizeOf(input.shape);
  expectShape('the signal', dz, dz.shape.length === 2 ? [batch!, count / batch!] : input.shape);
  return inScope(runtime, (handles) => {
    const signal = handles.temporary(asMaps(runtime, runtime.check(dz)));
    const outputs = scoped(runtime, (scope) => {
      const maps = [signal, input].map((t) => scope.as(t, type));
      const kept = [weight, ...statistics].map((t) => runtime.value(t));
      return runtime.runAll('FusedBatchNormGradV3', attributes, [...maps, ...kept], 5);
    });
    const [dx, dWeight, dBias, ...unused] = outputs as [number, number, number, ...number[]];
    for (const id of unused) runtime.binding.deleteTensor(id);
    const gradients = {
      weight: handles.result(runtime.own(dWeight, [channels!])),
      bias: handles.result(runtime.own(dBias, [channels!])),
    };
    const inner = shaped(runtime, dx, dz.shape, type);
    return { ...gradients, input: ownAs(runtime, inner, dz.shape, type, input.type) };
  });
}

/** `[b, c]` as `[b, 1, 1, c]`; maps as they are, retained. The caller owns the result. */
function asMaps(runtime: Runtime, x: NativeTensor): NativeTensor {
  if (x.shape.length === 4) return runtime.retain(x);
  const shape = [x.shape[0]!, 1, 1, x.shape[1]!];
  const attributes = [elements(x.type), SHAPE];
  const maps = runtime.run('Reshape', attributes, [runtime.value(x), runtime.ints(shape)]);
  return runtime.own(maps, shape, x.type);
}

/** Takes over `maps`, and returns it under `shape`. */
function shaped(runtime: Runtime, maps: number, shape: Shape, type: ElementType): number {
  if (shape.length === 4) return maps;
  return runtime.chain(maps, 'Reshape', [elements(type), SHAPE], [runtime.ints(shape)]);
}

/** TensorFlow does not divide alpha by the number of channels, and has no bfloat16 kernels. */
export function lrn(runtime: Runtime, x: NativeTensor, options: LrnOptions): Forward {
  expectShape('the input of a local response normalization', x, [null, null, null, null]);
  const { size, alpha, beta, k } = options;
  const attributes = [
    FLOAT,
    intAttribute('depth_radius', (size - 1) / 2),
    floatAttribute('bias', k),
    floatAttribute('alpha', alpha / size),
    floatAttribute('beta', beta),
  ];
  const normalized = scoped(runtime, (scope) => runtime.run('LRN', attributes, [scope.float(x)]));
  const y = ownAs(runtime, normalized, x.shape, DataType.float, x.type);
  const kept = { input: runtime.retain(x), output: runtime.retain(y) };
  const saved: LrnSaved = { kind: 'lrn', attributes, ...kept };
  return { y, saved };
}

export function lrnGradient(runtime: Runtime, saved: LrnSaved, dy: Tensor): Tensor {
  const { attributes, input, output } = saved;
  expectShape('the signal', dy, input.shape);
  const dx = scoped(runtime, (scope) => {
    const inputs = [runtime.check(dy), input, output].map((t) => scope.float(t));
    return runtime.run('LRNGrad', attributes, inputs);
  });
  return ownAs(runtime, dx, input.shape, DataType.float, input.type);
}
