/** Adding the padding of a window plan to a tensor, and cutting it off again. */
import { FLOAT, typeAttribute } from './attributes.js';
import { DataType } from './binding.js';
import type { Runtime } from './runtime.js';
import type { WindowPlan } from './window.js';

const PAD = [FLOAT, typeAttribute('Tpaddings', DataType.int32)];
const SLICE = [FLOAT, typeAttribute('Index', DataType.int32)];

/**
 * Pads `[b, h, w, c]` as the plan says, with `value` (0, or the lowest for a maximum).
 * @returns a new TensorFlow tensor, owned by the caller, or null where the plan needs no padding
 */
export function padInput(runtime: Runtime, x: number, plan: WindowPlan, value = 0): number | null {
  if (!plan.pad) return null;
  const [top, bottom, left, right] = plan.pad;
  const paddings = runtime.ints([0, 0, top, bottom, left, right, 0, 0], [4, 2]);
  if (value === 0) return runtime.run('Pad', PAD, [x, paddings]);
  const filler = runtime.floats(`${value}`, [], () => Float32Array.of(value));
  return runtime.run('PadV2', PAD, [x, paddings, filler]);
}

/** The inverse for gradients: takes over `padded` and returns its inner part, owned by the caller. */
export function cropGradient(runtime: Runtime, padded: number, plan: WindowPlan): number {
  if (!plan.pad) return padded;
  const start = runtime.ints([0, plan.pad[0], plan.pad[2], 0]);
  return runtime.chain(padded, 'Slice', SLICE, [start, runtime.ints(plan.input)]);
}
