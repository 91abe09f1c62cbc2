/** Decodes the images of batch after batch into shared buffers; runs inside a worker thread. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { inputRegion, writeAugmented } from '../augment/augmented-input.js';
import { chooseMix, mixInto, partnerOf } from '../augment/mixing.js';
import { reasonOf } from '../images/decode.js';
import { type ChoosePart, type ImagePart, wholeImage } from '../images/image-part.js';
import { PixelCache } from '../images/pixel-cache.js';
import { cropSize } from '../images/preprocessing.js';
import { substitute } from '../index/class-lists.js';
import { createSampler, type Sampler } from '../sampling/sampler.js';
import { ImageReader } from './image-reader.js';
import {
  type Failure,
  type FromWorker,
  firstPosition,
  imagesIn,
  type WorkerSetup,
} from './worker-protocol.js';

/** Milliseconds. */
const LISTEN_EVERY = 10;

/** A batch that is being filled. */
interface Work {
  batch: number;
  buffer: number;
  size: number;
  /** Images outside of the batch that some inside are mixed with. */
  guests: Guest[];
  /** Images and guests handed to a lane, and those finished. */
  begun: number;
  done: number;
  failures: Failure[];
  /** Images whose files are not as the index says. */
  changed: number[];
}

/** An image that is prepared only to be mixed into others. */
interface Guest {
  position: number;
  /** [1, h, w, 3] */
  images: Float32Array;
  labels: Int32Array;
  indices: Int32Array;
}

/**
 * `lanes` loops take one image after the other; a batch is reported when its last image is done.
 * Which lane does what, and when, has no influence on the contents of a batch.
 */
export class BatchFiller {
  readonly #setup: WorkerSetup;
  readonly #send: (message: FromWorker) => void;
  readonly #sampler: Sampler;
  readonly #reader: ImageReader;
  readonly #cache: PixelCache;
  /** Images known to be undecodable, and why. */
  readonly #bad = new Map<number, string>();
  readonly #free: number[];
  #waiting: (() => void)[] = [];
  #next: number;
  #work: Work | null = null;
  #closed = false;
  /** When messages were last let in. */
  #listened = performance.now();

  constructor(setup: WorkerSetup, send: (message: FromWorker) => void) {
    this.#setup = setup;
    this.#send = send;
    this.#sampler = createSampler(setup.sampler, setup.dataset, setup.lists);
    this.#reader = new ImageReader(setup.dataset, setup.preprocessing.maxPixels);
    this.#cache = new PixelCache(setup.cache);
    this.#free = setup.buffers.map((_, i) => i);
    this.#next = setup.first;
  }

  /** Resolves after the last batch, or after close() when nothing is being decoded any more. */
  async run(): Promise<void> {
    await Promise.all(Array.from({ length: this.#setup.lanes }, () => this.#lane()));
    await this.#reader.close();
  }

  release(buffer: number): void {
    this.#free.push(buffer);
    this.#wake();
  }

  close(): void {
    this.#closed = true;
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume();
  }

  async #lane(): Promise<void> {
    for (;;) {
      const taken = await this.#take();
      if (!taken) return;
      const { work, i } = taken;
      const { batch, buffer, size, guests, failures, changed } = work;
      await this.#fill(work, i);
      if (++work.done === size + guests.length) {
        this.#mix(work);
        this.#send({ kind: 'filled', batch, buffer, size, failures, changed });
      }
      await this.#listen();
    }
  }

  /** Decoding does not leave this thread: now and then it lets messages in. */
  async #listen(): Promise<void> {
    if (performance.now() - this.#listened < LISTEN_EVERY) return;
    await nextTurn();
    this.#listened = performance.now();
  }

  /** The next image, number `i` of a batch; waits for a free buffer. Null: no more work. */
  async #take(): Promise<{ work: Work; i: number } | null> {
    for (;;) {
      if (this.#closed) return null;
      const work = this.#work;
      if (work && work.begun < work.size + work.guests.length) return { work, i: work.begun++ };
      const size = imagesIn(this.#setup, this.#next);
      if (size === 0) return null;
      const buffer = this.#free.shift();
      if (buffer !== undefined) {
        this.#work = {
          batch: this.#next,
          buffer,
          size,
          guests: this.#guests(this.#next, size),
          begun: 0,
          done: 0,
          failures: [],
          changed: [],
        };
        this.#next += this.#setup.step;
      } else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #firstPosition(batch: number): number {
    return firstPosition(this.#setup, batch);
  }

  /** Decode image `i` of a batch into its buffer, or guest `i − size`. */
  async #fill(work: Work, i: number): Promise<void> {
    const { dataset, buffers, preprocessing, augment, seed } = this.#setup;
    const guest = work.guests[i - work.size];
    const to = guest ?? buffers[work.buffer]!;
    const at = guest ? 0 : i;
    const position = guest?.position ?? this.#firstPosition(work.batch) + i;
    const values = this.#values();
    const drawn = this.#sampler.at(position);
    const choose: ChoosePart = (size) => inputRegion(size, preprocessing, augment, seed, position);
    const { image, pixels } = await this.#decode(drawn, work, choose);
    if (pixels) {
      try {
        writeAugmented(to.images, at * values, pixels, preprocessing, augment, seed, position);
      } finally {
        pixels.release?.();
      }
    } else to.images.fill(0, at * values, (at + 1) * values);
    to.labels[at] = pixels ? dataset.labels[image]! : -1;
    to.indices[at] = image;
  }

  /** Values of one image. */
  #values(): number {
    const [height, width] = cropSize(this.#setup.preprocessing);
    return height * width * 3;
  }

  /** The images outside of a batch that are mixed into it. */
  #guests(batch: number, size: number): Guest[] {
    const { augment, preprocessing, seed } = this.#setup;
    const mixing = augment?.mixing;
    if (!mixing) return [];
    const first = this.#firstPosition(batch);
    return Array.from({ length: size }, (_, i) => first + i).flatMap((own) => {
      const position = partnerOf(own, mixing.distance);
      const inside = position >= first && position < first + size;
      if (inside || !chooseMix(cropSize(preprocessing), mixing, seed, own)) return [];
      const images = new Float32Array(this.#values());
      return [{ position, images, labels: new Int32Array(1), indices: new Int32Array(1) }];
    });
  }

  /** Mixes the pairs of a batch whose images and guests are there. */
  #mix({ batch, buffer: number, size, guests }: Work): void {
    const { augment, preprocessing, seed, buffers } = this.#setup;
    const buffer = buffers[number]!;
    const mixing = augment?.mixing;
    if (!mixing || !buffer.mixed) return;
    const { images, labels, indices, mixed } = buffer;
    const first = this.#firstPosition(batch);
    const crop = cropSize(preprocessing);
    const values = this.#values();
    const input = (i: number): Float32Array => images.subarray(i * values, (i + 1) * values);
    mixed.labels.set(labels);
    mixed.indices.set(indices);
    mixed.shares.fill(1);
    for (let i = 0; i < size; i++) {
      const mix = chooseMix(crop, mixing, seed, first + i);
      if (!mix) continue;
      const partner = partnerOf(first + i, mixing.distance);
      const guest = guests.find(({ position }) => position === partner);
      const other = partner - first;
      if (guest) mixInto(input(i), guest.images, mix, crop[1], false);
      else if (i < other) mixInto(input(i), input(other), mix, crop[1], true);
      mixed.labels[i] = guest ? guest.labels[0]! : labels[other]!;
      mixed.indices[i] = guest ? guest.indices[0]! : indices[other]!;
      mixed.shares[i] = mix.share;
    }
  }

  /** The drawn image, in training another one of its class if it is undecodable. */
  async #decode(
    drawn: number,
    { failures, changed }: Work,
    choose: ChoosePart,
  ): Promise<{ image: number; pixels: ImagePart | null }> {
    let image = drawn;
    for (let attempt = 1; ; attempt++) {
      const pixels = await this.#pixels(image, changed, choose);
      if (pixels) return { image, pixels };
      failures.push({ image, reason: this.#bad.get(image)! });
      const other = this.#setup.augment
        ? substitute(this.#setup.lists, this.#setup.dataset.labels, drawn, attempt)
        : -1;
      if (other < 0) return { image: drawn, pixels: null };
      image = other;
    }
  }

  /** @param choose what is wanted of the image; all of it is decoded while it can be kept */
  async #pixels(image: number, changed: number[], choose: ChoosePart): Promise<ImagePart | null> {
    if (this.#bad.has(image)) return null;
    const cached = this.#cache.get(image);
    if (cached) return wholeImage(cached);
    const { resize, resizing } = this.#setup.preprocessing;
    try {
      const loaded = await this.#reader.load(image);
      if (loaded.changed) changed.push(image);
      if (this.#cache.isFull)
        return await loaded.decode({ resize, resizing, choose, borrow: true });
      const pixels = await loaded.decode({ resize, resizing, borrow: true });
      this.#cache.add(image, pixels);
      return pixels;
    } catch (error) {
      this.#bad.set(image, reasonOf(error));
      return null;
    }
  }
}
