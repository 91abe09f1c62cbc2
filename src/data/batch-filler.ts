/** Decodes the images of batch after batch into shared slots; runs inside a worker thread. */
import { chooseView } from './augment.js';
import { substitute } from './class-lists.js';
import { decodeImage, reasonOf } from './decode.js';
import { hasChanged } from './file-changes.js';
import { imageFile } from './image-index.js';
import { PixelCache } from './pixel-cache.js';
import { cropSize, type Pixels, writeInput } from './preprocessing.js';
import { batchSize, type Failure, type FromWorker, type WorkerSetup } from './protocol.js';
import { chooseRegion, resizeRegion } from './resized-crop.js';
import { createSampler, type Sampler } from './sampler.js';

/** A batch that is being filled. */
interface Work {
  batch: number;
  slot: number;
  size: number;
  /** Images handed to a lane, and images finished. */
  begun: number;
  done: number;
  failures: Failure[];
  /** Images whose files are not as the index says. */
  changed: number[];
}

/**
 * `lanes` loops take one image after the other; a batch is reported when its last image is done.
 * Which lane does what, and when, has no influence on the contents of a batch.
 */
export class BatchFiller {
  readonly #setup: WorkerSetup;
  readonly #send: (message: FromWorker) => void;
  readonly #sampler: Sampler;
  readonly #cache: PixelCache;
  /** Images known to be undecodable, and why. */
  readonly #bad = new Map<number, string>();
  readonly #free: number[];
  #waiting: (() => void)[] = [];
  #next: number;
  #work: Work | null = null;
  #closed = false;

  constructor(setup: WorkerSetup, send: (message: FromWorker) => void) {
    this.#setup = setup;
    this.#send = send;
    this.#sampler = createSampler(setup.sampler, setup.dataset, setup.lists);
    this.#cache = new PixelCache(setup.cacheBytes);
    this.#free = setup.slots.map((_, i) => i);
    this.#next = setup.first;
  }

  /** Resolves after the last batch, or after close() when nothing is being decoded any more. */
  async run(): Promise<void> {
    await Promise.all(Array.from({ length: this.#setup.lanes }, () => this.#lane()));
  }

  release(slot: number): void {
    this.#free.push(slot);
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
      const { begun: _, done: __, ...filled } = taken.work;
      await this.#fill(taken.work, taken.i);
      if (++taken.work.done === filled.size) this.#send({ kind: 'filled', ...filled });
    }
  }

  /** The next image, number `i` of a batch; waits for a free slot. Null: no more work. */
  async #take(): Promise<{ work: Work; i: number } | null> {
    for (;;) {
      if (this.#closed) return null;
      const work = this.#work;
      if (work && work.begun < work.size) return { work, i: work.begun++ };
      const size = batchSize(this.#setup, this.#next);
      if (size === 0) return null;
      const slot = this.#free.shift();
      if (slot !== undefined) {
        this.#work = {
          batch: this.#next,
          slot,
          size,
          begun: 0,
          done: 0,
          failures: [],
          changed: [],
        };
        this.#next += this.#setup.step;
      } else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Decode image `i` of a batch into its slot. */
  async #fill(work: Work, i: number): Promise<void> {
    const { dataset, start, slot: perBatch, slots, preprocessing, augment, seed } = this.#setup;
    const slot = slots[work.slot]!;
    const size = cropSize(preprocessing);
    const values = size[0] * size[1] * 3;
    const position = start + work.batch * perBatch + i;
    const drawn = this.#sampler.at(position);
    const { image, pixels } = await this.#decode(drawn, work);
    if (pixels) {
      const source = augment?.resizedCrop
        ? resizeRegion(pixels, chooseRegion(pixels, augment.resizedCrop, seed, position), size)
        : pixels;
      const view = chooseView(source, size, augment, seed, position);
      writeInput(slot.images, i * values, source, view, size, preprocessing);
    } else slot.images.fill(0, i * values, (i + 1) * values);
    slot.labels[i] = pixels ? dataset.labels[image]! : -1;
    slot.indices[i] = image;
  }

  /** The drawn image, in training another one of its class if it is undecodable. */
  async #decode(
    drawn: number,
    { failures, changed }: Work,
  ): Promise<{ image: number; pixels: Pixels | null }> {
    let image = drawn;
    for (let attempt = 1; ; attempt++) {
      const pixels = await this.#pixels(image, changed);
      if (pixels) return { image, pixels };
      failures.push({ image, reason: this.#bad.get(image)! });
      const other = this.#setup.augment
        ? substitute(this.#setup.lists, this.#setup.dataset.labels, drawn, attempt)
        : -1;
      if (other < 0) return { image: drawn, pixels: null };
      image = other;
    }
  }

  async #pixels(image: number, changed: number[]): Promise<Pixels | null> {
    if (this.#bad.has(image)) return null;
    const cached = this.#cache.get(image);
    if (cached) return cached;
    const { dataset, preprocessing } = this.#setup;
    if (await hasChanged(dataset, image)) changed.push(image);
    try {
      const { resize, kernel, maxPixels } = preprocessing;
      const pixels = await decodeImage(imageFile(dataset, image), resize, kernel, maxPixels);
      this.#cache.add(image, pixels);
      return pixels;
    } catch (error) {
      this.#bad.set(image, reasonOf(error));
      return null;
    }
  }
}
