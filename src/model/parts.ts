/**
 * Large fully connected layers are held in parts, some columns (output units) each: nothing that is made for a
 * moment, a gradient above all, then has their whole size. Checkpoints know nothing of it.
 */
import { type LayerPlan, type ParameterPlan, volume } from './plan.js';

/** Some columns of a parameter; a plan of its own, named `fc1.weight[:, 0:512]` where it is not the whole. */
export interface PartPlan extends ParameterPlan {
  /** The parameter as checkpoints know it. */
  readonly whole: ParameterPlan;
  /** Along the last axis. */
  readonly columns: readonly [begin: number, end: number];
}

/** Bytes; a part of a weight has at most so many. */
export const LARGEST_PART = 64 * 2 ** 20;
const FLOAT_BYTES = 4;

/**
 * The parts of each of a layer's parameters, the same columns for weight and bias.
 *
 * @param largest bytes of a part
 */
export function partsOf(layer: LayerPlan, largest: number): PartPlan[][] {
  const [weight] = layer.parameters;
  const columns = weight?.shape.at(-1) ?? 1;
  const rows = weight ? volume(weight.shape) / columns : 1;
  const fitting = Math.max(1, Math.floor(largest / FLOAT_BYTES / rows));
  // Parts of nearly equal width.
  const count = layer.type === 'fc' ? Math.max(1, Math.ceil(columns / fitting)) : 1;
  const width = Math.ceil(columns / count);
  return layer.parameters.map((whole) => {
    if (count === 1) return [{ ...whole, whole, columns: [0, whole.shape.at(-1)!] }];
    return Array.from({ length: Math.ceil(columns / width) }, (_, i) => {
      const [begin, end] = [i * width, Math.min((i + 1) * width, columns)];
      const rest = whole.shape.slice(0, -1);
      const name = `${whole.name}[${[...rest.map(() => ':'), `${begin}:${end}`].join(', ')}]`;
      const shape = [...rest, end - begin];
      return { ...whole, name, shape, whole, columns: [begin, end] };
    });
  });
}

/** The part's values out of the whole parameter's. */
export function cutPart(
  values: Float32Array,
  { whole, columns: [begin, end] }: PartPlan,
): Float32Array {
  const total = whole.shape.at(-1)!;
  const width = end - begin;
  if (width === total) return values;
  const part = new Float32Array((values.length / total) * width);
  for (let from = begin, to = 0; to < part.length; from += total, to += width) {
    part.set(values.subarray(from, from + width), to);
  }
  return part;
}

/** The inverse of `cutPart`, for all parts of a parameter. */
export function joinParts(
  parts: readonly { plan: PartPlan; values: Float32Array }[],
): Float32Array {
  const [first] = parts;
  if (parts.length === 1) return first!.values;
  const { shape } = first!.plan.whole;
  const total = shape.at(-1)!;
  const whole = new Float32Array(volume(shape));
  for (const { plan, values } of parts) {
    const [begin, end] = plan.columns;
    const width = end - begin;
    for (let from = 0, to = begin; from < values.length; from += width, to += total) {
      whole.set(values.subarray(from, from + width), to);
    }
  }
  return whole;
}
