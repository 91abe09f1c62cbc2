/** Reads the images of an index, wherever they are: in files of their own or in shards. */
import { decodeImage } from '../images/decode.js';
import type { Kernel, Pixels } from '../images/preprocessing.js';
import { hasChanged } from '../index/file-changes.js';
import { type ImageIndex, imageFile } from '../index/image-index.js';
import { checkSide, PackedReader } from '../index/packed.js';

export class ImageReader {
  readonly #index: ImageIndex;
  readonly #packed: PackedReader | null;

  constructor(index: ImageIndex) {
    this.#index = index;
    this.#packed = index.packed ? new PackedReader(index.packed) : null;
  }

  /** As `decodeImage`. @throws Error with the reason if the image cannot be decoded */
  read(image: number, resize: number, kernel?: Kernel, maxPixels?: number): Promise<Pixels> {
    if (this.#packed) return this.#packed.read(image, resize, kernel, maxPixels);
    return decodeImage(imageFile(this.#index, image), resize, kernel, maxPixels);
  }

  /** Whether its file is not as the index says. */
  async hasChanged(image: number): Promise<boolean> {
    return this.#packed ? false : await hasChanged(this.#index, image);
  }

  async close(): Promise<void> {
    await this.#packed?.close();
  }
}

/** @throws DataError if the images of the index are too small for a shorter side of `resize` */
export function checkSizes({ packed }: ImageIndex, resize: number): void {
  if (packed) checkSide(packed, resize);
}
