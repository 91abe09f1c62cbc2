import { chooseMix } from '../data/augment/mixing.js';
import { cropSize } from '../data/images/preprocessing.js';
import type { ImageIndex } from '../data/index/image-index.js';
import type { Mixed } from '../data/loader/worker-protocol.js';
import type { ExperimentPlan } from '../experiment/experiment-plan.js';
import type { Normalization } from '../experiment/input-normalization.js';
import { softTargets } from '../experiment/targets.js';
import { augmentation } from '../experiment/training-augmentation.js';
import { trainingLoader } from '../experiment/training-loader.js';

/** Images as training sees them, one position after another. */
export interface PreviewBatch {
  /** Draws before the first image. */
  position: number;
  /** `[n, height, width, 3]` */
  images: Float32Array;
  /** `[n]`: class, and image in the index. */
  labels: Int32Array;
  indices: Int32Array;
  mixed: Mixed | null;
  /** `[n, classes]`: what the losses aim at, where it is more than the label. */
  targets: Float32Array | null;
}

/**
 * The images that training draws at `position` and after, out of the loader that training itself uses.
 *
 * @param onNotice receives a line per file that was skipped
 * @throws DataError as training does
 */
export async function previewBatch(
  plan: ExperimentPlan,
  index: ImageIndex,
  normalization: Normalization,
  position: number,
  count: number,
  onNotice: (line: string) => void,
): Promise<PreviewBatch> {
  const { classes } = plan.network;
  const [height, width] = cropSize(normalization.preprocessing);
  const values = height * width * 3;
  const images = new Float32Array(count * values);
  const integers = (): Int32Array => new Int32Array(count);
  const batch = { images, labels: integers(), indices: integers(), position };
  const mixed = { labels: integers(), indices: integers(), shares: new Float32Array(count) };
  const mixing = augmentation(plan.config.data, normalization).mixing;
  const loader = trainingLoader(plan, index, normalization, position);
  try {
    for (let at = 0; at < count; at += plan.microBatch) {
      const part = await loader.next();
      if (!part) throw new Error('the training data ended');
      const size = Math.min(part.size, count - at);
      images.set(part.images.subarray(0, size * values), at * values);
      batch.labels.set(part.labels.subarray(0, size), at);
      batch.indices.set(part.indices.subarray(0, size), at);
      if (part.mixed) {
        mixed.labels.set(part.mixed.labels.subarray(0, size), at);
        mixed.indices.set(part.mixed.indices.subarray(0, size), at);
        mixed.shares.set(part.mixed.shares.subarray(0, size), at);
      }
      part.release();
    }
  } finally {
    await loader.close();
    for (const { path, reason } of loader.skipped) onNotice(`skipped: ${path}: ${reason}`);
  }
  const found = { ...batch, mixed: mixing ? mixed : null };
  const { labelSmoothing } = plan.config.training;
  return { ...found, targets: softTargets(found, classes, labelSmoothing) };
}

/** What an image is, for its caption: `70% own`, `30% other` and `cutmix`, or its class alone. */
export function captionOf(
  plan: ExperimentPlan,
  classes: readonly string[],
  { position, labels, mixed }: PreviewBatch,
  i: number,
  normalization: Normalization,
): [string] | [string, string, string] {
  const own = classes[labels[i]!]!;
  const { mixing } = augmentation(plan.config.data, normalization);
  const size = cropSize(normalization.preprocessing);
  const mix = mixing && chooseMix(size, mixing, plan.config.seed, position + i);
  if (!mix || !mixed) return [own];
  const percent = (share: number): string => `${Math.round(100 * share)}%`;
  const other = classes[mixed.labels[i]!]!;
  return [`${percent(mix.share)} ${own}`, `${percent(1 - mix.share)} ${other}`, mix.kind];
}
