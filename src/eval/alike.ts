import { type ImageIndex, relativePath } from '../data/index/image-index.js';
import { matchNames } from '../data/index/unicode-forms.js';
import { ImageReader } from '../data/loader/image-reader.js';
import { alignment, type ImageList } from './score-set.js';

/** A test set before anything is scored. */
export interface Candidate extends ImageList {
  /** Null for a score file: it lists only what was decoded. */
  readonly index: ImageIndex | null;
}

export function candidateOf(source: string, index: ImageIndex): Candidate {
  const paths = Array.from({ length: index.count }, (_, i) => relativePath(index, i));
  return { source, classes: index.classes, paths, labels: index.labels, index };
}

/**
 * Whether two models will be tested on the same images of the same classes, told before anything is scored. An image
 * that only one of them has does not count if it cannot be decoded: it will be left out.
 *
 * @throws DataError if they differ in classes, images or labels
 */
export async function checkAlike(one: Candidate, other: Candidate): Promise<void> {
  const first = await withoutUndecodable(one, other);
  const second = await withoutUndecodable(other, one);
  alignment(second, first);
}

/** Without those images that `other` lacks, provided that none of them can be decoded. */
async function withoutUndecodable(set: Candidate, other: Candidate): Promise<ImageList> {
  const { places } = matchNames(set.paths, other.paths);
  const unknown = [...places.keys()].filter((i) => places[i] === null);
  for (const i of unknown) if (await decodes(set, i)) return set;
  const left = [...places.keys()].filter((i) => places[i] !== null);
  return {
    ...set,
    paths: left.map((i) => set.paths[i]!),
    labels: Int32Array.from(left, (i) => set.labels[i]!),
  };
}

async function decodes({ index }: Candidate, i: number): Promise<boolean> {
  if (!index) return true;
  const reader = new ImageReader(index);
  try {
    await (await reader.load(i)).decode({ resize: 1 });
    return true;
  } catch {
    return false;
  } finally {
    await reader.close();
  }
}
