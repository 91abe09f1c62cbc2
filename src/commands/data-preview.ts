import sharp from 'sharp';
import { loadConfig } from '../config/load.js';
import { printConfig } from '../config/print.js';
import { cropSize } from '../data/images/preprocessing.js';
import { imagePath } from '../data/index/image-index.js';
import { cacheDir, indexCache } from '../experiment/data-cache.js';
import { paceSize } from '../experiment/epochs.js';
import { planExperiment } from '../experiment/experiment-plan.js';
import { openTrainingImages } from '../experiment/images.js';
import { normalization } from '../experiment/input-normalization.js';
import { writeOutput } from '../files.js';
import { captionOf, type PreviewBatch, previewBatch } from '../preview/batch.js';
import { contactSheet } from '../preview/contact-sheet.js';
import { encodeSafetensors, type NamedTensor } from '../safetensors.js';
import { version } from '../version.js';
import { PREVIEW_DEFAULTS } from './defaults.js';
import { type Hooks, indexingTo, listening, STATISTICS } from './hooks.js';
import { type ConfigOptions, checkOutput, withDefaults } from './options.js';

export interface DataPreviewOptions extends ConfigOptions {
  /** How many images. */
  n?: number;
  /** Draws before the first image. */
  position?: number;
  /** The same in epochs. */
  epoch?: number;
  /** PNG file to write. */
  out?: string;
  tensors?: string;
}

/**
 * `relaybp data preview`: a contact sheet of the images that training draws from a position on, exactly as it sees
 * them, and with `tensors` the very numbers (docs/data.md).
 *
 * @returns a line per image, and one about what was written
 */
export async function dataPreviewCommand(
  config: string,
  options: DataPreviewOptions = {},
  hooks: Hooks = {},
): Promise<string[]> {
  const { n, out, tensors: file } = withDefaults(options, PREVIEW_DEFAULTS);
  const { notice, progress } = listening(hooks);
  checkOutput('--out', out);
  checkOutput('--tensors', file);
  const plan = planExperiment(loadConfig(config, options.set));
  const { data, training, seed } = plan.config;
  const indexes = indexCache({ onNotice: notice, onProgress: indexingTo(progress) });
  const images = await openTrainingImages(data, notice, indexes);
  const normalized = await normalization(data, images, {
    cacheDir: cacheDir(),
    onNotice: notice,
    onProgress: (done, total) => progress({ what: STATISTICS, done, total }),
  });
  const { stepsPerEpoch } = paceSize(plan, images);
  const perEpoch = stepsPerEpoch * training.batchSize;
  const position = options.position ?? (options.epoch ?? 0) * perEpoch;
  const batch = await previewBatch(plan, images, normalized, position, n, notice);

  const captions = Array.from(batch.labels, (_, i) =>
    captionOf(plan, images.classes, batch, i, normalized),
  );
  const size = cropSize(normalized.preprocessing);
  const sheet = await contactSheet(batch.images, size, captions, normalized.preprocessing);
  const { width, height } = sheet;
  const png = await sharp(sheet.data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
  writeOutput(out, [png]);
  if (file) {
    const metadata = {
      relaybp: version,
      config: printConfig(plan.config),
      seed: String(seed),
      position: String(position),
      classes: JSON.stringify(images.classes),
    };
    const tensors = tensorsOf(batch, [...size, 3], plan.network.classes);
    writeOutput(file, encodeSafetensors(tensors, metadata));
  }
  const lines = captions.map((caption, i) => {
    const sources = [batch.indices[i]!, ...(caption.length > 1 ? [batch.mixed!.indices[i]!] : [])];
    const files = sources.map((image) => imagePath(images, image)).join(' + ');
    const [own, other, kind] = caption;
    const shown = other ? `${own} + ${other} (${kind})` : own;
    return `${position + i}  ${shown}  ${files}`;
  });
  const epoch = (position / perEpoch).toFixed(2);
  return [
    ...lines,
    `${out}: ${n} images from position ${position} on (epoch ${epoch}), ${width}x${height}`,
    ...(file ? [`${file}: the same as tensors`] : []),
  ];
}

/** `images`, `labels`, `indices`, where images are mixed `mixed.labels`, `mixed.indices`, `mixed.shares`, and `targets`. */
function tensorsOf(
  batch: PreviewBatch,
  input: readonly number[],
  classes: number,
): Map<string, NamedTensor> {
  const n = batch.labels.length;
  const list = (values: ArrayLike<number>): NamedTensor => ({
    shape: [n],
    values: Float32Array.from(values),
  });
  const { mixed, targets } = batch;
  return new Map<string, NamedTensor>([
    ['images', { shape: [n, ...input], values: batch.images }],
    ['labels', list(batch.labels)],
    ['indices', list(batch.indices)],
    ...(mixed
      ? ([
          ['mixed.labels', list(mixed.labels)],
          ['mixed.indices', list(mixed.indices)],
          ['mixed.shares', list(mixed.shares)],
        ] as const)
      : []),
    ...(targets ? ([['targets', { shape: [n, classes], values: targets }]] as const) : []),
  ]);
}
