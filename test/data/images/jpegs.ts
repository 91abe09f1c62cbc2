/** JPEGs made for tests, and what sharp alone decodes them to. */
import sharp from 'sharp';
import type { Pixels } from '../../../src/data/images/preprocessing.js';

/** The same file with EXIF data that hold nothing but an orientation. */
export function withOrientation(jpeg: Buffer, orientation: number): Buffer {
  const tiff = Buffer.from('4d4d002a00000008000101120003000000010000000000000000', 'hex');
  tiff.writeUInt16BE(orientation, 18);
  return withSegment(jpeg, 0xe1, Buffer.concat([Buffer.from('Exif\0\0'), tiff]));
}

/** The same file with a segment more at its beginning. */
export function withSegment(jpeg: Buffer, marker: number, content: Uint8Array): Buffer {
  const head = Buffer.from([0xff, marker, 0, 0]);
  head.writeUInt16BE(content.length + 2, 2);
  return Buffer.concat([jpeg.subarray(0, 2), head, content, jpeg.subarray(2)]);
}

/** As relaybp decoded before it had another decoder than sharp, of the whole image. @throws what sharp says */
export async function decodedBySharp(bytes: Buffer, resize: number): Promise<Pixels> {
  const { width: w, height: h } = await sharp(bytes, { limitInputPixels: false }).metadata();
  if (w * h > 1e8) throw new Error('too large');
  const { data, info } = await sharp(bytes, {
    failOn: 'truncated',
    limitInputPixels: 1e8,
    autoOrient: true,
  })
    .resize({
      width: resize,
      height: resize,
      fit: 'outside',
      kernel: 'lanczos3',
      fastShrinkOnLoad: false,
    })
    .flatten({ background: '#ffffff' })
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  if (channels === 3) return { data, width, height };
  const rgb = new Uint8Array(3 * data.length);
  for (let i = 0; i < rgb.length; i++) rgb[i] = data[Math.floor(i / 3)]!;
  return { data: rgb, width, height };
}
