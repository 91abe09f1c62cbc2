/** Whole images of any size, for fully convolutional testing (paper, "testing", multi-scale). */
import { decodeImage, reasonOf } from './decode.js';
import { type ImageIndex, imagePath } from './image-index.js';
import {
  cropSize,
  type Pixels,
  type Preprocessing,
  resizeMean,
  writeInput,
} from './preprocessing.js';

export interface WholeImage {
  /** Image index. */
  index: number;
  /** −1 if the file is undecodable; it then has no pixels (`scales` is empty). */
  label: number;
  /** Why the file is undecodable. */
  reason: string | null;
  /** One input per scale, in the order asked for; owned by the caller. */
  scales: { data: Float32Array /* [height, width, 3] */; height: number; width: number }[];
}

export interface WholeImageOptions {
  dataset: ImageIndex;
  /** First image and the one after the last. */
  start: number;
  end: number;
  /** Lengths of the shorter side. */
  scales: readonly number[];
  /** `resize` is not used; a mean image is stretched to the size of each input. */
  preprocessing: Preprocessing;
  /** Images decoded ahead; default 4. */
  ahead?: number;
}

/**
 * Go through images in order, each at every scale and uncropped. Decoding runs on libuv's threads
 * and is started `ahead` images early, so it overlaps with work of the consumer.
 */
export async function* wholeImages(options: WholeImageOptions): AsyncGenerator<WholeImage> {
  const { start, end, ahead = 4 } = options;
  const queue: Promise<WholeImage>[] = [];
  for (let i = start, next = start; i < end; i++) {
    while (next < end && next <= i + ahead) {
      const image = loadWhole(options, next++);
      image.catch(() => {}); // reported when its turn comes
      queue.push(image);
    }
    yield await queue.shift()!;
  }
}

async function loadWhole(options: WholeImageOptions, i: number): Promise<WholeImage> {
  const { dataset, scales, preprocessing } = options;
  try {
    const path = imagePath(dataset, i);
    const decode = (scale: number) => decodeImage(path, scale, preprocessing.kernel);
    const images = await Promise.all(scales.map(decode));
    return {
      index: i,
      label: dataset.labels[i]!,
      reason: null,
      scales: images.map((pixels) => wholeInput(pixels, preprocessing)),
    };
  } catch (error) {
    if (error instanceof RangeError) throw error;
    return { index: i, label: -1, reason: reasonOf(error), scales: [] };
  }
}

function wholeInput(pixels: Pixels, preprocessing: Preprocessing): WholeImage['scales'][number] {
  const { width, height } = pixels;
  const { std } = preprocessing;
  let { mean } = preprocessing;
  if (mean.kind === 'pixel') {
    const values = resizeMean(mean.values, cropSize(preprocessing), [height, width]);
    mean = { kind: 'pixel', values };
  }
  const data = new Float32Array(height * width * 3);
  const view = { top: 0, left: 0, flip: false, shift: [0, 0, 0] as const };
  writeInput(data, 0, pixels, view, [height, width], { mean, std });
  return { data, height, width };
}
