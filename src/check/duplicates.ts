/** Which images are copies of each other, by the hashes of their bytes. */
import { bitOf, UNREAD } from './kinds.js';

/** Where an image belongs. */
export interface Places {
  /** [count]: part of the data set. */
  parts: Uint8Array;
  /** [count]: class, numbered over all parts by name. */
  classes: Int32Array;
}

export interface Hashes {
  high: Uint32Array;
  low: Uint32Array;
}

/** Groups of images with the same hash. */
export interface DuplicateFacts {
  groups: number;
  /** Images in these groups. */
  images: number;
}

const DIGIT = 1 << 16;

/**
 * Image numbers ordered by hash, those of the same hash by number: a radix sort over digits of 16 bits, which is
 * linear and takes 8 bytes per image.
 */
export function orderByHash({ high, low }: Hashes): Uint32Array {
  let from = Uint32Array.from({ length: low.length }, (_, i) => i);
  let to = new Uint32Array(low.length);
  const starts = new Uint32Array(DIGIT + 1);
  for (const [words, shift] of [
    [low, 0],
    [low, 16],
    [high, 0],
    [high, 16],
  ] as const) {
    starts.fill(0);
    for (const word of words) starts[((word >>> shift) & 0xffff) + 1]!++;
    for (let d = 0; d < DIGIT; d++) starts[d + 1]! += starts[d]!;
    for (const i of from) to[starts[(words[i]! >>> shift) & 0xffff]!++] = i;
    [from, to] = [to, from];
  }
  return from;
}

/**
 * Marks copies in `findings`. Of copies within a class of a part all but the first are 'duplicate'; all copies that
 * lie in several classes are 'conflictingLabels', all that lie in several parts 'inSeveralParts'.
 *
 * @param twinOf told of an image with a finding and the copy that is the reason for it
 */
export function markDuplicates(
  findings: Uint32Array,
  hashes: Hashes,
  { parts, classes }: Places,
  twinOf: (image: number, twin: number) => void,
): DuplicateFacts {
  const order = orderByHash(hashes);
  const { high, low } = hashes;
  const facts = { groups: 0, images: 0 };
  const same = (a: number, b: number): boolean => high[a] === high[b] && low[a] === low[b];
  for (let start = 0, end = 0; start < order.length; start = end) {
    while (end < order.length && same(order[start]!, order[end]!)) end++;
    if (end - start < 2 || (findings[order[start]!]! & ALONE) !== 0) continue;
    facts.groups++;
    facts.images += end - start;
    markGroup(order.subarray(start, end));
  }
  return facts;

  function markGroup(group: Uint32Array): void {
    const first = group[0]!;
    const otherClass = group.find((i) => classes[i] !== classes[first]);
    const otherPart = group.find((i) => parts[i] !== parts[first]);
    const seen = new Map<number, number>();
    for (const image of group) {
      let bits = 0;
      let twin: number | undefined;
      if (otherClass !== undefined) {
        bits |= bitOf('conflictingLabels');
        twin ??= classes[image] === classes[first] ? otherClass : first;
      }
      if (otherPart !== undefined) {
        bits |= bitOf('inSeveralParts');
        twin ??= parts[image] === parts[first] ? otherPart : first;
      }
      const place = classes[image]! * 256 + parts[image]!;
      const earlier = seen.get(place);
      if (earlier === undefined) seen.set(place, image);
      else {
        bits |= bitOf('duplicate');
        twin ??= earlier;
      }
      if (bits === 0) continue;
      findings[image]! |= bits;
      if (twin !== undefined) twinOf(image, twin);
    }
  }
}

/**
 * Marks images that look like others without being copies of them, in `findings`: all of a group that lies in several
 * parts are 'alikeInSeveralParts', else all but the first 'lookAlike'.
 *
 * @param groups see `lookAlikes`
 * @param twinOf told of an image with a finding and the one that it looks like
 */
export function markLookAlikes(
  findings: Uint32Array,
  { high, low }: Hashes,
  parts: Uint8Array,
  groups: Uint32Array,
  twinOf: (image: number, twin: number) => void,
): void {
  const members = new Map<number, number[]>();
  for (const [image, first] of groups.entries()) {
    if (image === first) continue;
    const group = members.get(first) ?? [first];
    group.push(image);
    members.set(first, group);
  }
  const isCopy = (a: number, b: number): boolean => high[a] === high[b] && low[a] === low[b];
  for (const group of members.values()) {
    for (const [at, image] of group.entries()) {
      const others = group.filter((other) => !isCopy(image, other));
      const elsewhere = others.find((other) => parts[other] !== parts[image]);
      const earlier = group.slice(0, at);
      const isNew = !earlier.some((other) => isCopy(image, other));
      const before = isNew ? earlier.find((other) => parts[other] === parts[image]) : undefined;
      if (elsewhere !== undefined) findings[image]! |= bitOf('alikeInSeveralParts');
      else if (before !== undefined) findings[image]! |= bitOf('lookAlike');
      const twin = elsewhere ?? before;
      if (twin !== undefined) twinOf(image, twin);
    }
  }
}

/** What cannot be read has no contents to compare. */
const ALONE = bitOf('zeroByte') | UNREAD;
