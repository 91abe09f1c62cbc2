/**
 * The JPEGs that nearly all training images are, straight from the file's bytes: libjpeg-turbo decodes, at a reduced
 * scale where that is exact enough, and two passes of WebAssembly resize. Whatever is unusual is left to sharp, which
 * says what a valid image is (docs/decisions/jpeg.md).
 */
import { filterWeights } from './filter-weights.js';
import { type JpegHeader, readJpegHeader } from './jpeg-header.js';
import { upright } from './orientation.js';
import type { Kernel, Pixels } from './preprocessing.js';
import { Resampler } from './resampler.js';
import { MAX_RESIZED_PIXELS, resizedSize, type Size } from './resized-size.js';
import { shrinkFactor } from './shrink-on-load.js';
import { type Header, JpegDecoder } from './turbojpeg.js';

/** What one image in work needs; of each thread there are as many as it decodes at once. */
interface Bench {
  decoder: JpegDecoder;
  resampler: Resampler;
}

/** Benches that nobody uses. */
const idle: Bench[] = [];
/** Larger ones are not kept. */
const MOST_KEPT = 2 ** 25;
/** Pixels of an image at the scale at which it is decoded: sharp decodes larger ones in strips. */
const MOST_DECODED = 2 ** 23;

process.once('exit', () => {
  for (const { decoder } of idle.splice(0)) decoder.close();
});

/**
 * As `decodeImage`, of a file's contents.
 *
 * @param bytes must not change meanwhile
 * @returns null if this is for sharp to decode, or to refuse
 */
export async function decodeFastJpeg(
  bytes: Uint8Array,
  resize: number,
  kernel: Kernel,
  maxPixels: number,
): Promise<Pixels | null> {
  const header = readJpegHeader(bytes);
  if (!header || header.profile.length > 0) return null;
  const { width, height, orientation } = header;
  const shrink = shrinkFactor(header, resize);
  if (shrink === null || width * height > maxPixels) return null;
  // Rows and columns that do not fill a pixel are left out, as by libvips.
  const stored = { width: Math.floor(width / shrink), height: Math.floor(height / shrink) };
  const decoded = { width: Math.ceil(width / shrink), height: Math.ceil(height / shrink) };
  if (decoded.width * decoded.height > MOST_DECODED) return null;
  const target = resizedSize(stored, resize);
  if (target.width * target.height > MAX_RESIZED_PIXELS) return null;
  const same = target.width === stored.width;
  if (!same && kernel !== 'lanczos3') return null;
  const decoder = idle.pop() ?? open();
  if (!decoder) return null;
  try {
    if (!agrees(header, decoder.decoder.header(bytes))) return null;
    const data = same
      ? await whole(decoder, bytes, shrink, decoded, stored)
      : await resized(decoder, bytes, shrink, decoded, stored, target);
    return data && upright({ data, ...target }, orientation);
  } finally {
    if (decoder.resampler.bytes > MOST_KEPT) decoder.decoder.close();
    else idle.push(decoder);
  }
}

function open(): Bench | null {
  const decoder = JpegDecoder.open();
  return decoder && { decoder, resampler: new Resampler() };
}

/** TJSAMP of the sampling factors. */
const SUBSAMPLING = new Map([
  ['1,1', 0],
  ['2,1', 1],
  ['2,2', 2],
]);
const [LUMA_AND_CHROMA, GRAY] = [1, 2];
const GRAY_SUBSAMPLING = 3;

/** Whether the library reads the header as it is read here. */
function agrees(ours: JpegHeader, theirs: Header | null): boolean {
  if (!theirs || theirs.lossless || theirs.arithmetic || theirs.precision !== 8) return false;
  const { gray, sampling } = ours;
  return (
    theirs.width === ours.width &&
    theirs.height === ours.height &&
    theirs.colorspace === (gray ? GRAY : LUMA_AND_CHROMA) &&
    theirs.subsampling === (gray ? GRAY_SUBSAMPLING : SUBSAMPLING.get(sampling.join()))
  );
}

/** `[stored.height, stored.width, 3]`: nothing is resized. */
async function whole(
  { decoder }: Bench,
  bytes: Uint8Array,
  shrink: number,
  decoded: Size,
  stored: Size,
): Promise<Uint8Array | null> {
  const data = new Uint8Array(3 * decoded.width * decoded.height);
  if (!(await decoder.decode(bytes, shrink, null, data))) return null;
  const row = 3 * stored.width;
  if (decoded.width > stored.width) {
    for (let y = 1; y < stored.height; y++) {
      const from = 3 * decoded.width * y;
      data.copyWithin(row * y, from, from + row);
    }
  }
  return data.subarray(0, row * stored.height);
}

async function resized(
  { decoder, resampler }: Bench,
  bytes: Uint8Array,
  shrink: number,
  decoded: Size,
  stored: Size,
  target: Size,
): Promise<Uint8Array | null> {
  const source = resampler.source(decoded.height, decoded.width);
  if (!(await decoder.decode(bytes, shrink, null, source))) return null;
  const scale = Math.min(stored.width, stored.height) / Math.min(target.width, target.height);
  const { width, height } = target;
  const down = filterWeights(stored.height, height, scale);
  const across = filterWeights(stored.width, width, scale);
  return resampler.resize(decoded.height, decoded.width, down, across);
}
