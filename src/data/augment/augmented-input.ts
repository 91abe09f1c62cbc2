/** From a decoded image to the input of one position, without what mixes it with another. */

import { type ImagePart, type Region, wholeImage } from '../images/image-part.js';
import {
  centreView,
  cropSize,
  type Preprocessing,
  type View,
  writeInput,
} from '../images/preprocessing.js';
import type { Size } from '../images/resized-size.js';
import { type Augmentation, chooseView } from './augment.js';
import { chosen } from './table.js';

const stepsOf = (augment: Augmentation | null) => (augment ? chosen<object>(augment) : []);

/** What `writeAugmented` looks at of an image; null: it is too small for the crop. */
export function inputRegion(
  image: Size,
  preprocessing: Preprocessing,
  augment: Augmentation | null,
  seed: number,
  position: number,
): Region | null {
  let region: Region | null = null;
  for (const { type, options } of stepsOf(augment)) {
    region = type.region?.(image, options, { seed, position }) ?? region;
  }
  if (region) return region;
  const [height, width] = cropSize(preprocessing);
  if (height > image.height || width > image.width) return null;
  const { top, left } = viewOf(image, preprocessing, augment, { seed, position });
  return { top, left, height, width };
}

/** Without augmentation the centre crop. */
function viewOf(
  image: Size,
  preprocessing: Preprocessing,
  augment: Augmentation | null,
  { seed, position }: { seed: number; position: number },
): View {
  const size = cropSize(preprocessing);
  return augment
    ? chooseView(image, size, augment, seed, position)
    : centreView(image, size, preprocessing.resizing?.protocol);
}

/**
 * Cuts, changes and normalizes an image, in this order: crop or resized crop, changes of its pixels (colour jitter),
 * mirror, colour shift, normalization, changes of the input (random erasing). Each step draws from its own stream of
 * (seed, position).
 *
 * @param out receives [h, w, 3] from `offset` on
 * @param part of the image, at least what `inputRegion` says
 */
export function writeAugmented(
  out: Float32Array,
  offset: number,
  part: ImagePart,
  preprocessing: Preprocessing,
  augment: Augmentation | null,
  seed: number,
  position: number,
): void {
  const size = cropSize(preprocessing);
  const at = { seed, position };
  const steps = stepsOf(augment);
  let source = part;
  for (const { type, options } of steps) {
    const region = type.region?.(source.whole, options, at);
    if (!region || !type.crop) continue;
    source = wholeImage(type.crop(source, region, size, options, at));
  }
  let view = viewOf(source.whole, preprocessing, augment, at);
  view = { ...view, top: view.top - source.top, left: view.left - source.left };
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
function cropped(
  part: ImagePart,
  { top, left }: View,
  [h, w]: readonly [number, number],
): ImagePart {
  const data = new Uint8Array(h * w * 3);
  for (let y = 0; y < h; y++) {
    const from = ((top + y) * part.width + left) * 3;
    data.set(part.data.subarray(from, from + w * 3), y * w * 3);
  }
  return wholeImage({ data, height: h, width: w });
}
