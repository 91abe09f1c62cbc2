/**
 * The JPEGs that nearly all training images are, straight from the file's bytes: libjpeg-turbo decodes, at a reduced
 * scale where that is exact enough, and two passes of WebAssembly resize. Whatever is unusual is left to sharp, which
 * says what a valid image is (docs/decisions/jpeg.md).
 */
import { type FilterWeights, filterWeights } from './filter-weights.js';
import type { ChoosePart, ImagePart, Region } from './image-part.js';
import { type JpegHeader, readJpegHeader } from './jpeg-header.js';
import { storedRegion, upright, uprightSize } from './orientation.js';
import { changesNothing } from './plain-profile.js';
import type { InputTarget } from './preprocessing.js';
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

/** Times smaller than it was decoded. */
const MOST_SCALED = 32;

process.once('exit', () => {
  for (const { decoder } of idle.splice(0)) decoder.close();
});

/**
 * As `decodeImage`, of a file's contents.
 *
 * @param resize null: it keeps its size
 * @param bytes must not change meanwhile
 * @param choose what is wanted of it; whatever that is, its pixels are the same
 * @param borrow whether the caller will `release` the pixels
 * @returns null if this is for sharp to decode, or to refuse
 */
export async function decodeFastJpeg(
  bytes: Uint8Array,
  resize: number | null,
  maxPixels: number,
  { choose, borrow = false }: { choose?: ChoosePart; borrow?: boolean } = {},
): Promise<ImagePart | null> {
  const header = readJpegHeader(bytes);
  if (!header) return null;
  const { width, height, orientation } = header;
  const shrink = resize === null ? 1 : shrinkFactor(header, resize);
  if (width * height > maxPixels) return null;
  if (resize !== null && Math.min(width, height) > MOST_SCALED * shrink * resize) return null;
  // Rows and columns that do not fill a pixel are left out, as by libvips.
  const stored = { width: Math.floor(width / shrink), height: Math.floor(height / shrink) };
  const decoded = { width: Math.ceil(width / shrink), height: Math.ceil(height / shrink) };
  if (decoded.width * decoded.height > MOST_DECODED) return null;
  const target = resize === null ? stored : resizedSize(stored, resize);
  if (resize !== null && target.width * target.height > MAX_RESIZED_PIXELS) return null;
  const whole = uprightSize(target, orientation);
  const region = choose?.(whole) ?? { top: 0, left: 0, ...whole };
  const { top, left } = region;
  const wanted = storedRegion(region, orientation, target);
  const { profile, gray } = header;
  if (profile.length > 0 && !(await changesNothing(profile, gray))) return null;
  const bench = idle.pop() ?? open();
  if (!bench) return null;
  let borrowed = false;
  try {
    if (!agrees(header, bench.decoder.header(bytes))) return null;
    const data = await pixels(bench, bytes, { header, shrink, decoded, stored, target, wanted });
    if (!data) return null;
    const { width, height } = wanted;
    const place = { top, left, whole };
    if (orientation !== 1) return { ...upright({ data, width, height }, orientation), ...place };
    borrowed = borrow;
    if (!borrow) return { data: data.slice(), width, height, ...place };
    const write = (to: InputTarget): boolean => bench.resampler.normalize(data, width, to);
    return { data, width, height, ...place, write, release: once(() => giveBack(bench)) };
  } finally {
    if (!borrowed) giveBack(bench);
  }
}

function giveBack(bench: Bench): void {
  if (bench.decoder.failed || bench.resampler.bytes > MOST_KEPT) bench.decoder.close();
  else idle.push(bench);
}

/** Twice given back, it would be used by two. */
function once(work: () => void): () => void {
  let done = false;
  return () => {
    if (!done) work();
    done = true;
  };
}

/** What is to be done with a file; sizes as it is stored. */
interface Task {
  header: JpegHeader;
  /** At which 1 / shrink of its size it is decoded. */
  shrink: number;
  /** What that gives. */
  decoded: Size;
  /** What of it counts. */
  stored: Size;
  /** What that is resized to. */
  target: Size;
  /** The part of the target that is wanted. */
  wanted: Region;
}

/** `[wanted.height, wanted.width, 3]` in the resampler's memory; null if libjpeg-turbo has something to say about the file. */
async function pixels(
  { decoder, resampler }: Bench,
  bytes: Uint8Array,
  { header, shrink, decoded, stored, target, wanted }: Task,
): Promise<Uint8Array | null> {
  if (target.width === stored.width) {
    const { top, left, width } = wanted;
    const part = decodedPart(header, shrink, decoded, top, left, left + width);
    const data = resampler.source(part.height, part.width);
    return (await decoder.decode(bytes, shrink, part, data)) ? cut(data, part, wanted) : null;
  }
  const scale = Math.min(stored.width, stored.height) / Math.min(target.width, target.height);
  const down = filterWeights(stored.height, target.height, scale);
  const across = filterWeights(stored.width, target.width, scale);
  const [top] = sources(down, wanted.top, wanted.height);
  const [left, right] = sources(across, wanted.left, wanted.width);
  const part = decodedPart(header, shrink, decoded, top, left, Math.min(right, stored.width));
  const source = resampler.source(part.height, part.width);
  if (!(await decoder.decode(bytes, shrink, part, source))) return null;
  return resampler.resize(part, down, across, wanted);
}

/** The source pixels that pixels of the result take: the first, and the one after the last. */
function sources(
  weights: FilterWeights,
  first: number,
  count: number,
): [first: number, end: number] {
  return [weights.starts[first]!, weights.starts[first + count - 1]! + weights.taps];
}

/**
 * What is decoded for these columns, and all rows from `top` on: to the last one, so that all of the file is read, and a
 * damaged one is found damaged whatever is wanted of it. A progressive file is decoded whole.
 */
function decodedPart(
  { progressive, sampling }: JpegHeader,
  shrink: number,
  decoded: Size,
  top: number,
  left: number,
  right: number,
): Region {
  if (progressive) return { top: 0, left: 0, ...decoded };
  const block = Math.max(2, (8 * sampling[0]) / shrink);
  // Chroma of the outermost columns is interpolated with what is not there.
  const margin = sampling[0] > 1 ? block : 0;
  const from = Math.max(0, Math.floor((left - margin) / block) * block);
  const end = Math.min(decoded.width, right + margin);
  return { top, left: from, width: end - from, height: decoded.height - top };
}

/** A part of a part, in the same memory. */
function cut(data: Uint8Array, from: Region, wanted: Region): Uint8Array {
  const row = 3 * wanted.width;
  let at = 3 * ((wanted.top - from.top) * from.width + wanted.left - from.left);
  for (let y = 0; y < wanted.height; y++, at += 3 * from.width) {
    data.copyWithin(row * y, at, at + row);
  }
  return data.subarray(0, row * wanted.height);
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
