/** Of the k in top-k, the largest. */
const MOST = 5;

/** Counts over images: of those that count, how many have their label among the first k predictions. */
export class TopK {
  images = 0;
  private hits1 = 0;
  private hits5 = 0;
  private loss = 0;

  /**
   * Adds a batch. Rows whose label is -1 do not count. Among equal scores the lower class index comes first; a score
   * that is not a number never counts as right.
   *
   * @param logits `[labels.length, classes]`, row-major
   */
  add(logits: Float32Array, labels: Int32Array): void {
    const classes = logits.length / labels.length;
    labels.forEach((label, row) => {
      if (label < 0) return;
      const scores = logits.subarray(row * classes, (row + 1) * classes);
      const rank = rankOf(scores, label);
      this.images += 1;
      if (rank < 1) this.hits1 += 1;
      if (rank < MOST) this.hits5 += 1;
      this.loss += crossEntropy(scores, label);
    });
  }

  /** What was counted, for `addCounts` and `setCounts`. */
  counts(): number[] {
    return [this.images, this.hits1, this.hits5, this.loss];
  }

  setCounts(counts: readonly number[]): void {
    [this.images, this.hits1, this.hits5, this.loss] = [0, 0, 0, 0];
    this.addCounts(counts);
  }

  addCounts([images = 0, hits1 = 0, hits5 = 0, loss = 0]: readonly number[]): void {
    this.images += images;
    this.hits1 += hits1;
    this.hits5 += hits5;
    this.loss += loss;
  }

  /** Percentages; errors are 100 minus them. `loss` is the mean softmax cross-entropy. */
  result(): {
    images: number;
    loss: number;
    top1: number;
    top5: number;
    top1_err: number;
    top5_err: number;
  } {
    const percent = (hits: number): number => (this.images === 0 ? 0 : (100 * hits) / this.images);
    const [top1, top5] = [percent(this.hits1), percent(this.hits5)];
    const loss = this.images === 0 ? 0 : this.loss / this.images;
    return { images: this.images, loss, top1, top5, top1_err: 100 - top1, top5_err: 100 - top5 };
  }
}

/** How many classes come before `label`; infinite if its score is not a number. */
export function rankOf(scores: Float32Array, label: number): number {
  const own = scores[label]!;
  if (Number.isNaN(own)) return Number.POSITIVE_INFINITY;
  let rank = 0;
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i]!;
    if (score > own || (score === own && i < label)) rank += 1;
  }
  return rank;
}

/** The place of `label` from 1 on; of a score that is not a number one that is not among the first of any count. */
export function placeOf(scores: Float32Array, label: number): number {
  const rank = rankOf(scores, label);
  return Number.isFinite(rank) ? rank + 1 : lastPlace(scores.length);
}

/** The largest that `placeOf` gives. */
export const lastPlace = (classes: number): number => Math.max(classes, MOST) + 1;

function crossEntropy(scores: Float32Array, label: number): number {
  let highest = Number.NEGATIVE_INFINITY;
  for (const score of scores) highest = Math.max(highest, score);
  let total = 0;
  for (const score of scores) total += Math.exp(score - highest);
  return Math.log(total) + highest - scores[label]!;
}
