import type { SizeProtocol } from '../config/resizing.js';
import { centreView, type Preprocessing, type View } from '../data/images/preprocessing.js';
import type { Average, Protocol } from './protocol.js';
import { cropInput } from './single-crop.js';

/** Four corners and centre of the image at `data.resize`, and their mirror images. */
export function tenCrop(
  preprocessing: Preprocessing & { crop: number },
  average: Average,
): Protocol {
  const { resize, resizing, crop } = preprocessing;
  return {
    name: 'ten-crop',
    sides: [resize],
    flip: true,
    average,
    smallest: [[crop, crop]],
    inputs: ([pixels]) =>
      tenViews(pixels!, crop, resizing?.protocol).map((view) =>
        cropInput(pixels!, view, preprocessing),
      ),
  };
}

/** Top left, top right, bottom left, bottom right, centre; then the same five mirrored. */
export function tenViews(
  image: { height: number; width: number },
  crop: number,
  protocol?: SizeProtocol,
): View[] {
  const [bottom, right] = [image.height - crop, image.width - crop];
  const centre = centreView(image, [crop, crop], protocol);
  const corners = [
    [0, 0],
    [0, right],
    [bottom, 0],
    [bottom, right],
  ] as const;
  const views = [...corners.map(([top, left]) => ({ ...centre, top, left })), centre];
  return [...views, ...views.map((view) => ({ ...view, flip: true }))];
}
