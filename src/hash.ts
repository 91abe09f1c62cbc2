/**
 * MurmurHash3_x86_32 (Austin Appleby, public domain, SMHasher) over 32-bit blocks.
 *
 * Used to turn a key such as `(seed, 'images', class, pass)` into the start of a random stream.
 * Not a cryptographic hash.
 */

/** MurmurHash3_x86_32 of `words`, each one 4-byte little-endian block. Returns a uint32. */
export function murmur3(words: readonly number[], seed: number): number {
  let h = seed | 0;
  for (const word of words) {
    let k = Math.imul(word, 0xcc9e2d51);
    k = (k << 15) | (k >>> 17);
    h ^= Math.imul(k, 0x1b873593);
    h = (h << 13) | (h >>> 19);
    h = (Math.imul(h, 5) + 0xe6546b64) | 0;
  }
  h ^= words.length * 4;
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  h ^= h >>> 16;
  return h >>> 0;
}

const float = new Float64Array(1);
const halves = new Uint32Array(float.buffer);

/**
 * An injective encoding of a key as 32-bit words: a number is the tag 1 and the two halves of its
 * float64, a string is the tag 2, its length and its UTF-16 code units. So `['a', 'b']`, `['ab']`,
 * `[1]` and `['1']` all differ.
 */
export function keyWords(key: readonly (number | string)[]): number[] {
  const words: number[] = [];
  for (const part of key) {
    if (typeof part === 'number') {
      float[0] = part + 0; // −0 counts as 0
      words.push(1, halves[0]!, halves[1]!);
    } else {
      words.push(2, part.length);
      for (let i = 0; i < part.length; i++) words.push(part.charCodeAt(i));
    }
  }
  return words;
}
