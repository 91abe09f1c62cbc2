import sharp from 'sharp';
import { classCounts, type ImageIndex, imagePath } from '../data/index/image-index.js';
import { hasMembers } from '../data/index/members.js';
import { MemberReader } from '../data/loader/member-reader.js';
import { DataError } from '../errors.js';
import { permutation, Random } from '../random.js';
import { messageOf } from '../system-error.js';

/** What a data set is like. */
export interface Survey {
  /** Classes from the largest to the smallest, those without images left out. */
  classes: readonly { name: string; images: number }[];
  images: number;
  /** Shorter sides in pixels of the images looked at, ascending. */
  shorterSides: readonly number[];
  /** Of the images looked at, those whose size could not be read: the first one's path and reason. */
  unreadable: { count: number; first: string | null };
}

/** Enough for quantiles that decide between sizes a factor of two apart. */
const SAMPLE = 300;
const AT_A_TIME = 8;

/**
 * Counts classes and images, and reads the sizes of a sample of the images.
 *
 * @throws DataError if none of the sample can be read, or there are fewer than two classes
 */
export async function survey(index: ImageIndex): Promise<Survey> {
  const counts = classCounts(index);
  const classes = index.classes
    .map((name, label) => ({ name, images: counts[label]! }))
    .filter(({ images }) => images > 0)
    .sort((a, b) => b.images - a.images);
  if (classes.length < 2) {
    throw new DataError(
      `${index.root}: images in one class only ("${classes[0]?.name}"); a classifier needs at least two`,
      'the layout is <folder>/<class>/<image>.jpg, one folder per class',
    );
  }
  const order = permutation(index.count, new Random(1, 'survey')).slice(0, SAMPLE);
  const sides: number[] = [];
  const problems: string[] = [];
  const queue = [...order];
  const members = hasMembers(index) ? new MemberReader(index) : null;
  const worker = async (): Promise<void> => {
    for (let i = queue.pop(); i !== undefined; i = queue.pop()) {
      try {
        const source = members ? await members.bytes(i) : imagePath(index, i);
        const { width, height } = await sharp(source).metadata();
        sides.push(Math.min(width, height));
      } catch (error) {
        problems.push(`${imagePath(index, i)}: ${messageOf(error)}`);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
  await members?.close();
  if (sides.length === 0) {
    throw new DataError(
      `${index.root}: none of ${problems.length} images looked at can be read; the first: ${problems[0]}`,
      'are these images?',
    );
  }
  return {
    classes,
    images: index.count,
    shorterSides: sides.sort((a, b) => a - b),
    unreadable: { count: problems.length, first: problems[0] ?? null },
  };
}

/** The value below which that share of the sorted values lies. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
}
