import { type AnyLayerPlan, volume } from './layer-plan.js';

/** What a layer's pass keeps until it is released, and how signals go down through it. */
export interface LayerMemory {
  /** Whether its backward pass needs its input. */
  readonly input: boolean;
  /** Whether its backward pass needs its output. */
  readonly output: boolean;
  /** Values per image that it keeps besides: masks, and outputs of layers inside it. */
  readonly values?: number;
  /** Bytes per image that it keeps besides, in every precision: positions of maxima. */
  readonly bytes?: number;
  /** Each signal that arrives becomes one of its own first, by a ReLU or a split. */
  readonly copies?: boolean;
  /** Each path inside gets the very same signal. */
  readonly shares?: boolean;
  /** Gradients of parameters are found signal by signal; without it they are taken once, of the sum of the signals. */
  readonly signalBySignal?: boolean;
  /** In bfloat16 it works on operands in float32, where the CPU multiplies these faster. */
  readonly widens?: boolean;
  /** Bytes that it needs while it works, forward or backward, on so many images in float32, convolutions as `auto` takes them. */
  readonly workspace?: (images: number) => number;
  /** Rows of its first parameter's gradient that are held at once, where gradients may come in rows; else all. */
  readonly gradientRows?: number;
}

/** What the passes of layers inside another keep: their outputs, and what is their own. */
export function keptInside(
  paths: readonly (readonly AnyLayerPlan[])[],
  inside: (layer: AnyLayerPlan) => LayerMemory,
): { values: number; bytes: number } {
  let [values, bytes] = [0, 0];
  for (const layer of paths.flat()) {
    const own = inside(layer);
    values += volume(layer.output) + (own.values ?? 0);
    bytes += own.bytes ?? 0;
  }
  return { values, bytes };
}
