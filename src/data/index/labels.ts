import { DataError } from '../../errors.js';

/**
 * Every label is the place of a class: else an image would count nowhere, and never be drawn, without a word.
 *
 * @param labels one for each image
 * @throws DataError that names the first that is not
 */
export function checkLabels(labels: Int32Array, classes: number): void {
  const image = labels.findIndex((label) => label < 0 || label >= classes);
  if (image < 0) return;
  throw new DataError(
    `image ${image} has the label ${labels[image]}, but there are ${classes} classes`,
    'labels count from 0',
  );
}
