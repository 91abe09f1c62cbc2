import {
  centreView,
  type Pixels,
  type Preprocessing,
  type View,
  writeInput,
} from '../data/images/preprocessing.js';
import type { Average, NetworkInput, Protocol } from './protocol.js';

/** The centre crop of the image at `data.resize` (paper, §4); with `flip` also its mirror image. */
export function singleCrop(
  preprocessing: Preprocessing & { crop: number },
  flip: boolean,
  average: Average,
): Protocol {
  const { resize, resizing, crop } = preprocessing;
  return {
    name: 'single-crop',
    sides: [resize],
    flip,
    average,
    smallest: [[crop, crop]],
    inputs: ([pixels]) => {
      const view = centreView(pixels!, [crop, crop], resizing?.protocol);
      const views = flip ? [view, { ...view, flip: true }] : [view];
      return views.map((each) => cropInput(pixels!, each, preprocessing));
    },
  };
}

/** One crop as the network's input; a mean image lies on the crop as in training, itself not mirrored. */
export function cropInput(
  pixels: Pixels,
  view: View,
  preprocessing: Preprocessing & { crop: number },
): NetworkInput {
  const { crop } = preprocessing;
  const data = new Float32Array(crop * crop * 3);
  writeInput(data, 0, pixels, view, [crop, crop], preprocessing);
  return { data, height: crop, width: crop };
}
