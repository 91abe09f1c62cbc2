/**
 * Reproducible random numbers addressed by a key instead of by a state that has to be saved.
 *
 * `new Random(seed, 'images', 3, 12)` is always the same stream, and streams of different keys are
 * independent, so a run that is resumed at step n asks for the keys of step n and needs no
 * generator state in its checkpoint.
 *
 * Generator: sfc32 (Chris Doty-Humphrey, PractRand; public domain), a chaotic counter generator
 * with 96 bits of state and a 32-bit counter: every stream has a period of at least 2^32.
 * Seeding: its three state words are MurmurHash3_x86_32 of the key under three fixed hash seeds,
 * the counter starts at 1 and the first 12 outputs are thrown away, as PractRand does.
 * Results are the same on every platform: integer arithmetic, and `Math.log/cos/sin` in `normal()`
 * only (those may differ in the last bit between versions of V8).
 */
import { keyWords, murmur3 } from './hash.js';

const TWO_32 = 4294967296;

export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;
  #spare: number | null = null;

  /** @param key what the stream is for, e.g. `(seed, 'dropout', layer, step)`; order matters */
  constructor(...key: (number | string)[]) {
    const words = keyWords(key);
    this.#a = murmur3(words, 0x9e3779b9) | 0;
    this.#b = murmur3(words, 0x243f6a88) | 0;
    this.#c = murmur3(words, 0xb7e15162) | 0;
    for (let i = 0; i < 12; i++) this.uint32();
  }

  /** The next 32 random bits, an integer in [0, 2^32). */
  uint32(): number {
    const c = this.#c;
    const t = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (c + (c << 3)) | 0;
    this.#c = (((c << 21) | (c >>> 11)) + t) | 0;
    return t >>> 0;
  }

  /** Uniform in [0, 1), a multiple of 2^-32. Consumes one output. */
  next(): number {
    return this.uint32() / TWO_32;
  }

  /** Uniform integer in [0, n), exactly (by rejection), for integers 1 ≤ n ≤ 2^32. */
  int(n: number): number {
    if (!(Number.isInteger(n) && n >= 1 && n <= TWO_32)) {
      throw new RangeError(`Random.int(${n}): n must be an integer from 1 to 2^32`);
    }
    const limit = TWO_32 - remainder(TWO_32, n);
    let value = this.uint32();
    while (value >= limit) value = this.uint32();
    return remainder(value, n);
  }

  /** Standard normal, by Box–Muller; |value| ≤ 6.7. Consumes two outputs every second call. */
  normal(): number {
    if (this.#spare !== null) {
      const value = this.#spare;
      this.#spare = null;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log((this.uint32() + 1) / TWO_32));
    const angle = 2 * Math.PI * this.next();
    this.#spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }
}

/** `value % n`, several times faster where values do not fit 31 bits; exact for integers up to 2^32. */
function remainder(value: number, n: number): number {
  return value - Math.floor(value / n) * n;
}

/** A uniform random permutation of 0 … n−1 (Fisher–Yates). The caller owns the array. */
export function permutation(n: number, random: Random): Int32Array {
  const order = new Int32Array(n);
  for (let i = 0; i < n; i++) order[i] = i;
  shuffle(order, random);
  return order;
}

/** Puts values into a uniform random order, in place (Fisher–Yates). */
export function shuffle(values: Int32Array, random: Random): void {
  for (let i = values.length - 1; i > 0; i--) {
    const j = random.int(i + 1);
    const value = values[i]!;
    values[i] = values[j]!;
    values[j] = value;
  }
}

/**
 * Beta(alpha, alpha) in [0, 1], as x / (x + y) of two gamma variates, in logarithms: for a small alpha both would
 * vanish.
 */
export function symmetricBeta(alpha: number, random: Random): number {
  const x = logGamma(alpha, random);
  const y = logGamma(alpha, random);
  return 1 / (1 + Math.exp(y - x));
}

/** The logarithm of a Gamma(alpha, 1) variate (Marsaglia and Tsang 2000), for alpha < 1 from that of alpha + 1. */
function logGamma(alpha: number, random: Random): number {
  if (alpha < 1) {
    const u = (random.uint32() + 1) / TWO_32;
    return logGamma(alpha + 1, random) + Math.log(u) / alpha;
  }
  const d = alpha - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = random.normal();
    const v = (1 + c * x) ** 3;
    const u = (random.uint32() + 1) / TWO_32;
    if (v > 0 && Math.log(u) < x * x * 0.5 + d * (1 - v + Math.log(v))) return Math.log(d * v);
  }
}
