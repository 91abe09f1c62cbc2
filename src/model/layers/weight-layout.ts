import type { Shape } from '../../engine/engine.js';
import { type AnyLayerPlan, volume } from './layer-plan.js';

/** What arrives at a layer. */
export interface Arrival {
  /** The maps `[height, width, channels]` that a vector was flattened and joined from; of a map, the map itself. */
  readonly parts: readonly Shape[];
  /** Its channels are still the image's. */
  readonly image: boolean;
}

/** How other programs (PyTorch, Caffe) lay out the values of a parameter. */
export interface WeightLayout {
  /** Their shape, for messages. */
  readonly shape: Shape;
  /** Whether values of this shape are such a parameter's; without it: of just `shape`. */
  fits?(shape: Shape): boolean;
  /**
   * Their values in relaybp's order.
   *
   * @param turned the image's channels come in the opposite order
   */
  convert(values: Float32Array, arriving: Arrival, turned: boolean): Float32Array;
}

/** What leaves a layer that keeps the order of what arrives. */
export const leavingInOrder = ({ output }: AnyLayerPlan, arriving: Arrival): Arrival => ({
  parts: output.length === 3 ? [output] : arriving.parts,
  image: arriving.image,
});

/** For each of relaybp's rows (part by part: row, column, channel) the row in channel-first order. */
export function channelFirstRows(parts: readonly Shape[], turned: boolean): Int32Array {
  const order = new Int32Array(parts.reduce((sum, part) => sum + volume(part), 0));
  let [at, begin] = [0, 0];
  for (const [height, width, channels] of parts as readonly [number, number, number][]) {
    const positions = height * width;
    for (let p = 0; p < positions; p++) {
      for (let c = 0; c < channels; c++) {
        order[at++] = begin + (turned ? channels - 1 - c : c) * positions + p;
      }
    }
    begin += positions * channels;
  }
  return order;
}
