/** What is counted of one class. */
export interface ClassCounts {
  /** Images of the class. */
  readonly images: number;
  /** Those of them that were taken for it. */
  readonly right: number;
  /** Images of all classes that were taken for it. */
  readonly predicted: number;
}

/** Percent; null where there is nothing to divide by. */
export interface ClassMetrics {
  /** Of the images that were taken for the class, those that are of it. */
  readonly precision: number | null;
  /** Of the images of the class, those that were taken for it: its top-1 accuracy. */
  readonly recall: number | null;
  /** The harmonic mean of the two: `2 right / (images + predicted)`. */
  readonly f1: number | null;
}

export function classMetrics({ images, right, predicted }: ClassCounts): ClassMetrics {
  return {
    precision: percent(right, predicted),
    recall: percent(right, images),
    f1: percent(2 * right, images + predicted),
  };
}

/**
 * Means over the classes that have images, all with equal weight; a class that nothing was taken for has a precision of
 * 0 in them. The mean recall is also called balanced accuracy. Null where no class has images.
 */
export function macroAverages(classes: readonly ClassCounts[]): ClassMetrics {
  const tested = classes.filter(({ images }) => images > 0).map(classMetrics);
  const mean = (key: keyof ClassMetrics): number | null =>
    tested.length === 0
      ? null
      : tested.reduce((sum, metrics) => sum + (metrics[key] ?? 0), 0) / tested.length;
  return { precision: mean('precision'), recall: mean('recall'), f1: mean('f1') };
}

const percent = (part: number, of: number): number | null => (of === 0 ? null : (100 * part) / of);
