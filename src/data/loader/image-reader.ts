/** Reads the images of an index, wherever they are: in files of their own, in shards of relaybp's, or in tar and Parquet files. */
import { isAsPillow, type Resizing, USUAL_RESIZING } from '../../config/resizing.js';
import { DataError } from '../../errors.js';
import { type DecodeOptions, decodePart, MAX_PIXELS } from '../images/decode.js';
import { readImageFile } from '../images/image-file.js';
import type { ImagePart } from '../images/image-part.js';
import { hasChanged } from '../index/file-changes.js';
import { type ImageIndex, imageFile } from '../index/image-index.js';
import { hasMembers } from '../index/members.js';
import { checkSide, PackedReader } from '../index/packed.js';
import { MemberReader } from './member-reader.js';

/** An image that has been read. */
export interface LoadedImage {
  /** Whether its file is not as the index says. */
  changed: boolean;
  /** At least what is wanted of it; may be called several times. @throws Error with the reason if it cannot be decoded */
  decode(options: Omit<DecodeOptions, 'maxPixels'>): Promise<ImagePart>;
}

export class ImageReader {
  readonly #index: ImageIndex;
  readonly #packed: PackedReader | null;
  readonly #members: MemberReader | null;
  readonly #maxPixels: number;

  /** @param maxPixels width times height of the largest image that is decoded */
  constructor(index: ImageIndex, maxPixels: number = MAX_PIXELS) {
    this.#index = index;
    this.#packed = index.packed ? new PackedReader(index.packed) : null;
    this.#members = hasMembers(index) ? new MemberReader(index) : null;
    this.#maxPixels = maxPixels;
  }

  /** @throws Error with the reason if it cannot be read */
  async load(image: number): Promise<LoadedImage> {
    const maxPixels = this.#maxPixels;
    const packed = this.#packed;
    if (packed) {
      return {
        changed: false,
        decode: (options) => packed.read(image, { ...options, maxPixels }),
      };
    }
    if (this.#members) {
      const file = { contents: await this.#members.bytes(image), name: null };
      return {
        changed: false,
        decode: (options) => decodePart(file, { ...options, maxPixels }),
      };
    }
    const file = await readImageFile(imageFile(this.#index, image), maxPixels);
    return {
      changed: hasChanged(this.#index, image, file.state),
      decode: (options) => decodePart(file, { ...options, maxPixels }),
    };
  }

  async close(): Promise<void> {
    await this.#packed?.close();
    await this.#members?.close();
  }
}

/** @throws DataError if the images of the index are too small for a shorter side of `resize`, or have been resized otherwise */
export function checkSizes(
  { packed }: ImageIndex,
  resize: number,
  resizing: Resizing = USUAL_RESIZING,
): void {
  if (!packed) return;
  checkSide(packed, resize);
  if (!isAsPillow(resizing)) return;
  const { interpolation, protocol } = resizing;
  throw new DataError(
    `${packed.folder}: its images have been resized already, with ${USUAL_RESIZING.interpolation}; data.interpolation ${interpolation} and data.protocol ${protocol} begin with the original images`,
    'use the original images, or leave data.interpolation and data.protocol out',
  );
}
