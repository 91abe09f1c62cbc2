/** The images that are prepared, one after the other. */
import { reasonOf } from '../data/images/decode.js';
import type { Pixels } from '../data/images/preprocessing.js';
import type { ImageIndex } from '../data/index/image-index.js';
import { FailurePolicy, type OnError, type Skipped } from '../data/loader/failure-policy.js';
import { ImageReader } from '../data/loader/image-reader.js';
import { ordered } from '../data/loader/ordered.js';

export interface SourceOptions {
  index: ImageIndex;
  /** Length of the shorter side in pixels. */
  side: number;
  maxPixels: number;
  onError: OnError;
  /** Images in work at once. */
  workers: number;
  /** Called after every image with how many are done. */
  onImage: (done: number) => void;
}

/** What became of an image: the encoded one, or why it could not be decoded. */
export type Prepared<T> = { image: number; encoded: T } | { image: number; reason: string };

/** Decodes, resizes and encodes; keeps count of what cannot be decoded. */
export class PreparingSource {
  readonly #options: SourceOptions;
  readonly #policy: FailurePolicy;
  #done = 0;

  constructor(options: SourceOptions) {
    this.#options = options;
    this.#policy = new FailurePolicy(options.index, options.onError);
  }

  get skipped(): readonly Skipped[] {
    return this.#policy.skipped;
  }

  /** Counts images that were prepared before, of which some could not be decoded. */
  before(count: number, failures: readonly { image: number; reason: string }[]): void {
    this.#policy.apply(failures);
    this.#done += count;
    this.#options.onImage(this.#done);
  }

  /**
   * @param wanted whether an image is to be prepared at all
   * @throws DataError as soon as more images cannot be decoded than the config allows
   */
  async *images<T>(
    first: number,
    end: number,
    wanted: (image: number) => boolean,
    encode: (pixels: Pixels, image: number) => Promise<T>,
  ): AsyncGenerator<Prepared<T>> {
    const { index, side, maxPixels, workers } = this.#options;
    const reader = new ImageReader(index, maxPixels);
    const prepare = async (image: number): Promise<Prepared<T> | null> => {
      if (!wanted(image)) return null;
      let pixels: Pixels;
      try {
        pixels = await (await reader.load(image)).decode({ resize: side });
      } catch (error) {
        return { image, reason: reasonOf(error) };
      }
      return { image, encoded: await encode(pixels, image) };
    };
    try {
      for await (const prepared of ordered(first, end, workers - 1, prepare)) {
        if (prepared && 'reason' in prepared) this.#policy.apply([prepared]);
        if (prepared) yield prepared;
        this.#options.onImage(++this.#done);
      }
    } finally {
      await reader.close();
    }
  }
}
