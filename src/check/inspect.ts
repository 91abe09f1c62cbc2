/** Everything that one image file tells about itself. */
import { createHash } from 'node:crypto';
import { extname } from 'node:path';
import sharp, { type Metadata } from 'sharp';
import { decodePart, reasonOf } from '../data/images/decode.js';
import { decodeFastJpeg } from '../data/images/fast-jpeg.js';
import { readImageFile } from '../data/images/image-file.js';
import { readJpegHeader } from '../data/images/jpeg-header.js';
import { withExifInFront } from '../data/images/late-exif.js';
import type { Pixels } from '../data/images/preprocessing.js';
import { MAX_RESIZED_PIXELS, type Size } from '../data/images/resized-size.js';
import { type FilePath, shown } from '../data/index/file-names.js';
import { MOST_BYTES, readRegularBytes } from '../regular-file.js';
import { bitOf, type KindName } from './kinds.js';
import { type PictureHash, pictureHash } from './picture-hash.js';

export interface Limits {
  /** Width times height of the largest image. */
  maxPixels: number;
  /** Shorter sides below this are small. */
  minSide: number;
}

export interface Inspection {
  /** Bits of `KINDS`. */
  findings: number;
  /** What is known beyond the kind: why it is undecodable, its size, its format. */
  reasons: [KindName, string][];
  /** The first 64 bits of the SHA-256 of the file's bytes. */
  hash: readonly [high: number, low: number];
  /** What the system says of the file; null if the image lies in a larger one. */
  state: { size: number; mtimeMs: number } | null;
  /** What it looks like; null if it cannot be told. */
  look: PictureHash | null;
}

/** Shorter side to decode to: what is damaged shows at any size, and a small one is twice as fast. */
const RESIZE = 64;
/** The paper's; whether an image of extreme proportions becomes too large for training depends on it. */
const TRAINED = 256;
const FORMATS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ['jpg', 'jpe', 'jif', 'jfif', 'jfi', 'pjpg', 'pjpeg'].map((name) => [name, 'jpeg']),
  ),
  apng: 'png',
  tif: 'tiff',
  avif: 'heif',
};

/**
 * Decodes an image exactly as training does, and looks at its header.
 *
 * @param contents of an image that lies in a larger file
 * @throws what the system says if the file cannot be read
 */
export async function inspect(
  path: FilePath,
  limits: Limits,
  contents?: Buffer,
): Promise<Inspection> {
  const file = contents ? { contents, name: null } : await readImageFile(path, 0);
  const state = 'state' in file ? file.state : null;
  const bytes =
    typeof file.contents === 'string' ? readRegularBytes(file.contents, MOST_BYTES) : file.contents;
  const digest = createHash('sha256').update(bytes).digest();
  const hash = [digest.readUInt32BE(0), digest.readUInt32BE(4)] as const;
  if (bytes.length === 0)
    return { findings: bitOf('zeroByte'), reasons: [], hash, state, look: null };
  let findings = 0;
  let look: PictureHash | null = null;
  const reasons: [KindName, string][] = [];
  const found = (kind: KindName, why?: string): void => {
    findings |= bitOf(kind);
    if (why !== undefined) reasons.push([kind, why]);
  };
  try {
    const { maxPixels, minSide } = limits;
    const usual = await usualJpeg(bytes, maxPixels);
    const meta =
      usual?.meta ??
      (await sharp(await withExifInFront(bytes), { limitInputPixels: false }).metadata());
    const { width, height, space, depth, hasAlpha, orientation, format } = meta;
    if (width * height > maxPixels) {
      found('tooLarge', `${width}x${height}, more than ${maxPixels} pixels`);
    } else if (tooLong(width, height)) {
      const limit = `more than ${MAX_RESIZED_PIXELS} pixels with a shorter side of ${TRAINED}`;
      found('undecodable', `${width}x${height} would be ${limit}`);
    } else {
      look = pictureHash(usual?.pixels ?? (await decodePart(file, { resize: RESIZE, maxPixels })));
    }
    const named = extname(shown(path)).slice(1).toLowerCase();
    if (named !== '' && format !== (FORMATS[named] ?? named))
      found('wrongExtension', `holds ${format}`);
    if (Math.min(width, height) < minSide) found('tooSmall', `${width}x${height}`);
    if (space === 'b-w' || space === 'grey16') found('grayscale');
    if (space === 'cmyk') found('cmyk');
    if (hasAlpha) found('alpha');
    if (depth === 'ushort') found('sixteenBit');
    if (orientation !== undefined && orientation >= 2 && orientation <= 8) {
      found('rotated', `EXIF orientation ${orientation}`);
    }
  } catch (error) {
    const why = looksLikeText(bytes) ? 'text, perhaps a web page' : once(reasonOf(error));
    found(isCut(bytes) ? 'truncated' : 'undecodable', why);
  }
  return { findings, reasons, hash, state, look };
}

/** What sharp would say of a JPEG that the fast decoder decodes, and its pixels; null if it is for sharp to say. */
async function usualJpeg(
  bytes: Buffer,
  maxPixels: number,
): Promise<{ meta: Partial<Metadata> & Size; pixels: Pixels } | null> {
  const header = readJpegHeader(bytes);
  if (!header || tooLong(header.width, header.height)) return null;
  const pixels = await decodeFastJpeg(bytes, RESIZE, maxPixels);
  if (!pixels) return null;
  const { width, height, gray, orientation } = header;
  const space = gray ? 'b-w' : 'srgb';
  return { meta: { width, height, space, orientation, format: 'jpeg' }, pixels };
}

const tooLong = (width: number, height: number): boolean => {
  const [short, long] = [Math.min(width, height), Math.max(width, height)];
  return TRAINED * Math.round((long * TRAINED) / short) > MAX_RESIZED_PIXELS;
};

/** The decoder says the same thing several times. */
const once = (reason: string): string => [...new Set(reason.split('; '))].join('; ');

/** Whether a file that cannot be decoded lacks its end; told by the marks that its format ends with. */
export function isCut(bytes: Buffer): boolean {
  const at = (text: string): boolean => bytes.subarray(0, text.length).equals(latin1(text));
  if (at('\xff\xd8\xff')) return !endsAsJpeg(bytes);
  if (at('\x89PNG\r\n\x1a\n')) return bytes.lastIndexOf(latin1('IEND')) < 0;
  if (at('RIFF') && bytes.length >= 12 && bytes.subarray(8, 12).equals(latin1('WEBP'))) {
    return bytes.length < bytes.readUInt32LE(4) + 8;
  }
  return false;
}

/** An end mark behind the last beginning of a scan: an embedded preview has one of its own before. */
function endsAsJpeg(bytes: Buffer): boolean {
  const scan = bytes.lastIndexOf(latin1('\xff\xda'));
  return scan >= 0 && bytes.lastIndexOf(latin1('\xff\xd9')) > scan;
}

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

const looksLikeText = (bytes: Buffer): boolean =>
  /^\s*(<|\{|[\w ,.:;-]{16})/.test(bytes.toString('latin1', 0, 64));
