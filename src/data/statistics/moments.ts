/** Sums over images from which means and covariances follow. */
import { type Eigen3, symmetricEigen3 } from './jacobi.js';

export interface PixelMoments {
  /** Mean of each pixel and channel, 0–255 scale, [h, w, 3]. */
  mean: Float32Array;
  /** Mean over all pixels of each channel, 0–255 scale. */
  channelMean: [number, number, number];
  /** Standard deviation over all pixels of each channel, 0–255 scale. */
  channelStd: [number, number, number];
  /** Of the covariance of RGB over all pixels, on the 0–1 scale. */
  eigen: Eigen3;
}

/** Adds up images of one size in double precision. */
export class MomentSums {
  readonly #sums: Float64Array;
  /** Sums of rr, rg, rb, gg, gb, bb. */
  readonly #products = new Float64Array(6);
  #images = 0;

  /** @param values h·w·3 */
  constructor(values: number) {
    this.#sums = new Float64Array(values);
  }

  get images(): number {
    return this.#images;
  }

  /** @param pixels [h, w, 3] on the 0–255 scale, from `offset` on */
  add(pixels: Float32Array, offset: number): void {
    const sums = this.#sums;
    let [rr, rg, rb, gg, gb, bb] = [0, 0, 0, 0, 0, 0];
    for (let i = 0; i < sums.length; i += 3) {
      const r = pixels[offset + i]!;
      const g = pixels[offset + i + 1]!;
      const b = pixels[offset + i + 2]!;
      sums[i]! += r;
      sums[i + 1]! += g;
      sums[i + 2]! += b;
      rr += r * r;
      rg += r * g;
      rb += r * b;
      gg += g * g;
      gb += g * b;
      bb += b * b;
    }
    for (const [i, sum] of [rr, rg, rb, gg, gb, bb].entries()) this.#products[i]! += sum;
    this.#images++;
  }

  /** Covariances divide by the number of pixels. At least one image must have been added. */
  result(): PixelMoments {
    if (this.#images === 0) throw new RangeError('MomentSums.result(): no images');
    const mean = Float32Array.from(this.#sums, (sum) => sum / this.#images);
    const pixels = (this.#images * this.#sums.length) / 3;
    const m: [number, number, number] = [0, 0, 0];
    for (let i = 0; i < this.#sums.length; i++) m[(i % 3) as 0 | 1 | 2] += this.#sums[i]!;
    for (const c of [0, 1, 2] as const) m[c] /= pixels;
    const place = [
      [0, 1, 2],
      [1, 3, 4],
      [2, 4, 5],
    ];
    const covariance = place.map((row, i) =>
      row.map((p, j) => this.#products[p]! / pixels - m[i]! * m[j]!),
    );
    const std = (c: 0 | 1 | 2): number => Math.sqrt(Math.max(0, covariance[c]![c]!));
    return {
      mean,
      channelMean: m,
      channelStd: [std(0), std(1), std(2)],
      eigen: symmetricEigen3(covariance.map((row) => row.map((value) => value / 255 ** 2))),
    };
  }
}
