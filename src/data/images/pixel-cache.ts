/** Decoded images kept in memory, so that small data sets are decoded only once per run. */
import type { Pixels } from './preprocessing.js';

/** The memory of a cache, which threads share. */
export interface PixelCacheMemory {
  /** [images]: where an image begins, in units of `UNIT` from 1 on; 0: it is not there; −1: it is being written. */
  places: Int32Array;
  /** [2]: units taken, of which some may have found no room; whether an image has found none. */
  state: Int32Array;
  /** Width, height and pixels of image after image. */
  images: Uint8Array;
}

const UNIT = 8;
const [TAKEN, FULL] = [0, 1];
const HEADER = 8;
const WRITING = -1;
/** What `places` can count. */
const MOST_BYTES = UNIT * (2 ** 31 - 1);

/** @param bytes of pixels, at most; the system gives memory only for what is written. @returns null if that is none */
export function pixelCacheMemory(bytes: number, images: number): PixelCacheMemory | null {
  const room = Math.min(MOST_BYTES, Math.floor(bytes / UNIT) * UNIT);
  if (room <= 0) return null;
  return {
    places: new Int32Array(new SharedArrayBuffer(4 * images)),
    state: new Int32Array(new SharedArrayBuffer(8)),
    images: new Uint8Array(new SharedArrayBuffer(room)),
  };
}

/**
 * Keeps images until a number of bytes is reached and nothing after that: as an epoch visits
 * every image once, throwing old ones out for new ones would only lose hits.
 */
export class PixelCache {
  readonly #memory: PixelCacheMemory | null;

  /** @param memory of all threads that decode the same images; null: nothing is kept */
  constructor(memory: PixelCacheMemory | null) {
    this.#memory = memory;
  }

  /** Whether an image has found no room: from then on none is added. */
  get isFull(): boolean {
    return this.#memory === null || Atomics.load(this.#memory.state, FULL) !== 0;
  }

  /** The pixels, in the cache's own memory: not to be written. */
  get(image: number): Pixels | undefined {
    if (!this.#memory) return undefined;
    const { places, images } = this.#memory;
    const place = Atomics.load(places, image);
    if (place <= 0) return undefined;
    const start = (place - 1) * UNIT;
    const [width = 0, height = 0] = new Uint32Array(images.buffer, start, 2);
    const data = images.subarray(start + HEADER, start + HEADER + 3 * width * height);
    return { data, width, height };
  }

  /** Copies the pixels if there is room for them, and no thread has done or does it already. */
  add(image: number, { data, width, height }: Pixels): void {
    if (this.isFull) return;
    const { places, state, images } = this.#memory!;
    if (Atomics.compareExchange(places, image, 0, WRITING) !== 0) return;
    const units = Math.ceil((HEADER + data.length) / UNIT);
    const first = Atomics.add(state, TAKEN, units);
    const start = first * UNIT;
    if (start + units * UNIT > images.length) {
      Atomics.store(state, FULL, 1);
      return;
    }
    new Uint32Array(images.buffer, start, 2).set([width, height]);
    images.set(data, start + HEADER);
    Atomics.store(places, image, first + 1);
  }
}
