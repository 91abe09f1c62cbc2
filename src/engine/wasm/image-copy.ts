/** Copies a window of pixels, and of their channels, from some images to others. */

/** Images `[.., height, width, channels]`; a copy begins at image `first`, at row `top`, column `left`, channel `channel`. */
export interface Images {
  values: Float32Array;
  height: number;
  width: number;
  channels: number;
  first?: number;
  top?: number;
  left?: number;
  channel?: number;
}

/** How much is copied. */
export interface Extent {
  images: number;
  height: number;
  width: number;
  channels: number;
}

export function copyImages(from: Images, to: Images, extent: Extent): void {
  const whole = from.channels === extent.channels && to.channels === extent.channels;
  for (let image = 0; image < extent.images; image++)
    for (let row = 0; row < extent.height; row++) {
      const [source, target] = [startOf(from, image, row), startOf(to, image, row)];
      if (whole) {
        const end = source + extent.width * extent.channels;
        to.values.set(from.values.subarray(source, end), target);
      } else copyPixels(from, source, to, target, extent);
    }
}

function startOf(images: Images, image: number, row: number): number {
  const { height, width, channels, first = 0, top = 0, left = 0, channel = 0 } = images;
  return (((first + image) * height + top + row) * width + left) * channels + channel;
}

function copyPixels(
  from: Images,
  source: number,
  to: Images,
  target: number,
  extent: Extent,
): void {
  const [a, b] = [from.values, to.values];
  for (let pixel = 0; pixel < extent.width; pixel++) {
    for (let c = 0; c < extent.channels; c++) b[target + c] = a[source + c] as number;
    source += from.channels;
    target += to.channels;
  }
}
