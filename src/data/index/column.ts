/** A column of numbers that grows without ever being copied as a whole. */

type Numbers = Uint8Array | Uint32Array | Int32Array | Float64Array;

/** Numbers in chunks; a chunk is let go as soon as it has been moved to where the column ends up. */
export class Column<T extends Numbers> {
  readonly #make: (length: number) => T;
  readonly #size: number;
  #chunks: T[] = [];
  #last: T;
  /** Numbers in `#last`. */
  #filled = 0;

  /** @param make a chunk of that many numbers; @param size of a chunk */
  constructor(make: (length: number) => T, size = 1 << 16) {
    this.#make = make;
    this.#size = size;
    this.#last = make(0);
  }

  get length(): number {
    return this.#chunks.length * this.#size + this.#filled;
  }

  push(value: number): void {
    if (this.#filled === this.#last.length) this.#grow();
    this.#last[this.#filled++] = value;
  }

  append(values: T): void {
    for (let at = 0; at < values.length; ) {
      if (this.#filled === this.#last.length) this.#grow();
      const count = Math.min(values.length - at, this.#last.length - this.#filled);
      this.#last.set(values.subarray(at, at + count), this.#filled);
      this.#filled += count;
      at += count;
    }
  }

  /** Fills `target` from its start, and empties the column. */
  moveTo(target: T): void {
    let at = 0;
    for (let chunk = this.#chunks.shift(); chunk; chunk = this.#chunks.shift()) {
      target.set(chunk, at);
      at += chunk.length;
    }
    target.set(this.#last.subarray(0, this.#filled), at);
    this.#last = this.#make(0);
    this.#filled = 0;
  }

  /** A first chunk begins small, so that small sets stay small, and is replaced as it fills up. */
  #grow(): void {
    const { length } = this.#last;
    if (length === this.#size) {
      this.#chunks.push(this.#last);
      this.#last = this.#make(this.#size);
      this.#filled = 0;
      return;
    }
    const first = this.#make(Math.min(this.#size, Math.max(64, 4 * length)));
    first.set(this.#last);
    this.#last = first;
  }
}
