import {
  type Mean,
  type Pixels,
  type Preprocessing,
  resizeMean,
  writeInput,
} from '../data/images/preprocessing.js';
import type { Average, NetworkInput, Protocol } from './protocol.js';

/**
 * The paper's test (§4): the whole image, uncropped and in its own aspect ratio, with its shorter side at each of
 * several lengths; with `flip` also mirrored. The network runs fully convolutionally (model/dense.ts).
 */
export function multiScale(
  preprocessing: Preprocessing & { crop: number },
  scales: readonly number[],
  flip: boolean,
  average: Average,
): Protocol {
  const { std } = preprocessing;
  const meanFor = stretchedMeans(preprocessing);
  const input = (pixels: Pixels, mirrored: boolean): NetworkInput => {
    const { height, width } = pixels;
    const data = new Float32Array(height * width * 3);
    const view = { top: 0, left: 0, flip: mirrored, shift: [0, 0, 0] as const };
    writeInput(data, 0, pixels, view, [height, width], { mean: meanFor(height, width), std });
    return { data, height, width };
  };
  return {
    name: 'multi-scale',
    sides: scales,
    flip,
    average,
    smallest: scales.map((scale) => [scale, scale] as const),
    inputs: (sizes) =>
      sizes.flatMap((pixels) => (flip ? [false, true] : [false]).map((m) => input(pixels, m))),
  };
}

/** Stretched mean images that are kept. */
const KEPT_MEANS = 16;

/** The mean for an input size: a mean image is stretched to it, from the crop that it was computed on. */
function stretchedMeans({ mean, crop }: Preprocessing & { crop: number }) {
  const kept = new Map<string, Mean>();
  return (height: number, width: number): Mean => {
    if (mean.kind === 'channel') return mean;
    const key = `${height}x${width}`;
    const stretched: Mean = kept.get(key) ?? {
      kind: 'pixel',
      values: resizeMean(mean.values, [crop, crop], [height, width]),
    };
    kept.set(key, stretched);
    if (kept.size > KEPT_MEANS) kept.delete(kept.keys().next().value!);
    return stretched;
  };
}
