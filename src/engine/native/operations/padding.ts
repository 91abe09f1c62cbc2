/** Adding the padding of a window plan to a tensor, and cutting it off again. */
import { elements, typeAttribute } from '../runtime/attributes.js';
import { DataType, type ElementType } from '../runtime/binding.js';
import type { Runtime } from '../runtime/runtime.js';
import type { WindowPlan } from './window-padding.js';

const PADDINGS = typeAttribute('Tpaddings', DataType.int32);
const INDEX = typeAttribute('Index', DataType.int32);

/**
 * Pads `[b, h, w, c]` of element type `type` as the plan says, with `value` (0, or the lowest for a maximum).
 * @returns a new TensorFlow tensor, owned by the caller, or null where the plan needs no padding
 */
export function padInput(
  runtime: Runtime,
  x: number,
  plan: WindowPlan,
  type: ElementType,
  value = 0,
): number | null {
  if (!plan.pad) return null;
  const attributes = [elements(type), PADDINGS];
  const [top, bottom, left, right] = plan.pad;
  const paddings = runtime.ints([0, 0, top, bottom, left, right, 0, 0], [4, 2]);
  if (value === 0) return runtime.run('Pad', attributes, [x, paddings]);
  return runtime.run('PadV2', attributes, [x, paddings, runtime.filler(value, type)]);
}

/** The inverse for gradients: takes over `padded` and returns its inner part, owned by the caller. */
export function cropGradient(
  runtime: Runtime,
  padded: number,
  plan: WindowPlan,
  type: ElementType,
): number {
  if (!plan.pad) return padded;
  const start = runtime.ints([0, plan.pad[0], plan.pad[2], 0]);
  const inputs = [start, runtime.ints(plan.input)];
  return runtime.chain(padded, 'Slice', [elements(type), INDEX], inputs);
}
