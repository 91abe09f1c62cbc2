/** Log-probabilities that differ by no more are equal but for rounding. */
const ROUNDING = 1e-5;

/** What was counted of some images; it survives JSON. */
interface SilentTally {
  readonly images: number;
  readonly classes: number;
  readonly undecided: number;
  readonly notNumbers: number;
  readonly alike: number;
  /** Bytes of the first scores, in base64. */
  readonly first: string | null;
}

/**
 * Watches for scores that say nothing. What is right among equal scores is decided by the order of the classes alone, so
 * that an accuracy may look like one though the network is dead.
 */
export class SilentScores {
  private images = 0;
  private classes = 0;
  private undecided = 0;
  private notNumbers = 0;
  private first: Float32Array | null = null;
  private alike = 0;

  /** @param row log-probabilities, or logits, `[classes]` of an image; copied if it is kept */
  add(row: Float32Array): void {
    this.images += 1;
    this.classes = row.length;
    if (row.some(Number.isNaN)) {
      this.notNumbers += 1;
      return;
    }
    if (row.length > 1 && row.every((score) => score === row[0])) this.undecided += 1;
    this.first ??= Float32Array.from(row);
    const { first } = this;
    if (this.alike === this.images - 1 && row.every((score, i) => near(score, first[i]!))) {
      this.alike += 1;
    }
  }

  tally(): SilentTally {
    const { images, classes, undecided, notNumbers, alike, first } = this;
    const bytes = first && Buffer.from(first.buffer, first.byteOffset, first.byteLength);
    return {
      images,
      classes,
      undecided,
      notNumbers,
      alike,
      first: bytes?.toString('base64') ?? null,
    };
  }

  /** Adds the images of another. */
  addTally(other: SilentTally): void {
    const first =
      other.first === null
        ? null
        : new Float32Array(Uint8Array.from(Buffer.from(other.first, 'base64')).buffer);
    const own = this.first;
    const same = !own || !first || own.every((score, i) => near(score, first[i]!));
    const constant = same && this.alike === this.images && other.alike === other.images;
    this.images += other.images;
    this.classes = Math.max(this.classes, other.classes);
    this.undecided += other.undecided;
    this.notNumbers += other.notNumbers;
    this.first ??= first;
    if (constant) this.alike = this.images;
  }

  /** Sentences for whoever reads the figures; none where all is well. */
  notices(): string[] {
    const { images, undecided, notNumbers } = this;
    const constant = images > 1 && this.alike === images && undecided < images;
    const of = (count: number): string =>
      count === images ? `all ${images}` : `${count} of ${images}`;
    return [
      ...(undecided > 0
        ? [
            `${of(undecided)} images have equal scores for all ${this.classes} classes: the network says nothing about them, and the first class counts as its answer`,
          ]
        : []),
      ...(constant
        ? [
            `all ${images} images have the same scores: what the network says does not depend on them`,
          ]
        : []),
      ...(notNumbers > 0
        ? [`${of(notNumbers)} images have scores that are not numbers: they count as wrong`]
        : []),
    ];
  }
}

const near = (a: number, b: number): boolean => a === b || Math.abs(a - b) <= ROUNDING;
