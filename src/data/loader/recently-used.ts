/** Keeps what was made last, as long as it is not too large in all. What is being made is made once. */
export class RecentlyUsed<Key, Value> {
  /** The one used last at the end. */
  readonly #kept = new Map<Key, { value: Promise<Value>; size: number }>();
  #size = 0;

  /**
   * @param most size of all that is kept, beyond the last one
   * @param sizeOf a value, in the same unit
   */
  constructor(
    private readonly most: number,
    private readonly sizeOf: (value: Value) => number,
  ) {}

  /** @throws what `make` does, which is tried again next time */
  get(key: Key, make: () => Promise<Value>): Promise<Value> {
    const known = this.#kept.get(key);
    const entry = known ?? { value: make(), size: 0 };
    this.#kept.delete(key);
    this.#kept.set(key, entry);
    if (!known) {
      entry.value.then(
        (value) => {
          entry.size = this.sizeOf(value);
          this.#size += entry.size;
          this.#drop();
        },
        () => this.#kept.delete(key),
      );
    }
    return entry.value;
  }

  #drop(): void {
    for (const [key, { size }] of this.#kept) {
      if (this.#size <= this.most || this.#kept.size === 1) return;
      if (size === 0) continue; // it is being made
      this.#kept.delete(key);
      this.#size -= size;
    }
  }
}
