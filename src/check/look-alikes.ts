/** Which images of a data set are renderings of one picture: smaller, compressed more, in another format. */

import type { Pixels } from '../data/images/preprocessing.js';
import { DisjointSets } from './disjoint-sets.js';
import { type Hashes, orderByHash } from './duplicates.js';
import { bitsApart, type Fields, fieldsOf, looksAlike } from './picture-hash.js';

/** Renderings of one picture differ in no more bits than this; measured, see docs/data.md. */
const MOST_BITS = 10;
/**
 * Two hashes of which no part is the same are not compared: in up to `FEW` images, whose hashes have eight parts, all
 * that differ in seven bits and most that differ in more have one in common; beyond, of four parts, three bits.
 */
const FEW = 200_000;
/** Of hashes with a part in common, so many that follow in their order are compared with each. */
const WINDOW = 1000;
/** An image that is like none of so many is not compared any more, pixel by pixel. */
const MOST_TRIES = 32;
/** Fields that are kept: 1.7 KiB each. */
const KEPT = 30_000;
/** Pixels of the shorter side to compare by. */
const SIDE = 64;

/**
 * Groups of images that look alike, each to at least one other of its group.
 *
 * @param looks of each image (`pictureHash`); both words 0: it is compared with none
 * @param pixels reads an image
 * @param groups those that belong together anyway
 * @returns `[count]`: the group of each image, which is the number of its first image; of one alone its own
 */
export async function lookAlikes(
  looks: Hashes,
  pixels: (image: number, side: number) => Promise<Pixels>,
  groups = new DisjointSets(looks.low.length),
): Promise<Uint32Array> {
  const tries = new Map<number, number>();
  const fields = new FieldCache(pixels);
  for (const [a, b] of candidates(looks)) {
    if (groups.of(a) === groups.of(b)) continue;
    const tried = (tries.get(a) ?? 0) + 1;
    if (tried > MOST_TRIES) continue;
    tries.set(a, tried);
    const [one, other] = [await fields.of(a), await fields.of(b)];
    if (one && other && looksAlike(one, other)) groups.join(a, b);
  }
  return groups.all();
}

/** Pairs of images whose hashes are nearly the same, some of them several times. */
export function* candidates(looks: Hashes): Generator<[number, number]> {
  const { high, low } = looks;
  const order = orderByHash(looks).filter((image) => high[image] !== 0 || low[image] !== 0);
  const bits = order.length <= FEW ? 8 : 16;
  for (let part = 0; part < 64 / bits; part++) {
    const shift = (part * bits) % 32;
    const words = part * bits < 32 ? low : high;
    const partOf = (image: number): number => (words[image]! >>> shift) & (2 ** bits - 1);
    const sorted = byPart(order, partOf, bits);
    for (let i = 0; i < sorted.length; i++) {
      const a = sorted[i]!;
      const end = Math.min(sorted.length, i + 1 + WINDOW);
      for (let j = i + 1; j < end && partOf(sorted[j]!) === partOf(a); j++) {
        const b = sorted[j]!;
        if (bitsApart(high[a]! ^ high[b]!, low[a]! ^ low[b]!) <= MOST_BITS) yield [a, b];
      }
    }
  }
}

/** A counting sort that leaves equal ones in their order. */
function byPart(order: Uint32Array, partOf: (image: number) => number, bits: number): Uint32Array {
  const starts = new Uint32Array(2 ** bits + 1);
  for (const image of order) starts[partOf(image) + 1]!++;
  for (let d = 0; d < 2 ** bits; d++) starts[d + 1]! += starts[d]!;
  const sorted = new Uint32Array(order.length);
  for (const image of order) sorted[starts[partOf(image)]!++] = image;
  return sorted;
}

/** Reads fields once while there is room. */
class FieldCache {
  private readonly kept = new Map<number, Fields | null>();

  constructor(private readonly pixels: (image: number, side: number) => Promise<Pixels>) {}

  /** @returns null for an image that cannot be decoded */
  async of(image: number): Promise<Fields | null> {
    const known = this.kept.get(image);
    if (known !== undefined) return known;
    const found = await this.pixels(image, SIDE).then(fieldsOf, () => null);
    if (this.kept.size >= KEPT) this.kept.clear();
    this.kept.set(image, found);
    return found;
  }
}
