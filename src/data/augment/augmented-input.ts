/** From a decoded image to the input of one position, without what mixes it with another. */

import {
  cropSize,
  type Pixels,
  type Preprocessing,
  type View,
  writeInput,
} from '../images/preprocessing.js';
import { type Augmentation, chooseView } from './augment.js';
import { chosen } from './table.js';

/**
 * Cuts, changes and normalizes an image, in this order: crop or resized crop, changes of its pixels (colour jitter),
 * mirror, colour shift, normalization, changes of the input (random erasing). Each step draws from its own stream of
 * (seed, position).
 *
 * @param out receives [h, w, 3] from `offset` on
 */
export function writeAugmented(
  out: Float32Array,
  offset: number,
  pixels: Pixels,
  preprocessing: Preprocessing,
  augment: Augmentation | null,
  seed: number,
  position: number,
): void {
  const size = cropSize(preprocessing);
  const at = { seed, position };
  const steps = augment ? chosen<object>(augment) : [];
  let source = pixels;
  for (const { type, options } of steps) {
    source = type.crop?.(source, size, options, at) ?? source;
  }
  let view = chooseView(source, size, augment, seed, position);
  if (steps.some(({ type }) => type.change)) {
    source = cropped(source, view, size);
    view = { ...view, top: 0, left: 0 };
    for (const { type, options } of steps) type.change?.(source.data, options, at);
  }
  writeInput(out, offset, source, view, size, preprocessing);
  const input = { out, offset, size, preprocessing };
  for (const { type, options } of steps) type.finish?.(input, options, at);
}

/** A copy of what the view shows, not mirrored. */
function cropped(pixels: Pixels, { top, left }: View, [h, w]: readonly [number, number]): Pixels {
  const data = new Uint8Array(h * w * 3);
  for (let y = 0; y < h; y++) {
    const from = ((top + y) * pixels.width + left) * 3;
    data.set(pixels.data.subarray(from, from + w * 3), y * w * 3);
  }
  return { data, height: h, width: w };
}
