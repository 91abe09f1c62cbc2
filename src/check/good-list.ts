/** The list of a part's images without a problem, in the format that `data.train` and `data.val` take. */
import type { ImageIndex } from '../data/index/image-index.js';
import { bitOf, PROBLEMS } from './kinds.js';

export interface GoodList {
  /** Lines, `path<tab>class`, as bytes: names need not be UTF-8. */
  pieces: Iterable<Uint8Array>;
  /** Images in it. */
  images: number;
  /** Images without a problem whose names do not fit into a list. */
  unfit: number;
}

const PIECE = 1 << 20;

/**
 * @param prefix from the data root to where the paths of the index begin, '' or with a slash at its end
 * @param keepShared whether images stay in that have a copy, or one that looks alike, in another part: where they are left out of one part,
 *   they may stay in the other
 */
export function goodList(
  index: ImageIndex,
  prefix: string,
  findings: Uint32Array,
  keepShared: boolean,
): GoodList {
  const bad = keepShared
    ? PROBLEMS & ~(bitOf('inSeveralParts') | bitOf('alikeInSeveralParts'))
    : PROBLEMS;
  const classes = index.classes.map((name) =>
    fits(name) && !name.includes('\t') ? Buffer.from(`\t${name}\n`) : null,
  );
  const line = (i: number): Buffer | null => {
    const bytes = index.pathBytes.subarray(index.pathOffsets[i], index.pathOffsets[i + 1]);
    const label = classes[index.labels[i]!]!;
    const path = Buffer.concat([Buffer.from(prefix), bytes]);
    return label && fits(path.toString('latin1')) ? Buffer.concat([path, label]) : null;
  };
  const counts = { images: 0, unfit: 0 };
  for (let i = 0; i < index.count; i++) {
    if ((findings[i]! & bad) === 0) counts[line(i) ? 'images' : 'unfit']++;
  }
  function* pieces(): Generator<Uint8Array> {
    let lines: Buffer[] = [];
    let bytes = 0;
    for (let i = 0; i < index.count; i++) {
      const one = (findings[i]! & bad) === 0 ? line(i) : null;
      if (!one) continue;
      lines.push(one);
      bytes += one.length;
      if (bytes < PIECE) continue;
      yield Buffer.concat(lines);
      [lines, bytes] = [[], 0];
    }
    yield Buffer.concat(lines);
  }
  return { pieces: pieces(), ...counts };
}

/** A list has one line per image, and takes blanks off the ends of its fields. */
const fits = (name: string): boolean => !/[\r\n]|^[ \t]|[ \t]$/.test(name);
