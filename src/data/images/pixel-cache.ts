/** Decoded images kept in memory, so that small data sets are decoded only once per run. */
import type { Pixels } from './preprocessing.js';

/**
 * Keeps images until a number of bytes is reached and nothing after that: as an epoch visits
 * every image once, throwing old ones out for new ones would only lose hits.
 */
export class PixelCache {
  #images = new Map<number, Pixels>();
  #room: number;
  #isFull = false;

  constructor(bytes: number) {
    this.#room = bytes;
  }

  /** Whether an image has found no room: from then on none is added. */
  get isFull(): boolean {
    return this.#isFull;
  }

  get(image: number): Pixels | undefined {
    return this.#images.get(image);
  }

  /** Copies the pixels if there is room for them. */
  add(image: number, pixels: Pixels): void {
    if (this.#isFull || this.#images.has(image)) return;
    const { data, width, height } = pixels;
    this.#isFull = data.length > this.#room;
    if (this.#isFull) return;
    this.#room -= data.length;
    this.#images.set(image, { data: Uint8Array.from(data), width, height });
  }
}
