/** Decoded images kept in memory, so that small data sets are decoded only once per run. */
import type { Pixels } from './preprocessing.js';

/**
 * Keeps images until a number of bytes is reached and nothing after that: as an epoch visits
 * every image once, throwing old ones out for new ones would only lose hits.
 */
export class PixelCache {
  #images = new Map<number, Pixels>();
  #room: number;

  constructor(bytes: number) {
    this.#room = bytes;
  }

  get(image: number): Pixels | undefined {
    return this.#images.get(image);
  }

  /** Copies the pixels if there is room for them. */
  add(image: number, pixels: Pixels): void {
    if (pixels.data.length > this.#room || this.#images.has(image)) return;
    this.#room -= pixels.data.length;
    this.#images.set(image, { ...pixels, data: Uint8Array.from(pixels.data) });
  }
}
