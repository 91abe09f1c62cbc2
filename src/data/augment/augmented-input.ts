/** From a decoded image to the input of one position, without what mixes it with another. */

import {
  cropSize,
  type Pixels,
  type Preprocessing,
  type View,
  writeInput,
} from '../images/preprocessing.js';
import { type Augmentation, chooseView } from './augment.js';
import { chooseJitter, jitter } from './color-jitter.js';
import { chooseErased, erase } from './random-erasing.js';
import { chooseRegion, resizeRegion } from './resized-crop.js';

/**
 * Cuts, changes and normalizes an image, in this order: crop or resized crop, colour jitter, mirror, colour shift,
 * normalization, random erasing. Each step draws from its own stream of (seed, position).
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
  let source = augment?.resizedCrop
    ? resizeRegion(pixels, chooseRegion(pixels, augment.resizedCrop, seed, position), size)
    : pixels;
  let view = chooseView(source, size, augment, seed, position);
  if (augment?.colorJitter) {
    source = cropped(source, view, size);
    view = { ...view, top: 0, left: 0 };
    jitter(source.data, chooseJitter(augment.colorJitter, seed, position));
  }
  writeInput(out, offset, source, view, size, preprocessing);
  const erasing = augment?.randomErasing;
  const region = erasing && chooseErased(size, erasing, seed, position);
  if (region) erase(out, offset, size[1], region, erasing.value, preprocessing, seed, position);
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
