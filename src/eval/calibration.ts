/** Bins of equal width that probabilities are put into. */
const BINS = 15;

/** Images whose best class has a probability within a bin. Percent. */
interface CalibrationBin {
  readonly from: number;
  readonly to: number;
  readonly images: number;
  /** Mean probability of the best class, and how many of the images are of it; null without images. */
  readonly confidence: number | null;
  readonly accuracy: number | null;
}

/** Whether probabilities are what they say: of images with a best class at 80 %, 80 % should be of that class. */
export interface Calibration {
  /**
   * Expected calibration error, percentage points: the mean over the images of |accuracy − confidence| of their bin.
   * Null without images.
   */
  readonly ece: number | null;
  readonly bins: readonly CalibrationBin[];
}

/** Gathers a calibration image by image. */
export class CalibrationTally {
  private readonly images = new Float64Array(BINS);
  private readonly right = new Float64Array(BINS);
  private readonly confidence = new Float64Array(BINS);

  /**
   * @param probability of the best class, 0 to 1
   * @param right whether the image is of that class
   */
  add(probability: number, right: boolean): void {
    const bin = Math.min(BINS - 1, Math.floor(probability * BINS));
    this.images[bin]! += 1;
    this.confidence[bin]! += probability;
    if (right) this.right[bin]! += 1;
  }

  result(): Calibration {
    const images = this.images.reduce((sum, count) => sum + count, 0);
    const gaps = this.confidence.reduce((sum, confidence, bin) => {
      return sum + Math.abs(this.right[bin]! - confidence);
    }, 0);
    const bins = Array.from(this.images, (count, bin): CalibrationBin => {
      const share = (sum: number): number | null => (count === 0 ? null : (100 * sum) / count);
      return {
        from: (100 * bin) / BINS,
        to: (100 * (bin + 1)) / BINS,
        images: count,
        confidence: share(this.confidence[bin]!),
        accuracy: share(this.right[bin]!),
      };
    });
    return { ece: images === 0 ? null : (100 * gaps) / images, bins };
  }
}
