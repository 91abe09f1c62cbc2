/**
 * Decoding: any supported file → 8-bit sRGB of a given size. Usual JPEGs are decoded by libjpeg-turbo (`fast-jpeg.ts`),
 * all else by sharp (libvips), which is also the judge of what is a valid image.
 *
 * Importing this file sets two process-wide options of sharp: one thread per image, as several
 * images are decoded at once, and no cache of operations, as no image is read twice in a row.
 */
import sharp, { type Metadata, type Sharp } from 'sharp';
import { isAsPillow, type Resizing, USUAL_RESIZING } from '../../config/resizing.js';
import { messageOf } from '../../system-error.js';
import { decodeFastJpeg } from './fast-jpeg.js';
import { grayToSrgb } from './gray-profile.js';
import { type ImageFile, readImageFile } from './image-file.js';
import { type ChoosePart, type ImagePart, wholeImage } from './image-part.js';
import { withExifInFront } from './late-exif.js';
import { resizeAsPillow } from './pillow-resampler.js';
import { type Pixels, RESIZING_KERNEL } from './preprocessing.js';
import { MAX_RESIZED_PIXELS, resizedSize } from './resized-size.js';
import { sharpsFactor } from './shrink-on-load.js';
import { whyNoTurboJpeg } from './turbojpeg.js';

sharp.concurrency(1);
sharp.cache(false);

/** Counts the changes of what a file is decoded to: statistics of other decoding are not taken over. */
export const DECODING = 4;

/** Larger files count as undecodable unless the config says otherwise; a guard against decompression bombs. */
export const MAX_PIXELS = 100_000_000;

/**
 * Decode a file and resize its shorter side to `resize`, the other side in proportion (rounded),
 * whether that shrinks or enlarges it.
 *
 * - The EXIF orientation is applied, of a PNG also from behind the image; an invalid one is ignored.
 * - An embedded ICC profile is converted to sRGB, CMYK and YCCK too (without a profile by
 *   libvips's generic one), at 16 bits as at 8; only one of 16-bit grayscale that has a table in
 *   place of a curve is ignored. Grayscale is repeated over three channels, 16 bits become 8.
 * - Samples of a TIFF that are neither 8 nor 16 bits without sign are an error: their scale is not known.
 * - Transparency is flattened on white. Of an animation the first frame is taken.
 * - JPEGs are decoded at a reduced scale where that is exact enough (`shrinkFactor`).
 *
 * Truncated and corrupt files are errors. Files with flaws that the decoder can repair (stray
 * bytes between markers, malformed EXIF) are not: sharp's `failOn: 'truncated'`.
 * @param path as bytes where the name is not UTF-8
 * @param maxPixels width times height of the largest image that is decoded
 * @throws Error with the decoder's reason, also of what is no regular file; the caller knows the file's place in the data set
 */
export async function decodeImage(
  path: string | Buffer,
  resize: number,
  maxPixels: number = MAX_PIXELS,
): Promise<Pixels> {
  return decodePart(await readImageFile(path, maxPixels), { resize, maxPixels });
}

export interface DecodeOptions {
  /** Length of the shorter side. */
  resize: number;
  /** The filter, and whose size; default: the usual one. */
  resizing?: Resizing;
  maxPixels?: number;
  /** What is wanted of the image; default: all of it. */
  choose?: ChoosePart;
  /** The caller will `release` the pixels, soon, so that they need not be copied. */
  borrow?: boolean;
}

/** As `decodeImage`, of a file that has been read: at least what is wanted of it. */
export async function decodePart(
  { contents, name }: Pick<ImageFile, 'contents' | 'name'>,
  options: DecodeOptions,
): Promise<ImagePart> {
  const { resize, resizing = USUAL_RESIZING, maxPixels = MAX_PIXELS, choose, borrow } = options;
  if (isAsPillow(resizing)) {
    const whole = await decodeWhole({ contents, name }, maxPixels);
    try {
      return partAsPillow(whole, resize, resizing, choose);
    } finally {
      whole.release?.();
    }
  }
  if (typeof contents !== 'string') {
    if (contents.length === 0) throw new Error('the file is empty');
    const part = await decodeFastJpeg(contents, resize, maxPixels, { choose, borrow });
    if (part) return part;
  }
  return wholeImage(await decodeSource(contents, name, resize, maxPixels));
}

/** The image in its own size: Pillow's way of resizing is to the bit only from all of the pixels. */
async function decodeWhole(
  { contents, name }: Pick<ImageFile, 'contents' | 'name'>,
  maxPixels: number,
): Promise<ImagePart> {
  if (typeof contents !== 'string') {
    if (contents.length === 0) throw new Error('the file is empty');
    const fast = await decodeFastJpeg(contents, null, maxPixels, { borrow: true });
    if (fast) return fast;
  }
  return wholeImage(await decodeSource(contents, name, null, maxPixels));
}

function partAsPillow(
  image: Pixels,
  resize: number,
  { interpolation, protocol }: Resizing,
  choose: ChoosePart | undefined,
): ImagePart {
  checkResized(image, resize);
  const whole = resizedSize(image, resize, protocol);
  const part = choose?.(whole) ?? { top: 0, left: 0, ...whole };
  return { ...part, data: resizeAsPillow(image, whole, part, interpolation), whole };
}

/** @param name to open it by, if there is one that is text @param resize null: it keeps its size */
async function decodeSource(
  contents: string | Buffer,
  name: string | null,
  resize: number | null,
  maxPixels: number,
): Promise<Pixels> {
  const source = typeof contents === 'string' ? contents : await withExifInFront(contents);
  // Only the header is read here; the limit below holds for whatever the decoder then finds.
  const header = await sharp(source, { limitInputPixels: false }).metadata();
  checkPixels(header, maxPixels);
  checkSamples(header);
  if (resize !== null) checkResized(header, resize);
  const small = resize === null ? null : shrunk(name, header, resize);
  const opened = sharp(small ?? source, {
    failOn: 'truncated',
    limitInputPixels: maxPixels,
    autoOrient: true,
  });
  const image = await inSrgb(opened, header);
  if (resize !== null) {
    image.resize({
      width: resize,
      height: resize,
      fit: 'outside',
      kernel: RESIZING_KERNEL,
      fastShrinkOnLoad: false,
    });
  }
  image.flatten({ background: '#ffffff' }).toColourspace('srgb').raw({ depth: 'uchar' });
  const { data, info } = await withReason(() => image.toBuffer({ resolveWithObject: true }));
  const { width, height, channels } = info;
  if (channels === 3) return { data, width, height };
  if (channels === 1) return { data: repeated(data), width, height };
  throw new Error(`decoded to ${channels} channels instead of 3`);
}

/**
 * sharp converts what has a profile to sRGB, with two exceptions: 16-bit RGB to Display P3, which is then taken for
 * sRGB, unless the pipeline begins in sRGB; and 16-bit grayscale not at all.
 */
async function inSrgb(image: Sharp, { space, icc }: Metadata): Promise<Sharp> {
  if (!icc) return image;
  if (space === 'rgb16') return image.pipelineColourspace('srgb');
  const table = space === 'grey16' ? grayToSrgb(icc) : null;
  if (!table) return image;
  image.toColourspace('grey16').raw({ depth: 'ushort' });
  const { data, info } = await withReason(() => image.toBuffer({ resolveWithObject: true }));
  const { width, height, channels } = info;
  const values = new Uint16Array(Uint8Array.from(data).buffer);
  // Behind the gray value there may be one of transparency.
  const bytes = Uint8Array.from(values, (value, i) =>
    i % channels === 0 ? table[value]! : value >> 8,
  );
  return sharp(bytes, { raw: { width, height, channels } });
}

/**
 * Does it again while there is an error without a reason. libvips collects its messages in one place for all threads,
 * and a thread that succeeds meanwhile throws away what another has to say.
 */
async function withReason<T>(decode: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await decode();
    } catch (error) {
      if (attempt === ATTEMPTS || reasonOf(error) !== 'Unknown error') throw error;
    }
  }
}

const ATTEMPTS = 25;

/**
 * A large JPEG as libvips is told to open it where there is no libjpeg-turbo: `name[shrink=4]` decodes it at a quarter of
 * its size. sharp has no such option for contents. Null if it is not to be shrunk so.
 */
function shrunk(
  name: string | null,
  header: { format: string; width: number; height: number },
  resize: number,
): string | null {
  if (name === null || header.format !== 'jpeg' || whyNoTurboJpeg() === null) return null;
  const factor = sharpsFactor(header, resize);
  return factor === null || factor === 1 ? null : `${name}[shrink=${factor}]`;
}

function checkPixels({ width, height }: { width: number; height: number }, limit: number): void {
  const pixels = width * height;
  if (pixels <= limit) return;
  throw new Error(
    `${width}x${height} is ${megapixels(pixels)} megapixels, more than the limit of ${megapixels(limit)} (data.maxPixels)`,
  );
}

/** Scientific TIFFs: what is black and white in them only their maker knows, and the decoder takes 1 for nearly black. */
function checkSamples({ format, depth, space }: Metadata): void {
  if (format !== 'tiff' || depth === 'uchar' || depth === 'ushort' || space === 'lab') return;
  throw new Error(
    `its samples are of the type ${depth}, whose scale is not known: 8 or 16 bits are read`,
  );
}

const megapixels = (pixels: number): string => String(Math.round(pixels / 1e4) / 100);

function checkResized({ width, height }: { width: number; height: number }, resize: number): void {
  const becomes = resizedSize({ width, height }, resize);
  const other = Math.max(becomes.width, becomes.height);
  if (resize * other <= MAX_RESIZED_PIXELS) return;
  throw new Error(
    `${width}x${height} resized to a shorter side of ${resize} would be ${resize}x${other}, more than ${MAX_RESIZED_PIXELS} pixels`,
  );
}

/** [pixels] → [pixels, 3] */
function repeated(gray: Uint8Array): Uint8Array {
  const data = new Uint8Array(gray.length * 3);
  for (let i = 0; i < gray.length; i++) data.fill(gray[i]!, 3 * i, 3 * i + 3);
  return data;
}

/** One line that says why a file could not be decoded. */
export function reasonOf(error: unknown): string {
  // Files are decoded from memory, which is nothing to those who read it.
  return messageOf(error).replace(/^Input buffer /, 'Input file ');
}
