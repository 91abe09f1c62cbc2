import { realpath } from 'node:fs/promises';
import sharp from 'sharp';
import { decodeImage } from '../data/images/decode.js';
import type { Picture } from './validation-images.js';

/** Pixels a side. */
const SIDE = 208;

/**
 * The middle of an image, square and small, as WebP.
 *
 * @param path of `picturesInPlace`, without links: one that has become a link since is not followed
 * @throws Error if it is, or the file cannot be decoded
 */
export async function thumbnail(path: string): Promise<Buffer> {
  if ((await realpath(path)) !== path) throw new Error('it has become a link');
  const { data, width, height } = await decodeImage(path, SIDE);
  return sharp(data, { raw: { width, height, channels: 3 } })
    .extract({
      left: Math.floor((width - SIDE) / 2),
      top: Math.floor((height - SIDE) / 2),
      width: SIDE,
      height: SIDE,
    })
    .webp({ quality: 72 })
    .toBuffer();
}

/**
 * Embeds pictures as data URIs, each file read once.
 *
 * @returns how many images have no picture, as their files are not there any more
 */
export async function embedPictures(pictures: readonly Picture[]): Promise<number> {
  const made = new Map<string, string | null>();
  for (const { image, file } of pictures) {
    if (!made.has(file)) made.set(file, await dataUri(file));
    image.picture = made.get(file) ?? null;
  }
  return pictures.filter(({ image }) => image.picture === null).length;
}

async function dataUri(file: string): Promise<string | null> {
  try {
    return `data:image/webp;base64,${(await thumbnail(file)).toString('base64')}`;
  } catch {
    return null; // moved or changed since it was evaluated
  }
}
