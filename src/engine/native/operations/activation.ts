import { EngineError } from '../../../errors.js';
import { boolAttribute, elements, typeAttribute } from '../runtime/attributes.js';
import type { ElementType } from '../runtime/binding.js';
import { scoped } from '../runtime/native-scope.js';
import type { NativeTensor, Runtime } from '../runtime/runtime.js';
import { expectShape } from '../runtime/shapes.js';
import type { BatchNormSaved, ConvSaved, DenseSaved, ReluSaved } from './saved.js';

const BUG = 'This is a bug; please report it.';

/**
 * `dz = y > 0 ? dy : 0`, and with `summed` the sums of `dz` over all axes but the last (else an empty tensor).
 * Needs our own operations; both results are TensorFlow tensors that the caller owns.
 *
 * @param dy of the element type of `y`
 */
export function reluGradient(
  runtime: Runtime,
  dy: number,
  y: NativeTensor,
  type: ElementType,
  summed: boolean,
): [dz: number, sums: number] {
  const attributes = [
    typeAttribute('S', y.type),
    typeAttribute('R', type),
    boolAttribute('channel_sums', summed),
  ];
  const inputs = [dy, runtime.value(y)];
  return runtime.runAll('RelaybpReluGradient', attributes, inputs, 2) as [number, number];
}

/**
 * See `Engine.activationGradient`. Where our own operation runs, the sums that are the bias's gradient fall off on the
 * way, and a convolution's signal gets the type in which it will be multiplied.
 */
export function activationGradient(
  runtime: Runtime,
  saved: ConvSaved | DenseSaved | BatchNormSaved | ReluSaved,
  dy: NativeTensor,
): NativeTensor {
  const { output } = saved;
  if (!output) return runtime.retain(dy);
  if (saved.spent) throw new EngineError('native engine: a signal came after the last one', BUG);
  if (dy.maskedBy === output.values) return runtime.retain(dy);
  expectShape('the signal', dy, output.shape);
  const { ownKernels, products } = runtime.mode;
  return scoped(runtime, (scope) => {
    const inputs = [scope.as(dy, output.type), runtime.value(output)];
    if (!ownKernels) {
      const id = runtime.run('ReluGrad', [elements(output.type)], inputs);
      return runtime.own(id, dy.shape, output.type);
    }
    const type = saved.kind === 'conv' ? products : output.type;
    const summed = (saved.kind === 'conv' || saved.kind === 'dense') && saved.hasBias;
    const [id, sums] = reluGradient(runtime, inputs[0]!, output, type, summed);
    const dz = runtime.own(id, dy.shape, type);
    if (summed) dz.sums = sums;
    else runtime.binding.deleteTensor(sums);
    return dz;
  });
}

/** After the last signal: the output is not needed any more. */
export function giveUpOutput(
  runtime: Runtime,
  saved: ConvSaved | DenseSaved | BatchNormSaved | ReluSaved,
): void {
  if (!saved.output || saved.spent) return;
  saved.spent = true;
  runtime.dispose(saved.output);
}
