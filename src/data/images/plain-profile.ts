/**
 * Colour profiles that change nothing. Most photographs with a profile have one of sRGB, and converting from sRGB to
 * sRGB leaves all pixels as they are; whether it does is not read out of the profile but tried, by the converter itself.
 */
import { createHash } from 'node:crypto';
import sharp from 'sharp';

/** Side of the picture that is tried: of color each of its pixels is another. */
const SIDE = 256;
/** Profiles that are remembered; a data set has few. */
const MOST_KNOWN = 256;
const known = new Map<string, Promise<boolean>>();

/**
 * Whether sharp gives the same pixels of a JPEG with this profile as without it.
 *
 * @param segments of the file that hold the profile
 * @param gray whether the file is grayscale
 */
export function changesNothing(segments: readonly Uint8Array[], gray: boolean): Promise<boolean> {
  const hash = createHash('sha256').update(gray ? 'gray' : 'color');
  for (const segment of segments) hash.update(segment);
  const key = hash.digest('base64');
  let answer = known.get(key);
  if (!answer) {
    if (known.size === MOST_KNOWN) known.clear();
    answer = tried(segments, gray);
    known.set(key, answer);
  }
  return answer;
}

async function tried(segments: readonly Uint8Array[], gray: boolean): Promise<boolean> {
  const plain = await trial(gray);
  const tagged = Buffer.concat([plain.subarray(0, 2), ...segments, plain.subarray(2)]);
  const pixels = (jpeg: Buffer): Promise<Buffer> =>
    sharp(jpeg, { failOn: 'truncated' }).toColourspace('srgb').raw().toBuffer();
  try {
    const [with_, without] = await Promise.all([pixels(tagged), pixels(plain)]);
    return with_.equals(without);
  } catch {
    return false; // for sharp to say
  }
}

const trials = new Map<boolean, Promise<Buffer>>();

/** A JPEG of 65,536 colours, or of all 256 levels of gray. */
function trial(gray: boolean): Promise<Buffer> {
  let jpeg = trials.get(gray);
  if (!jpeg) {
    const values = Uint8Array.from({ length: 3 * SIDE * SIDE }, (_, i) => {
      const [x, y] = [Math.floor(i / 3) % SIDE, Math.floor(i / 3 / SIDE)];
      return gray ? x : [x, y, (x & 15) * 16 + (y & 15)][i % 3]!;
    });
    jpeg = sharp(values, { raw: { width: SIDE, height: SIDE, channels: 3 } })
      .toColourspace(gray ? 'b-w' : 'srgb')
      .jpeg({ quality: 100, chromaSubsampling: '4:4:4' })
      .toBuffer();
    trials.set(gray, jpeg);
  }
  return jpeg;
}
