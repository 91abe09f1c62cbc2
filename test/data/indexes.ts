/** Indexes of images that do not exist, for the tests of samplers. */
import { type ImageIndex, IndexBuilder } from '../../src/data/index/image-index.js';

/** `counts[c]` images of class c, class after class. */
export function indexWith(counts: readonly number[]): ImageIndex {
  const builder = new IndexBuilder();
  counts.forEach((count, c) => {
    for (let i = 0; i < count; i++) builder.add(Buffer.from(`${c}/${i}.jpg`), c, 1);
  });
  return builder.build(
    '/data',
    counts.map((_, c) => `c${c}`),
  );
}

/** How often each of `size` values occurs. */
export function tally(values: Iterable<number>, size: number): number[] {
  const counts = new Array<number>(size).fill(0);
  for (const value of values) counts[value]!++;
  return counts;
}
